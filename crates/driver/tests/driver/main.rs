//! What the graph drivers promise, over a double of an engine: every call in its order, every failure undone, and the
//! contract that every engine is held to.
#![allow(clippy::unwrap_used, reason = "in tests a failure is a panic, in helpers as well")]

mod calls;
mod contract;
mod double;
mod locks;
mod plain_tar;
mod roll_back;

contract::holds_over!(double::bench);
