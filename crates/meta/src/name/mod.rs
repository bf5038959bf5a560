//! File names as NTFS has them: UTF-16 inside, case kept but ignored, and not every character allowed.
//!
//! Names are byte strings in WTF-8, which is UTF-8 plus lone surrogates: every NTFS name has exactly one such form and
//! ordinary names are plain UTF-8. Paths are such names joined by `/`.

mod fold;
mod upcase;
mod validate;
mod wtf8;

pub use fold::{fold_cmp, fold_eq, fold_hash, tree_cmp, write_folded};
pub use upcase::upcase;
pub use validate::{NameError, check_component, has_trailing_dot_or_space, is_reserved_name, split_stream};
pub use wtf8::{NotWtf8, from_utf16, to_utf16, to_utf16_lossy};
