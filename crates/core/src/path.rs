//! Paths inside a layer: where a tar entry may lie, what its name means (node, stream, whiteout), and how people may
//! write such a path.
//!
//! A layer has three roots: `Files` (what a container sees as `C:\`), `Hives` (registry deltas) and `UtilityVM`.
//! Nothing may lie beside them, above them, or climb out of them.

use std::fmt;

use winlayer_meta::name;
use winlayer_tar::whiteout::{self, Whiteout};

use crate::error::{Error, Result};

/// The longest path that NTFS can name, in UTF-16 units, the layer's root included ([MS-FSCC] 2.1.5).
pub const MAX_PATH_UNITS: usize = 32_767;

/// The root that a path lies under.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Root {
    /// The file system that a container sees as `C:\`.
    Files,
    /// Registry hive deltas, plain files.
    Hives,
    /// The utility VM's boot files, with a `Files` of its own.
    UtilityVm,
}

impl Root {
    /// All roots, in the order in which layer tars have them.
    pub const ALL: [Self; 3] = [Self::Files, Self::Hives, Self::UtilityVm];

    /// The root's name in a layer tar.
    pub fn name(self) -> &'static str {
        match self {
            Self::Files => "Files",
            Self::Hives => "Hives",
            Self::UtilityVm => "UtilityVM",
        }
    }
}

/// A checked path inside a layer: `/`-separated, beginning with a [`Root`], no trailing separator, every component a
/// name that NTFS can store. Bytes are WTF-8, so that names with lone surrogates survive.
///
/// Equality and order are by bytes. Windows' view (case-insensitive) is [`winlayer_meta::name::tree_cmp`].
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LayerPath(Vec<u8>);

impl LayerPath {
    /// A path in the layer from the name that a tar gives it.
    ///
    /// Trailing separators, `.` and empty components say nothing and are left out; `..`, a drive, backslashes and
    /// anything outside the roots are refused.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) with the rule that is broken.
    pub fn from_tar(tar_name: &[u8]) -> Result<Self> {
        if tar_name.first() == Some(&b'/') {
            return Err(Error::invalid(
                "an absolute path; paths in a layer begin with Files, Hives or UtilityVM",
            ));
        }
        let mut path = Vec::with_capacity(tar_name.len());
        for component in components(tar_name) {
            name::check_component(component).map_err(|rule| Error::invalid(rule.to_string()))?;
            if !path.is_empty() {
                path.push(b'/');
            }
            path.extend_from_slice(component);
        }
        Self::checked(path)
    }

    /// A path as a person writes it: either slash, with or without `C:\` or `Files/` in front, any case.
    /// `/`, `\` and `C:\` are the root of `Files`.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) with the rule that is broken.
    pub fn from_user(text: &str) -> Result<Self> {
        let slashed = text.replace('\\', "/");
        let in_files = strip_drive(&slashed);
        let mut path = Vec::with_capacity(slashed.len() + 6);
        for component in components(in_files.unwrap_or(&slashed).as_bytes()) {
            name::check_component(component)
                .map_err(|rule| Error::invalid(format!("path {text:?}: {rule}")))?;
            if path.is_empty() {
                match Root::ALL.into_iter().find(|root| name::fold_eq(root.name().as_bytes(), component)) {
                    Some(root) if in_files.is_none() => {
                        path.extend_from_slice(root.name().as_bytes());
                        continue;
                    }
                    _ => path.extend_from_slice(Root::Files.name().as_bytes()),
                }
            }
            path.push(b'/');
            path.extend_from_slice(component);
        }
        if path.is_empty() {
            path.extend_from_slice(Root::Files.name().as_bytes());
        }
        Self::checked(path)
    }

    /// The path of a root.
    pub fn root_of(root: Root) -> Self {
        Self(root.name().as_bytes().to_vec())
    }

    /// Takes bytes that are known to be a checked path: an engine's index, or parts of other paths.
    pub fn from_checked(path: Vec<u8>) -> Self {
        Self(path)
    }

    fn checked(path: Vec<u8>) -> Result<Self> {
        let first = path.split(|&b| b == b'/').next().unwrap_or_default();
        if !Root::ALL.iter().any(|root| root.name().as_bytes() == first) {
            let spelled = Root::ALL.iter().find(|root| name::fold_eq(root.name().as_bytes(), first));
            return Err(match spelled {
                Some(root) => Error::invalid(format!("the root of a layer is spelled {:?}", root.name())),
                None => Error::invalid("outside the layer's roots Files, Hives and UtilityVM"),
            });
        }
        if path.len() > MAX_PATH_UNITS
            && name::to_utf16(&path).map_or(0, |units| units.len()) > MAX_PATH_UNITS
        {
            return Err(Error::invalid(format!("a path of more than {MAX_PATH_UNITS} UTF-16 units")));
        }
        Ok(Self(path))
    }

    /// The bytes (WTF-8).
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The root that it lies under.
    pub fn root(&self) -> Root {
        match self.0.first() {
            Some(b'H') => Root::Hives,
            Some(b'U') => Root::UtilityVm,
            _ => Root::Files,
        }
    }

    /// Whether it is a root itself.
    pub fn is_root(&self) -> bool {
        !self.0.contains(&b'/')
    }

    /// The last component.
    pub fn file_name(&self) -> &[u8] {
        file_name(&self.0)
    }

    /// The directory that it lies in; `None` for a root.
    pub fn parent(&self) -> Option<Self> {
        parent(&self.0).map(|parent| Self(parent.to_vec()))
    }

    /// What the container calls it, relative to `C:\`: the path below `Files/`, or `None` outside.
    pub fn in_files(&self) -> Option<&[u8]> {
        match self.0.strip_prefix(b"Files") {
            Some([]) => Some(&[]),
            Some([b'/', rest @ ..]) => Some(rest),
            _ => None,
        }
    }
}

/// The last component of a `/`-separated path.
pub fn file_name(path: &[u8]) -> &[u8] {
    path.rsplit(|&b| b == b'/').next().unwrap_or(path)
}

/// All but the last component of a `/`-separated path, if there is more than one.
pub fn parent(path: &[u8]) -> Option<&[u8]> {
    path.iter().rposition(|&b| b == b'/').map(|slash| &path[..slash])
}

/// Where each component of a `/`-separated path ends.
pub fn component_ends(path: &[u8]) -> impl Iterator<Item = usize> + '_ {
    let slashes = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
    slashes.chain(std::iter::once(path.len()))
}

/// How many components two `/`-separated paths have in common from their front, ignoring case.
pub fn shared_components(a: &[u8], b: &[u8]) -> usize {
    let slash = |byte: &u8| *byte == b'/';
    a.split(slash).zip(b.split(slash)).take_while(|(a, b)| name::fold_eq(a, b)).count()
}

fn components(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|&b| b == b'/').filter(|component| !component.is_empty() && *component != b".")
}

/// `C:` or `C:/…` without the drive; `/…` as it is, but certain to be in `Files`.
fn strip_drive(path: &str) -> Option<&str> {
    match path.as_bytes() {
        [b'c' | b'C', b':'] => Some(""),
        [b'c' | b'C', b':', b'/', ..] => Some(&path[3..]),
        _ => None,
    }
}

impl fmt::Display for LayerPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.0))
    }
}

impl fmt::Debug for LayerPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", String::from_utf8_lossy(&self.0))
    }
}

/// What the name of a tar entry means in a layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryName {
    /// The tar's own top directory (`.` or `./`): nothing to Windows.
    Top,
    /// A directory, file, link or reparse point.
    Node(LayerPath),
    /// An alternate data stream of a file or directory.
    Stream {
        /// The file or directory that has the stream.
        of: LayerPath,
        /// The stream's name, without `:` and type.
        stream: Vec<u8>,
    },
    /// A whiteout: the path is gone in this layer.
    Whiteout(LayerPath),
}

impl EntryName {
    /// Tells what a tar entry's name means.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput): the name breaks a rule of [`LayerPath::from_tar`],
    /// is an opaque or malformed whiteout, whites out a root or something outside `Files` and `UtilityVM`, or is a
    /// stream of another type than `$DATA`, or the main stream by its long name.
    pub fn parse(tar_name: &[u8]) -> Result<Self> {
        if components(tar_name).next().is_none() && tar_name.first() == Some(&b'.') {
            return Ok(Self::Top);
        }
        if let Some(target) = whiteout_target(tar_name)? {
            return Ok(Self::Whiteout(target));
        }
        let trimmed = trim_slashes(tar_name);
        if file_name(trimmed).contains(&b':') {
            return Self::parse_stream(trimmed);
        }
        let path = LayerPath::from_tar(tar_name)?;
        if path.file_name().starts_with(b".wh.") {
            return Err(Error::invalid("a whiteout whose name goes on with `/.`"));
        }
        Ok(Self::Node(path))
    }

    fn parse_stream(tar_name: &[u8]) -> Result<Self> {
        let last = file_name(tar_name);
        let (file, stream, kind) = name::split_stream(last);
        let of = LayerPath::from_tar(&tar_name[..tar_name.len() - last.len() + file.len()])?;
        let known_type = kind.is_none_or(|kind| kind.eq_ignore_ascii_case(b"$DATA"));
        match stream {
            Some(stream) if known_type && !file.is_empty() && !stream.is_empty() => {
                // A stream's name may have nothing that a file's may not have.
                name::check_component(stream).map_err(|rule| Error::invalid(rule.to_string()))?;
                Ok(Self::Stream { of, stream: stream.to_vec() })
            }
            _ => Err(Error::invalid(
                "not an alternate data stream: it has the form FILE:NAME or FILE:NAME:$DATA",
            )),
        }
    }
}

fn whiteout_target(tar_name: &[u8]) -> Result<Option<LayerPath>> {
    let target = match whiteout::classify(tar_name).map_err(|error| Error::invalid(error.to_string()))? {
        Whiteout::No => return Ok(None),
        Whiteout::Of(target) => LayerPath::from_tar(&target)?,
    };
    if target.is_root() || target.root() == Root::Hives {
        return Err(Error::invalid("a whiteout may only name something below Files or UtilityVM"));
    }
    Ok(Some(target))
}

fn trim_slashes(path: &[u8]) -> &[u8] {
    let end = path.iter().rposition(|&b| b != b'/').map_or(0, |last| last + 1);
    &path[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(text: &str) -> String {
        LayerPath::from_user(text).unwrap().to_string()
    }

    #[test]
    fn people_may_write_a_path_in_many_ways() {
        for text in [
            "Windows/System32",
            r"\Windows\System32",
            r"C:\Windows\System32",
            "c:/Windows/System32/",
            "files/Windows/System32",
            "/Files/Windows/./System32",
        ] {
            assert_eq!(user(text), "Files/Windows/System32", "{text}");
        }
        for text in ["", "/", "\\", "C:", r"C:\", "Files", "files/"] {
            assert_eq!(user(text), "Files", "{text}");
        }
        assert_eq!(user("hives/System_Delta"), "Hives/System_Delta");
        assert_eq!(user("UTILITYVM"), "UtilityVM");
        assert_eq!(user(r"C:\Hives\x"), "Files/Hives/x");
    }

    #[test]
    fn nothing_climbs_out_of_a_layer() {
        for name in [
            "/Files/a",
            "Files/../x",
            "../x",
            "Files/..",
            "C:/Windows",
            "Files/C:/x",
            "Other/x",
            "layout",
            "Files/a\\b",
            "files/x",
        ] {
            assert!(LayerPath::from_tar(name.as_bytes()).is_err(), "{name}");
        }
        assert!(LayerPath::from_user(r"..\x").is_err());
        assert!(LayerPath::from_user(r"D:\x").is_err());
    }

    #[test]
    fn dots_and_doubled_slashes_in_a_tar_say_nothing() {
        assert_eq!(LayerPath::from_tar(b"./Files//a/./b/").unwrap().as_bytes(), b"Files/a/b");
        assert_eq!(EntryName::parse(b"./").unwrap(), EntryName::Top);
    }

    #[test]
    fn names_tell_nodes_streams_and_whiteouts_apart() {
        let node = |p: &[u8]| LayerPath::from_tar(p).unwrap();
        assert_eq!(EntryName::parse(b"Files/a").unwrap(), EntryName::Node(node(b"Files/a")));
        assert_eq!(EntryName::parse(b"Files/.wh.a").unwrap(), EntryName::Whiteout(node(b"Files/a")));
        let stream = EntryName::Stream { of: node(b"Files/a"), stream: b"s".to_vec() };
        assert_eq!(EntryName::parse(b"Files/a:s").unwrap(), stream);
        assert_eq!(EntryName::parse(b"Files/a:s:$DATA").unwrap(), stream);
    }

    #[test]
    fn whiteouts_and_streams_that_mean_nothing_are_refused() {
        for name in [
            &b".wh.Files"[..],
            b"Hives/.wh.System_Delta",
            b"Files/.wh.",
            b"Files/.wh...",
            b"Files/.wh.a/.",
            b"Files/d/.wh..wh..opq",
            b"Files/a::$DATA",
            b"Files/a:s:$INDEX_ALLOCATION",
            b"Files/a:",
            b"Files/a:b:c:d",
        ] {
            assert!(EntryName::parse(name).is_err(), "{}", String::from_utf8_lossy(name));
        }
    }
}
