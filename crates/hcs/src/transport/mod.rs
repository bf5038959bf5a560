//! The transport format: the directory that HCS's `ImportLayer` takes and `ExportLayer` makes, to and from layer tars.
//!
//! ```text
//! DIR/Files/…            file: attributes (u32, little-endian) + backup stream
//!                        directory NAME: a plain directory, and beside it a file NAME.$wcidirs$ of the same form
//! DIR/Files.$wcidirs$    only for ImportLayer
//! DIR/Hives/…            registry deltas, plain data; DIR/Hives.$wcidirs$ as above
//! DIR/UtilityVM/…        not read by ImportLayer: for the engine to apply to the destination, in the same form as Files
//!                        if DIR/UtilityVM.$wcidirs$ is there; from ExportLayer plain directories and data
//! DIR/tombstones.txt     UTF-8 with byte order mark: `Version 1.0`, then a line \PATH for each whiteout, below Files
//! ```
//!
//! [`unpack`] makes what `ImportLayer` takes. Hard links and whiteouts are no part of that: they are made in the
//! destination afterwards, so they come back as [`Unpacked`]. [`complete`] puts them into the directory, as `ExportLayer`
//! has them; then [`pack`] finds them.
//!
//! Times belong to the files of the directory. Windows' files have them, apart from the time of the change, which is taken
//! for that of the last write; on Linux an extended attribute keeps all four. Without that, all are the last write.
//!
//! # What the format loses
//! Unpacking, completing and packing again keeps names, data, attributes, times, security descriptors, extended
//! attributes, reparse points, alternate streams, hard links and whiteouts, but not
//! - of `Files`, and of `Hives` and what is in it: security, extended attributes, streams, and attributes other than the
//!   plain ones. `Files` and `Hives` have the times of `Hives/System_Delta`, and there creation and access are the last
//!   write;
//! - hard links to files of parent layers and whiteouts in `UtilityVM`, which [`complete`] names;
//! - which name of a file comes first and which are the hard links: the first in the order of the tar is the file;
//! - attributes and times that a hard link's own entry claims, flags of extended attributes, mode bits, owner and group,
//!   PAX records that say nothing of Windows, and the order of entries: packing goes by the bytes of the names, whiteouts
//!   right behind their directory, or the nearest one above it that the layer has;
//! - the difference between attributes and times that are missing and those that this stands for.
//!
//! Names are limited by the file system: Linux takes 255 bytes, of which `.$wcidirs$` needs 10, and 4096 in a path.

mod complete;
mod disk;
mod error;
mod names;
mod pack;
mod times;
mod tombstones;
mod unpack;

pub use complete::{Leftover, complete};
pub use pack::pack;
pub use unpack::{LateLink, LinkTarget, Tombstone, Unpacked, unpack};
