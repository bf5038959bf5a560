//! How a caller watches and stops long work: a progress sink and a cancellation token.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::{Error, ErrorKind, Result};

/// How far a piece of work has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// What is being done: `"import"`, `"verify"`, `"export"`.
    pub stage: &'static str,
    /// Bytes of the input that are done.
    pub done: u64,
    /// Bytes of the input in all, where that is known.
    pub total: Option<u64>,
}

/// Where progress is told. Called from worker threads, a few times for every MiB at the most.
pub trait ProgressSink: Send + Sync {
    /// Takes note of how far the work has come.
    fn update(&self, progress: Progress);
}

/// A sink that takes no note.
impl ProgressSink for () {
    fn update(&self, _: Progress) {}
}

/// Asks work to stop. Clones share the request.
#[derive(Debug, Clone, Default)]
pub struct CancelToken(Arc<AtomicBool>);

impl CancelToken {
    /// A token that nobody has cancelled.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks all work that holds this token to stop at the next safe point.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether somebody asked.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// An error if somebody asked.
    ///
    /// # Errors
    /// [`ErrorKind::Cancelled`].
    pub fn check(&self) -> Result<()> {
        if self.is_cancelled() {
            return Err(Error::new(ErrorKind::Cancelled, "cancelled; nothing was kept"));
        }
        Ok(())
    }
}

/// What a caller hands to long work.
#[derive(Clone, Copy)]
pub struct Control<'a> {
    /// Told how far the work is.
    pub progress: &'a dyn ProgressSink,
    /// Asked whether to go on.
    pub cancel: &'a CancelToken,
}

/// A token that is never cancelled, for [`Control::none`].
static NEVER: std::sync::LazyLock<CancelToken> = std::sync::LazyLock::new(CancelToken::new);

impl Control<'static> {
    /// Nobody watches and nobody cancels.
    pub fn none() -> Self {
        Self { progress: &(), cancel: &NEVER }
    }
}
