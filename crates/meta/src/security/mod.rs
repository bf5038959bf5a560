//! Who owns a file and who may do what with it: SIDs, access control lists, security descriptors, their SDDL text
//! and their inheritance ([MS-DTYP] 2.4 and 2.5).
//!
//! [`SecurityDescriptor`] is the value; it comes from bytes ([`SecurityDescriptor::parse`]) or text
//! ([`SecurityDescriptor::from_sddl`]) and goes back to both. A descriptor that came from bytes and was not changed
//! is written back byte for byte.
//!
//! ```
//! use winlayer_meta::security::SecurityDescriptor;
//!
//! let descriptor = SecurityDescriptor::from_sddl("O:BAG:SYD:P(A;OICI;0x1f01ff;;;BA)(A;;FRFX;;;WD)")?;
//! let bytes = descriptor.to_bytes();
//! SecurityDescriptor::validate(&bytes)?;
//! let again = SecurityDescriptor::parse(&bytes)?;
//! assert_eq!(again.to_sddl()?, "O:BAG:SYD:P(A;OICI;FA;;;BA)(A;;0x1200a9;;;WD)");
//! # Ok::<(), winlayer_meta::security::SecurityError>(())
//! ```

mod ace;
mod acl;
mod bytes;
mod claim;
mod condition;
mod descriptor;
mod error;
mod guid;
mod inherit;
mod mask;
mod sddl;
mod sid;
pub mod well_known;

pub use ace::{Ace, AceBody, AceFlags, ObjectKind, PlainKind};
pub use acl::{Acl, AclRevision};
pub use descriptor::{AclPresence, Control, SecurityDescriptor};
pub use error::{Location, Problem, SecurityError};
pub use guid::Guid;
pub use inherit::{AutoInherit, Defaults, NewObject, ObjectType};
pub use mask::{AccessMask, GenericMapping};
pub use sid::{NotASid, Sid};
