//! What the tests share: a model of a tree, and a reader of images that knows nothing of the writer.
#![allow(dead_code, reason = "no test uses all of it")]

pub(crate) mod model;
pub(crate) mod reader;
