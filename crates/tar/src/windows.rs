//! What an entry says about Windows, as values (OCI image-spec, layer.md: `MSWINDOWS.*`; libarchive: `LIBARCHIVE.*`).

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use base64::Engine;
use base64::alphabet;
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};
use winlayer_meta::attributes::FileAttributes;
use winlayer_meta::ea::{EaError, ExtendedAttribute, write_list};
use winlayer_meta::filetime::{FileTime, UnixTime};
use winlayer_meta::name::to_utf16_lossy;
use winlayer_meta::reparse::{ReparseError, ReparsePoint};
use winlayer_meta::security::{SecurityDescriptor, SecurityError};

use crate::entry::{EntryType, RawEntry};
use crate::pax;

/// The PAX records.
pub(crate) mod key {
    pub(crate) const ATTRIBUTES: &[u8] = b"MSWINDOWS.fileattr";
    pub(crate) const RAW_DESCRIPTOR: &[u8] = b"MSWINDOWS.rawsd";
    pub(crate) const SDDL_DESCRIPTOR: &[u8] = b"MSWINDOWS.sd";
    pub(crate) const MOUNT_POINT: &[u8] = b"MSWINDOWS.mountpoint";
    pub(crate) const EXTENDED_ATTRIBUTE: &[u8] = b"MSWINDOWS.xattr.";
    pub(crate) const CREATION_TIME: &[u8] = b"LIBARCHIVE.creationtime";
}

/// Standard base64 as Go reads it: bits that the last character has too many need not be 0.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

/// Windows' view of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WindowsMeta {
    /// The attributes, if the entry has the record. See [`WindowsMeta::effective_attributes`].
    pub attributes: Option<FileAttributes>,
    /// The self-relative security descriptor, as bytes.
    pub security: Option<Vec<u8>>,
    /// The extended attributes, in the order of their records; of a name that comes twice, the last.
    pub eas: Vec<ExtendedAttribute>,
    /// The reparse point of a symbolic link or junction.
    pub reparse: Option<ReparsePoint>,
    /// Creation time; the modification time where the entry has none.
    pub created: FileTime,
    /// Last access; the modification time where the entry has none.
    pub accessed: FileTime,
    /// Last write: the entry's modification time.
    pub modified: FileTime,
    /// Last change of the metadata; the modification time where the entry has none.
    pub changed: FileTime,
    /// Whether the entry is a directory, which attributes default from.
    is_directory: bool,
}

/// A record that does not say what it should.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MetaError {
    /// Not a number of 32 bits.
    #[error("MSWINDOWS.fileattr is {0:?}, which is not a decimal number of 32 bits")]
    Attributes(String),
    /// Not base64.
    #[error("{key} is not base64: {reason}")]
    Base64 {
        /// The record.
        key: String,
        /// What is wrong.
        reason: String,
    },
    /// Not a security descriptor.
    #[error("MSWINDOWS.rawsd is not a security descriptor: {0}")]
    Descriptor(SecurityError),
    /// Not SDDL.
    #[error("MSWINDOWS.sd is not a security descriptor: {0}")]
    Sddl(SecurityError),
    /// Not a time.
    #[error("{key} is {value:?}, which is not a time in seconds")]
    Time {
        /// The record.
        key: String,
        /// Its value.
        value: String,
    },
    /// An extended attribute that Windows could not hold.
    #[error("the extended attributes: {0}")]
    ExtendedAttributes(EaError),
    /// A link that Windows could not hold.
    #[error("the link's target: {0}")]
    Target(ReparseError),
    /// A link to nowhere.
    #[error("the link has no target")]
    NoTarget,
}

/// What metadata are read from: a tar entry, or what an index kept of one.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// What the entry is.
    pub kind: EntryType,
    /// Its modification time.
    pub mtime: UnixTime,
    /// Its link target, byte for byte.
    pub link: &'a [u8],
}

impl WindowsMeta {
    /// Reads the metadata of a tar entry.
    ///
    /// # Errors
    /// The record that does not say what it should.
    pub fn from_entry(entry: &RawEntry) -> Result<Self, MetaError> {
        let source = Source { kind: entry.kind, mtime: entry.mtime, link: &entry.link };
        Self::from_records(source, entry.pax.iter())
    }

    /// Reads metadata from PAX records, key and value.
    ///
    /// # Errors
    /// The record that does not say what it should.
    pub fn from_records<'a>(
        source: Source<'_>,
        records: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    ) -> Result<Self, MetaError> {
        let modified = file_time(source.mtime);
        let mut meta = Self {
            attributes: None,
            security: None,
            eas: Vec::new(),
            reparse: None,
            created: modified,
            accessed: modified,
            modified,
            changed: modified,
            is_directory: source.kind == EntryType::Directory,
        };
        let mut is_mount_point = false;
        let mut sddl = None;
        for (name, value) in records {
            match name {
                key::ATTRIBUTES => meta.attributes = Some(parse_attributes(value)?),
                key::RAW_DESCRIPTOR => meta.security = Some(decode(key::RAW_DESCRIPTOR, value)?),
                key::SDDL_DESCRIPTOR => sddl = Some(value),
                key::MOUNT_POINT => is_mount_point = true,
                key::CREATION_TIME => meta.created = parse_time(name, value)?,
                b"atime" if !value.is_empty() => meta.accessed = parse_time(name, value)?,
                b"ctime" if !value.is_empty() => meta.changed = parse_time(name, value)?,
                _ => {
                    if let Some(attribute) = name.strip_prefix(key::EXTENDED_ATTRIBUTE) {
                        let (name, value) = (attribute.to_vec(), decode(name, value)?);
                        meta.eas.push(ExtendedAttribute { flags: 0, name, value });
                    }
                }
            }
        }
        meta.eas = last_of_each_name(meta.eas);
        if let (None, Some(text)) = (&meta.security, sddl) {
            meta.security = Some(parse_sddl(text)?);
        }
        if source.kind == EntryType::Symlink {
            meta.reparse = Some(reparse_point(source.link, is_mount_point));
        }
        Ok(meta)
    }

    /// Checks what Windows would have to take: the security descriptor, the extended attributes, the reparse point.
    /// Reading does not, so that what a layer has can be looked at and passed on whatever it is.
    ///
    /// # Errors
    /// The part that Windows could not hold.
    pub fn check(&self) -> Result<(), MetaError> {
        if let Some(descriptor) = &self.security {
            SecurityDescriptor::validate(descriptor).map_err(MetaError::Descriptor)?;
        }
        if !self.eas.is_empty() {
            write_list(&self.eas).map_err(MetaError::ExtendedAttributes)?;
        }
        if let Some(point) = &self.reparse {
            if point.target().is_none_or(|target| target.is_empty()) {
                return Err(MetaError::NoTarget);
            }
            point.to_bytes().map_err(MetaError::Target)?;
        }
        Ok(())
    }

    /// The attributes, or what a file without the record has: the directory bit or nothing.
    pub fn effective_attributes(&self) -> FileAttributes {
        let default =
            if self.is_directory { FileAttributes::DIRECTORY } else { FileAttributes::from_bits(0) };
        self.attributes.unwrap_or(default)
    }
}

/// Of attributes with the same name the last, where the first was.
fn last_of_each_name(all: Vec<ExtendedAttribute>) -> Vec<ExtendedAttribute> {
    let mut places: HashMap<Vec<u8>, usize> = HashMap::new();
    let mut kept: Vec<ExtendedAttribute> = Vec::with_capacity(all.len());
    for attribute in all {
        match places.entry(attribute.name.clone()) {
            Entry::Occupied(place) => kept[*place.get()] = attribute,
            Entry::Vacant(place) => {
                place.insert(kept.len());
                kept.push(attribute);
            }
        }
    }
    kept
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn parse_attributes(value: &[u8]) -> Result<FileAttributes, MetaError> {
    let digits = value.iter().all(u8::is_ascii_digit);
    let number = std::str::from_utf8(value).ok().filter(|_| digits).and_then(|text| text.parse().ok());
    number.map(FileAttributes::from_bits).ok_or_else(|| MetaError::Attributes(text(value)))
}

fn decode(key: &[u8], value: &[u8]) -> Result<Vec<u8>, MetaError> {
    // Line breaks may stand anywhere, as Go has it.
    let without_breaks: Vec<u8> = value.iter().copied().filter(|b| !matches!(b, b'\r' | b'\n')).collect();
    BASE64
        .decode(without_breaks)
        .map_err(|error| MetaError::Base64 { key: text(key), reason: error.to_string() })
}

fn parse_sddl(value: &[u8]) -> Result<Vec<u8>, MetaError> {
    SecurityDescriptor::from_sddl(&text(value))
        .map(|descriptor| descriptor.to_bytes())
        .map_err(MetaError::Sddl)
}

fn parse_time(key: &[u8], value: &[u8]) -> Result<FileTime, MetaError> {
    let time =
        pax::parse_time(value).ok_or_else(|| MetaError::Time { key: text(key), value: text(value) })?;
    Ok(file_time(time))
}

/// The tick of a time, or the nearest one there is. What is less than a tick is cut off towards 1970, as the tools that
/// make layers do.
fn file_time(time: UnixTime) -> FileTime {
    let nanos = if time.secs < 0 { time.nanos.checked_next_multiple_of(100) } else { None };
    FileTime::from_unix_saturating(UnixTime { nanos: nanos.unwrap_or(time.nanos), ..time })
}

fn reparse_point(link: &[u8], is_mount_point: bool) -> ReparsePoint {
    let target = to_utf16_lossy(link);
    if is_mount_point { ReparsePoint::mount_point_to(&target) } else { ReparsePoint::symlink_to(&target) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(records: &[(&str, &str)], link: &str, secs: i64, nanos: u32) -> Result<WindowsMeta, MetaError> {
        let kind = if link.is_empty() { EntryType::File } else { EntryType::Symlink };
        let source = Source { kind, mtime: UnixTime { secs, nanos }, link: link.as_bytes() };
        WindowsMeta::from_records(
            source,
            records.iter().map(|(key, value)| (key.as_bytes(), value.as_bytes())),
        )
    }

    #[test]
    fn less_than_a_tick_is_cut_off_towards_1970() {
        let ticks = |secs, nanos| read(&[], "", secs, nanos).unwrap().modified.ticks();
        let epoch = FileTime::UNIX_EPOCH.ticks();
        assert_eq!(ticks(-1, 999_999_950), epoch);
        assert_eq!(ticks(-1, 999_999_850), epoch - 1);
        assert_eq!(ticks(0, 150), epoch + 1);
        assert_eq!(ticks(-1, u32::MAX), epoch + 32_949_672);
    }

    #[test]
    fn base64_is_read_as_go_reads_it() {
        let descriptor = |value| read(&[("MSWINDOWS.rawsd", value)], "", 0, 0).map(|meta| meta.security);
        assert_eq!(descriptor("AQ\nI=\r\n").unwrap(), Some(vec![1, 2]));
        assert_eq!(descriptor("AQJ=").unwrap(), Some(vec![1, 2]));
        assert!(descriptor("AQI").is_err());
        assert!(descriptor("A QI=").is_err());
    }

    #[test]
    fn a_link_to_nowhere_is_read_but_not_what_windows_takes() {
        let source = Source { kind: EntryType::Symlink, mtime: UnixTime::default(), link: b"" };
        let meta = WindowsMeta::from_records(source, std::iter::empty()).unwrap();
        assert!(matches!(meta.check(), Err(MetaError::NoTarget)));
        assert!(read(&[], "x", 0, 0).unwrap().check().is_ok());
    }
}
