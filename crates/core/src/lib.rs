//! The model of Windows container layers, shared by every engine: ids, digests, paths, chains, changes, the union of
//! a chain, and the port ([`LayerBackend`]) through which the graph drivers reach an engine.
//!
//! ```text
//!   winlayer-tar ──► one layer's entries ──► LayerView (one per layer) ──► Union (one per chain) ──► ls, stat, changes
//!                                               ▲ implemented by an engine's index
//!   driver ──► LayerBackend ──► store | hcs
//! ```
//!
//! What both engines must agree on lives here too: the folder of a layer ([`home`]) and how bytes become durable
//! ([`durable`]). Nothing here knows how an engine keeps a layer's content.
#![forbid(unsafe_code)]

pub mod backend;
pub mod chain;
pub mod change;
pub mod control;
pub mod digest;
pub mod durable;
pub mod error;
pub mod home;
pub mod id;
pub mod lock;
pub mod path;
pub mod union;
pub mod view;

pub use backend::{BaseImage, Imported, LayerBackend};
pub use chain::Chain;
pub use change::{Change, ChangeKind};
pub use control::{CancelToken, Control, Progress, ProgressSink};
pub use digest::{BlobDigest, DiffId, Sha256Digest};
pub use error::{Error, ErrorKind, Result};
pub use home::Home;
pub use id::LayerId;
pub use path::LayerPath;
pub use union::{Node, Union};
pub use view::{EntryKind, LayerView, RowId};
