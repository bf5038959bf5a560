//! What the graph drivers promise, over a double of an engine (every call in its order, every failure undone)
//! and over real engines (the contract that all are held to).
#![allow(clippy::unwrap_used, reason = "in tests a failure is a panic, in helpers as well")]

mod calls;
mod contract;
mod double;
mod locks;
mod plain_tar;
mod roll_back;

/// The double is held to the contract too: what it is used to show would mean little if it broke it.
mod over_the_double {
    use std::sync::Arc;

    use crate::contract::{Bench, holds_over};
    use crate::double::Double;

    holds_over!(|| Bench::new(|home| Arc::new(Double::new(home))));
}

mod over_the_store {
    use std::sync::Arc;

    use crate::contract::{Bench, holds_over};
    use winlayer_store::Store;

    holds_over!(|| Bench::new(|home| Arc::new(Store::new(home))));
}
