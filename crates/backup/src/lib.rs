//! Win32 backup streams: all that Windows knows about one file, one stream after the other.
//!
//! This is what `BackupRead` gives and `BackupWrite` takes, and what the files of the Windows layer transport format
//! are made of: security descriptor, extended attributes, reparse point, data, alternate streams ([MS-BKUP] 2.1,
//! `WIN32_STREAM_ID`). Reader and writer go forwards only and keep streams that they do not know.
//!
//! ```
//! use std::io::Read;
//! use winlayer_backup::{Reader, StreamHeader, StreamId, Writer};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut writer = Writer::new(Vec::new());
//! writer.write_stream(&StreamHeader::new(StreamId::DATA, 5), b"hello")?;
//! let bytes = writer.finish()?;
//!
//! let mut reader = Reader::new(&bytes[..]);
//! while let Some(header) = reader.next_header()? {
//!     let mut data = String::new();
//!     reader.read_to_string(&mut data)?;
//!     assert_eq!((header.id, data.as_str()), (StreamId::DATA, "hello"));
//! }
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

mod error;
mod header;
mod reader;
mod sparse;
mod writer;

pub use error::{Error, Problem};
pub use header::{MAX_NAME_LEN, StreamAttributes, StreamHeader, StreamId};
pub use reader::Reader;
pub use sparse::{DataRange, ExpandedReader, SparseLayout, SparseReader};
pub use writer::{DataStream, Writer};
