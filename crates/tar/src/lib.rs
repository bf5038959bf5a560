//! Windows layer tars: read, checked, written byte for byte as Go's archive/tar writes them, and turned into Win32
//! backup streams and back.
//!
//! ```text
//! bytes ─► Parser (sans-IO) ─► RawEntry ─► WindowsMeta ─► backup stream      (stream::LayerReader)
//!              └ Reader (over a stream)
//! bytes ◄─ Writer ◄─ Header ◄─ FileInfo, backup stream                        (stream::LayerWriter)
//! ```
#![forbid(unsafe_code)]

mod encode;
mod entry;
mod error;
mod header;
mod parser;
pub mod pax;
mod reader;
mod sparse;
pub mod stream;
pub mod whiteout;
pub mod windows;
mod writer;

pub use encode::{Header, Refusal};
pub use entry::{EntryType, RawEntry, SparseRange};
pub use error::{Problem, TarError};
pub use parser::{Event, Limits, Parser};
pub use pax::PaxRecords;
pub use reader::{ReadError, Reader};
pub use windows::WindowsMeta;
pub use writer::{WriteError, Writer};
