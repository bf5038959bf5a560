//! Layer tars through the transport format: against a recorded directory, back again, and with all that may be wrong.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests may panic as tests do")]

mod refusals;
mod round_trips;
mod support;
