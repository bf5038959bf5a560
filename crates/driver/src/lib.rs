//! The graph drivers `windowsfilter` and `windowsdiff` over any engine: in which order an engine is called, what is
//! undone when a call fails, and what is refused before anything is touched.
//!
//! ```text
//!   caller ──► GraphDriver ──► LayerDriver ──► core::LayerBackend ──► store | hcs
//!                                  │  create.rs      parent, chain, roll-back
//!                                  │  mount.rs       who has a layer mounted
//!                                  │  diff.rs        unprepare, export, prepare again
//!                                  │  remove.rs      set aside by a rename, then destroy; cleanup
//!                                  └  base_images.rs images that the system brings
//! ```
//!
//! Invariants. A driver never asks which engine it has. Whatever is built on a parent holds the parent's shared lock until
//! its chain is written; whatever is set aside for removal holds its exclusive lock until it is renamed. The driver
//! never holds a lock of the layer that it asks an engine to make, fill or destroy: engines take that one
//! themselves. Locks are only tried, never waited for, so no order of them can deadlock.
#![forbid(unsafe_code)]

mod base_images;
mod create;
mod diff;
mod driver;
mod graph_driver;
mod mount;
mod options;
mod registry;
mod remove;

pub use base_images::RestoredImage;
pub use diff::{FileGetter, LayerDiff};
pub use driver::{DiffRule, LayerDriver, Settings, WritableRule};
pub use graph_driver::GraphDriver;
pub use options::{StorageOptions, parse_size};
pub use registry::{DriverKind, Flavour, open};
pub use remove::CleanupReport;
