//! Reparse tags: the number that says which file system filter understands a reparse point.

use std::fmt;

/// A reparse tag, [MS-FSCC] 2.1.2.1. Any 32 bits are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReparseTag(pub u32);

macro_rules! tags {
    ($($(#[$doc:meta])+ $name:ident = $tag:literal;)+) => {
        impl ReparseTag {
            $($(#[$doc])+ pub const $name: Self = Self($tag);)+

            /// The name that Windows' headers give this tag, without `IO_REPARSE_TAG_`.
            #[must_use]
            pub const fn name(self) -> Option<&'static str> {
                match self {
                    $(Self::$name => Some(stringify!($name)),)+
                    _ => None,
                }
            }
        }
    };
}

tags! {
    /// A junction or a volume mount point.
    MOUNT_POINT = 0xA000_0003;
    /// Hierarchical storage, first generation.
    HSM = 0xC000_0004;
    /// Home Server's drive extender.
    DRIVE_EXTENDER = 0x8000_0005;
    /// Hierarchical storage, second generation.
    HSM2 = 0x8000_0006;
    /// Single-instance storage.
    SIS = 0x8000_0007;
    /// A file in a mounted Windows image.
    WIM = 0x8000_0008;
    /// A clustered shared volume.
    CSV = 0x8000_0009;
    /// Distributed file system.
    DFS = 0x8000_000A;
    /// Tests of the filter manager.
    FILTER_MANAGER = 0x8000_000B;
    /// A symbolic link.
    SYMLINK = 0xA000_000C;
    /// The web server's cache.
    IIS_CACHE = 0xA000_0010;
    /// Distributed file system replication.
    DFSR = 0x8000_0012;
    /// Data deduplication.
    DEDUP = 0x8000_0013;
    /// Streamed application packages.
    APPXSTRM = 0xC000_0014;
    /// A special file of the Network File System.
    NFS = 0x8000_0014;
    /// A cloud file of Windows 8.1.
    FILE_PLACEHOLDER = 0x8000_0015;
    /// Dynamic file filter.
    DFM = 0x8000_0016;
    /// A compressed file of the Windows overlay filter.
    WOF = 0x8000_0017;
    /// A placeholder of a container layer's file (Windows container isolation).
    WCI = 0x8000_0018;
    /// A placeholder of a container layer's directory.
    WCI_1 = 0x9000_1018;
    /// A link into the silo's root.
    GLOBAL_REPARSE = 0xA000_0019;
    /// A cloud file.
    CLOUD = 0x9000_001A;
    /// An application's execution alias.
    APPEXECLINK = 0x8000_001B;
    /// A projected file system's placeholder.
    PROJFS = 0x9000_001C;
    /// A symbolic link of the Linux subsystem.
    LX_SYMLINK = 0xA000_001D;
    /// Storage Sync.
    STORAGE_SYNC = 0x8000_001E;
    /// A deleted file of a container layer.
    WCI_TOMBSTONE = 0xA000_001F;
    /// A point that nothing handles.
    UNHANDLED = 0x8000_0020;
    /// A file of OneDrive.
    ONEDRIVE = 0x8000_0021;
    /// A deleted file of a projected file system.
    PROJFS_TOMBSTONE = 0xA000_0022;
    /// A UNIX domain socket.
    AF_UNIX = 0x8000_0023;
    /// A named pipe of the Linux subsystem.
    LX_FIFO = 0x8000_0024;
    /// A character device of the Linux subsystem.
    LX_CHR = 0x8000_0025;
    /// A block device of the Linux subsystem.
    LX_BLK = 0x8000_0026;
    /// A hard link inside a container layer.
    WCI_LINK = 0xA000_0027;
    /// A hard link inside a container layer, second form.
    WCI_LINK_1 = 0xA000_1027;
}

impl ReparseTag {
    /// Whether Microsoft owns the tag. If not, a GUID tells whose it is.
    #[must_use]
    pub const fn is_microsoft(self) -> bool {
        self.0 & 0x8000_0000 != 0
    }

    /// Whether the file stands for another named thing, as a link does.
    #[must_use]
    pub const fn is_name_surrogate(self) -> bool {
        self.0 & 0x2000_0000 != 0
    }
}

/// The name, or the number in hexadecimal where there is none.
impl fmt::Display for ReparseTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "{:#010x}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_say_their_name_owner_and_whether_they_stand_for_another_file() {
        assert_eq!(ReparseTag::WCI_TOMBSTONE.to_string(), "WCI_TOMBSTONE");
        assert_eq!(ReparseTag(0x8000_0018), ReparseTag::WCI);
        assert_eq!(ReparseTag(0x0000_2A3B).to_string(), "0x00002a3b");
        assert!(ReparseTag::SYMLINK.is_name_surrogate() && ReparseTag::SYMLINK.is_microsoft());
        assert!(!ReparseTag::WCI.is_name_surrogate());
        assert!(!ReparseTag(0x0000_2A3B).is_microsoft());
    }
}
