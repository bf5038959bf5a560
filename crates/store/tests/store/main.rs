//! The store from outside: layers come in, are looked into, verified and removed, and everything that can go wrong does.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a test may fail by panicking, and works with small numbers"
)]

#[path = "../support/mod.rs"]
mod support;

mod compression;
mod concurrency;
mod hostile;
mod imports;
mod indexes;
mod verification;
mod views;
