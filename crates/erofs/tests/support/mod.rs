//! What the tests share: a model of a tree, and a reader of images that knows nothing of the writer.
#![allow(dead_code, reason = "no test uses all of it")]

pub(crate) mod model;
pub(crate) mod reader;

use std::io::Write;

/// Says that a test was skipped, and why, where the test runner does not swallow it.
pub(crate) fn skipped(why: &str) {
    let _ = writeln!(std::io::stderr(), "SKIPPED: {why}");
}
