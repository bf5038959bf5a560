//! The diff of a writable layer shows, on top of its parents, what its mount shows; and says what Windows needs.

#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    unreachable_pub,
    missing_docs,
    reason = "a test may fail by panicking, says when it is skipped, and has no users"
)]

mod edits;
mod handmade;
mod mounted;
mod support;
