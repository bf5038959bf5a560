//! Ctrl-C and SIGTERM: work that would leave something behind is asked to stop, everything else is simply ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use winlayer_core::{CancelToken, Error, ErrorKind, Result};

use crate::failure;

/// Whether somebody asked to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cancelled {
    Yes,
    No,
}

/// What the signal handler and the command share.
#[derive(Debug, Clone, Default)]
pub(crate) struct Interrupt {
    token: CancelToken,
    has_work: Arc<AtomicBool>,
}

impl Interrupt {
    /// Installs the handler. The second signal ends the process whatever it is doing.
    pub(crate) fn install() -> Result<Self> {
        let interrupt = Self::default();
        let Self { token, has_work } = interrupt.clone();
        let handle = move || {
            if token.is_cancelled() || !has_work.load(Ordering::SeqCst) {
                failure::exit_cancelled();
            }
            token.cancel();
        };
        ctrlc::set_handler(handle)
            .map_err(|e| Error::new(ErrorKind::Io, format!("cannot handle signals: {e}")))?;
        Ok(interrupt)
    }

    /// From now on the process has something to clean up, so a signal asks instead of ending it: work must look at the
    /// token, at least twice a second.
    pub(crate) fn begin_work(&self) -> &CancelToken {
        self.has_work.store(true, Ordering::SeqCst);
        &self.token
    }

    /// The token, for what may be waited for before there is anything to clean up.
    pub(crate) fn token(&self) -> &CancelToken {
        &self.token
    }

    /// Whether somebody asked to stop.
    pub(crate) fn cancelled(&self) -> Cancelled {
        if self.token.is_cancelled() { Cancelled::Yes } else { Cancelled::No }
    }
}
