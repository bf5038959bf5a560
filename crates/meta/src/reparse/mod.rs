//! Reparse points: symbolic links, junctions and the marks that file system filters leave on files.
//!
//! [MS-FSCC] 2.1.2. Symbolic links and mount points are taken apart; every other point keeps its bytes.

mod tag;
mod target;

pub use tag::ReparseTag;

use std::borrow::Cow;

const HEADER_LEN: usize = 8;
const GUID_LEN: usize = 16;
/// Offset and length of the substitute name, then of the print name.
const NAME_FIELDS_LEN: usize = 8;
const SYMLINK_FLAGS_LEN: usize = 4;
const SYMLINK_FLAG_RELATIVE: u32 = 1;

/// The most bytes that Windows stores or accepts as one reparse point (MAXIMUM_REPARSE_DATA_BUFFER_SIZE).
pub const MAX_LEN: usize = 16 * 1024;

/// What a file with the attribute `REPARSE_POINT` carries.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ReparsePoint {
    /// A symbolic link to a file or a directory, [MS-FSCC] 2.1.2.4.
    Symlink {
        /// The path that Windows follows, such as `\??\C:\Windows` or `..\x`, in UTF-16.
        substitute: Vec<u16>,
        /// The path shown to people, in UTF-16; it may be empty.
        print: Vec<u16>,
        /// Where the substitute name starts from.
        base: TargetBase,
    },
    /// A junction or a volume mount point, [MS-FSCC] 2.1.2.5.
    MountPoint {
        /// The path that Windows follows, in UTF-16.
        substitute: Vec<u16>,
        /// The path shown to people, in UTF-16; it may be empty.
        print: Vec<u16>,
    },
    /// Any other point, byte for byte, [MS-FSCC] 2.1.2.2 and 2.1.2.3.
    Other {
        /// Which filter understands it.
        tag: ReparseTag,
        /// The header's reserved field: 0, but kept if it is not.
        reserved: u16,
        /// Whose point it is; there exactly when the tag is not Microsoft's.
        guid: Option<[u8; GUID_LEN]>,
        /// What follows the header.
        data: Vec<u8>,
    },
}

/// Where the path in a symbolic link starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TargetBase {
    /// The object manager's root: the substitute name is a full NT path.
    Absolute,
    /// The link's own directory, or its volume for a path that starts with `\` (SYMLINK_FLAG_RELATIVE).
    Relative,
}

/// Why a reparse point could not be read or written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReparseError {
    /// Too short for its header.
    #[error("reparse point of {len} bytes is too short for its header of {needed}")]
    ShortHeader {
        /// All bytes there are.
        len: usize,
        /// The header's length.
        needed: usize,
    },
    /// The length in the header is not that of the data.
    #[error("reparse point {tag} announces {announced} bytes of data, but {found} follow")]
    WrongLength {
        /// The point's tag.
        tag: ReparseTag,
        /// What the header says.
        announced: usize,
        /// What there is.
        found: usize,
    },
    /// A name lies beyond the data or is not whole UTF-16 units.
    #[error("reparse point {tag}: the {name} name is {len} bytes at {offset}, the names have {available}")]
    BadName {
        /// The point's tag.
        tag: ReparseTag,
        /// `substitute` or `print`.
        name: &'static str,
        /// Where it should start, counted from the first name.
        offset: usize,
        /// Its length in bytes.
        len: usize,
        /// How many bytes there are for names.
        available: usize,
    },
    /// Larger than Windows stores.
    #[error("reparse point {tag} of {len} bytes is larger than Windows stores ({MAX_LEN})")]
    TooLong {
        /// The point's tag.
        tag: ReparseTag,
        /// Its length with the header.
        len: usize,
    },
    /// A GUID where Microsoft's tags have none, or none where others need one.
    #[error("reparse point {tag}: a point has a GUID exactly when its tag is not Microsoft's")]
    GuidMismatch {
        /// The point's tag.
        tag: ReparseTag,
    },
}

impl ReparsePoint {
    /// The symbolic link to a Windows path, as layer tars name one; see [`ReparsePoint::target`] for the way back.
    ///
    /// `/` becomes `\`. Paths with a drive, UNC paths and paths that start with `\\?\` are absolute, others relative.
    #[must_use]
    pub fn symlink_to(target: &[u16]) -> Self {
        let print = target::with_backslashes(target);
        match target::to_nt_path(&print) {
            Some(substitute) => Self::Symlink { substitute, print, base: TargetBase::Absolute },
            None => Self::Symlink { substitute: print.clone(), print, base: TargetBase::Relative },
        }
    }

    /// The mount point to a Windows path, as layer tars name one.
    #[must_use]
    pub fn mount_point_to(target: &[u16]) -> Self {
        let print = target::with_backslashes(target);
        let substitute = target::to_nt_path(&print).unwrap_or_else(|| print.clone());
        Self::MountPoint { substitute, print }
    }

    /// Where a link leads, for a tar or a person: the print name or, if that is empty, the substitute name as a
    /// Windows path. `None` for points that are not links.
    #[must_use]
    pub fn target(&self) -> Option<Cow<'_, [u16]>> {
        match self {
            Self::Symlink { substitute, print, .. } | Self::MountPoint { substitute, print } => {
                if print.is_empty() { Some(target::from_nt_path(substitute)) } else { Some(print.into()) }
            }
            Self::Other { .. } => None,
        }
    }

    /// Which filter understands the point.
    #[must_use]
    pub const fn tag(&self) -> ReparseTag {
        match self {
            Self::Symlink { .. } => ReparseTag::SYMLINK,
            Self::MountPoint { .. } => ReparseTag::MOUNT_POINT,
            Self::Other { tag, .. } => *tag,
        }
    }

    /// Reads a REPARSE_DATA_BUFFER, or a REPARSE_GUID_DATA_BUFFER where the tag is not Microsoft's.
    ///
    /// Links may have their names in any order, and overlapping; their padding and reserved bits are not kept.
    ///
    /// # Errors
    /// When the lengths and offsets do not describe exactly these bytes, or there are more than [`MAX_LEN`].
    pub fn parse(bytes: &[u8]) -> Result<Self, ReparseError> {
        let short = |needed| ReparseError::ShortHeader { len: bytes.len(), needed };
        let (header, mut data) = bytes.split_first_chunk::<HEADER_LEN>().ok_or_else(|| short(HEADER_LEN))?;
        let [t0, t1, t2, t3, len0, len1, reserved0, reserved1] = *header;
        let tag = ReparseTag(u32::from_le_bytes([t0, t1, t2, t3]));
        if bytes.len() > MAX_LEN {
            return Err(ReparseError::TooLong { tag, len: bytes.len() });
        }
        let mut guid = None;
        if !tag.is_microsoft() {
            let (first, rest) =
                data.split_first_chunk::<GUID_LEN>().ok_or_else(|| short(HEADER_LEN + GUID_LEN))?;
            guid = Some(*first);
            data = rest;
        }
        let announced = usize::from(u16::from_le_bytes([len0, len1]));
        if announced != data.len() {
            return Err(ReparseError::WrongLength { tag, announced, found: data.len() });
        }
        match tag {
            ReparseTag::SYMLINK => parse_symlink(data),
            ReparseTag::MOUNT_POINT => parse_mount_point(data),
            _ => Ok(Self::Other {
                tag,
                reserved: u16::from_le_bytes([reserved0, reserved1]),
                guid,
                data: data.to_vec(),
            }),
        }
    }

    /// Writes the point as Windows stores it: for links, the substitute name, NUL, the print name, NUL.
    ///
    /// # Errors
    /// When it is longer than [`MAX_LEN`], or its GUID does not fit its tag.
    pub fn to_bytes(&self) -> Result<Vec<u8>, ReparseError> {
        match self {
            Self::Symlink { substitute, print, base } => {
                let flags = match base {
                    TargetBase::Absolute => 0,
                    TargetBase::Relative => SYMLINK_FLAG_RELATIVE,
                };
                write_link(ReparseTag::SYMLINK, substitute, print, &flags.to_le_bytes())
            }
            Self::MountPoint { substitute, print } => {
                write_link(ReparseTag::MOUNT_POINT, substitute, print, &[])
            }
            Self::Other { tag, guid, .. } if tag.is_microsoft() == guid.is_some() => {
                Err(ReparseError::GuidMismatch { tag: *tag })
            }
            Self::Other { tag, reserved, guid, data } => {
                let guid = guid.as_ref().map_or(&[][..], |guid| guid);
                let mut bytes = header(*tag, *reserved, guid.len(), data.len())?;
                bytes.extend_from_slice(guid);
                bytes.extend_from_slice(data);
                Ok(bytes)
            }
        }
    }
}

fn parse_symlink(data: &[u8]) -> Result<ReparsePoint, ReparseError> {
    let (fixed, names) = split_fixed::<{ NAME_FIELDS_LEN + SYMLINK_FLAGS_LEN }>(data)?;
    let [fields @ .., flags0, flags1, flags2, flags3] = *fixed;
    let (substitute, print) = names_at(ReparseTag::SYMLINK, fields, names)?;
    let base = match u32::from_le_bytes([flags0, flags1, flags2, flags3]) & SYMLINK_FLAG_RELATIVE {
        0 => TargetBase::Absolute,
        _ => TargetBase::Relative,
    };
    Ok(ReparsePoint::Symlink { substitute, print, base })
}

fn parse_mount_point(data: &[u8]) -> Result<ReparsePoint, ReparseError> {
    let (fields, names) = split_fixed::<NAME_FIELDS_LEN>(data)?;
    let (substitute, print) = names_at(ReparseTag::MOUNT_POINT, *fields, names)?;
    Ok(ReparsePoint::MountPoint { substitute, print })
}

fn split_fixed<const LEN: usize>(data: &[u8]) -> Result<(&[u8; LEN], &[u8]), ReparseError> {
    let short = || ReparseError::ShortHeader { len: HEADER_LEN + data.len(), needed: HEADER_LEN + LEN };
    data.split_first_chunk::<LEN>().ok_or_else(short)
}

fn names_at(
    tag: ReparseTag,
    fields: [u8; NAME_FIELDS_LEN],
    names: &[u8],
) -> Result<(Vec<u16>, Vec<u16>), ReparseError> {
    let [so0, so1, sl0, sl1, po0, po1, pl0, pl1] = fields;
    let name_at = |name, offset, len| {
        let (offset, len) = (usize::from(u16::from_le_bytes(offset)), usize::from(u16::from_le_bytes(len)));
        let bytes = names.get(offset..offset + len).filter(|_| len % 2 == 0);
        bytes.map(units).ok_or(ReparseError::BadName { tag, name, offset, len, available: names.len() })
    };
    Ok((name_at("substitute", [so0, so1], [sl0, sl1])?, name_at("print", [po0, po1], [pl0, pl1])?))
}

fn units(bytes: &[u8]) -> Vec<u16> {
    bytes.as_chunks().0.iter().map(|unit| u16::from_le_bytes(*unit)).collect()
}

fn write_link(
    tag: ReparseTag,
    substitute: &[u16],
    print: &[u16],
    flags: &[u8],
) -> Result<Vec<u8>, ReparseError> {
    let (substitute_len, print_len) = (substitute.len() * 2, print.len() * 2);
    let print_offset = substitute_len + 2;
    let mut bytes = header(tag, 0, 0, NAME_FIELDS_LEN + flags.len() + print_offset + print_len + 2)?;
    for field in [0, substitute_len, print_offset, print_len] {
        bytes.extend_from_slice(&length_field(tag, field)?);
    }
    bytes.extend_from_slice(flags);
    for name in [substitute, print] {
        bytes.extend(name.iter().flat_map(|unit| unit.to_le_bytes()));
        bytes.extend_from_slice(&[0, 0]);
    }
    Ok(bytes)
}

/// The header of a point, with room for the rest.
fn header(tag: ReparseTag, reserved: u16, guid_len: usize, data_len: usize) -> Result<Vec<u8>, ReparseError> {
    let len = HEADER_LEN + guid_len + data_len;
    if len > MAX_LEN {
        return Err(ReparseError::TooLong { tag, len });
    }
    let mut bytes = Vec::with_capacity(len);
    bytes.extend_from_slice(&tag.0.to_le_bytes());
    bytes.extend_from_slice(&length_field(tag, data_len)?);
    bytes.extend_from_slice(&reserved.to_le_bytes());
    Ok(bytes)
}

fn length_field(tag: ReparseTag, len: usize) -> Result<[u8; 2], ReparseError> {
    u16::try_from(len).map(u16::to_le_bytes).map_err(|_| ReparseError::TooLong { tag, len })
}
