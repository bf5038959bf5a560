//! End to end: the binary as people and programs call it, on layers made for the purpose, without a network.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "in tests a failure is a panic, and what they skip is told aloud; in helpers as well"
)]

mod bad_input;
mod commands;
mod crash;
mod fs;
mod import;
mod interrupt;
mod no_space;
mod support;
mod transport;
mod writable;
