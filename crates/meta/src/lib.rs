//! What Windows knows about a file, as plain values: times, attributes, security descriptors, reparse points,
//! extended attributes and names.
//!
//! Nothing here does I/O and nothing here knows about tars, layers or Windows calls. Every parser takes untrusted
//! bytes, allocates no more than it was given, and says where in the input it stopped and why.
#![forbid(unsafe_code)]

pub mod attributes;
pub mod ea;
pub mod filetime;
pub mod name;
pub mod reparse;
pub mod security;
