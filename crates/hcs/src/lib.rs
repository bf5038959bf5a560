//! The Windows engine's formats: what the Host Compute Service (HCS) imports and exports, on any operating system.
#![forbid(unsafe_code)]

pub mod transport;
