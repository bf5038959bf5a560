//! EROFS images whose file data lives in other files, so that a tar can be mounted without being unpacked.
//!
//! EROFS is Linux's read-only file system. An image may name *devices*: further files that hold data. This
//! crate writes images that hold names, attributes and extended attributes only, while every byte of every
//! file stays where it already is: in the tars, which are the devices.
//!
//! ```text
//!   image (made here)                                       device 1: base.tar      device 2: layer.tar
//!   ┌───────────┬─────────┬────────┬─────────┬─────────┐    ┌───────────────────┐   ┌───────────────┐
//!   │superblock │ device  │ inodes │ shared  │directory│    │ … │ file data │ … │   │ … │ file data │
//!   │at 1024    │ table   │        │ xattrs  │ blocks  │    └───────▲───────────┘   └───────▲───────┘
//!   └───────────┴─────────┴───┬────┴─────────┴─────────┘            │                       │
//!                             └── chunk index: (device, block) ─────┴───────────────────────┘
//! ```
//!
//! The block size is 512 bytes, the alignment of file data in a tar. The kernel mounts such an image straight
//! from files since Linux 6.12, given one `device=` option for each device, in the order of
//! [`ImageBuilder::add_device`].
//!
//! # Steps
//!
//! 1. [`ImageBuilder`] collects devices, extended attributes, inodes and directory entries, in any order, and
//!    refuses at once what no image can express.
//! 2. [`ImageBuilder::build`] checks the tree as a whole and lays it out. Nothing has been written yet, and
//!    [`Image::size`] is known.
//! 3. [`Image::write_to`] streams the image, front to back, without seeking.
//!
//! ```
//! use winlayer_erofs::{Extent, ImageBuilder, Inode, Kind, Timestamp, Volume};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut builder = ImageBuilder::new(Volume::default());
//! let tar = builder.add_device(10_240, b"layer.tar")?;
//! let owner = builder.xattr(b"user.MSWINDOWS.rawsd", b"AQAEgBQ=")?;
//!
//! let mtime = Timestamp { seconds: 1_700_000_000, nanoseconds: 0 };
//! let root = builder.add_inode(&Inode {
//!     kind: Kind::Directory,
//!     permissions: 0o755,
//!     uid: 0,
//!     gid: 0,
//!     mtime,
//!     xattrs: &[owner],
//! })?;
//! let extent = Extent { file_offset: 0, device: tar, device_offset: 512, len: 1000 };
//! let file = builder.add_inode(&Inode {
//!     kind: Kind::File { size: 1000, extents: &[extent] },
//!     permissions: 0o644,
//!     uid: 0,
//!     gid: 0,
//!     mtime,
//!     xattrs: &[owner],
//! })?;
//! builder.add_entry(root, b"readme.txt", file)?;
//! builder.add_entry(root, b"the same file.txt", file)?;
//!
//! let image = builder.build(root)?;
//! let mut bytes = Vec::new();
//! image.write_to(&mut bytes)?;
//! assert_eq!(bytes.len() as u64, image.size());
//! # Ok(())
//! # }
//! ```
//!
//! # Same tree, same bytes
//!
//! The image is a function of the volume, the devices and the tree. Neither the order in which inodes, entries
//! and attributes were added nor the machine makes a difference; only the order of one inode's own attributes
//! is kept, since a listing shows it. Inode numbers follow from the layout and are stable for the same reason.
//!
//! # Limits
//!
//! | what | limit | why |
//! |---|---|---|
//! | devices | 65,535, each below 2 TiB | 16-bit device numbers, 32-bit block addresses |
//! | the image | below 2 TiB; inodes below 128 GiB; attributes and names below 4 GiB each | 32-bit addresses |
//! | a file | 2^63 - 1 bytes; data starts at multiples of 512 | what the kernel takes; whole blocks |
//! | fragmentation | 2^24 chunks beyond each file's first, over the whole image | bounds what a hostile sparse map costs: 128 MiB |
//! | a name | 1 to 255 bytes, neither `/` nor NUL | what the kernel takes; upper and lower case differ |
//! | a symbolic link's target | 1 to 4095 bytes, no NUL | what the kernel takes |
//! | an attribute | name at most 255 bytes, value at most 65,535 | 16-bit size |
//! | an inode's attributes | names at most 64 KiB together; 256 KiB stored beside the inode | what the kernel lists; 16-bit count |
//!
//! Describing, building and writing a million files takes half a second and 215 MB at most, everything
//! included (`benches/build.rs`: three attributes and a name of 24 bytes each, on 2 cores). No device is ever
//! opened: the crate does no I/O but for the [`Write`](std::io::Write) that it is given.
//!
//! The format is described in the kernel's `Documentation/filesystems/erofs.rst` and `fs/erofs/erofs_fs.h`,
//! whose structure and field names the comments use.

#![forbid(unsafe_code)]

mod builder;
mod directory;
mod error;
mod extent;
mod format;
mod image;
mod inode;
mod layout;
mod output;
mod tree;
mod xattr;

pub use builder::{ImageBuilder, Volume};
pub use error::{Error, ErrorKind};
pub use extent::Extent;
pub use image::Image;
pub use inode::{DeviceId, Inode, InodeId, Kind, Timestamp, XattrId};

/// The result of this crate's operations.
pub type Result<T, E = Error> = std::result::Result<T, E>;
