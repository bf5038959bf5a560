//! A layer's index: what its tar holds, sorted by path, so that a layer is looked into without reading its tar.
//!
//! [`build`] and [`finish`] make it while the tar streams by, [`view`] uses it mapped into memory, [`format`] and [`records`] are what both
//! agree on.
//! The index is a cache of the tar: it is rebuilt from it at need and never repaired.

pub(crate) mod build;
mod finish;
pub(crate) mod format;
mod records;
mod view;

pub(crate) use finish::Contents;
pub use view::{Index, StreamEntry};
