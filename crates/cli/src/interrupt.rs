//! Ctrl-C and SIGTERM: work that would leave something behind is asked to stop, everything else is simply ended.

use std::sync::{Arc, OnceLock};

use winlayer_core::{CancelToken, Error, ErrorKind, Result};

use crate::failure;

/// Whether somebody asked to stop, and what then became of the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cancelled {
    /// It was stopped, with this in the end.
    Yes(&'static str),
    /// Nobody did.
    No,
}

/// The end of work that is undone when it is cancelled.
pub(crate) const NOTHING_KEPT: &str = "nothing was kept";

/// What the signal handler and the command share.
#[derive(Debug, Clone, Default)]
pub(crate) struct Interrupt {
    token: CancelToken,
    end_if_cancelled: Arc<OnceLock<&'static str>>,
}

impl Interrupt {
    /// Installs the handler. The second signal ends the process whatever it is doing.
    pub(crate) fn install() -> Result<Self> {
        let interrupt = Self::default();
        let handler = interrupt.clone();
        let handle = move || match handler.end_if_cancelled.get() {
            None => failure::exit_cancelled("error: cancelled"),
            Some(_) if handler.token.is_cancelled() => failure::exit_cancelled(
                "error: ended at once; 'winlayer layer cleanup' removes what was left behind",
            ),
            Some(_) => handler.token.cancel(),
        };
        ctrlc::set_handler(handle)
            .map_err(|e| Error::new(ErrorKind::Io, format!("cannot handle signals: {e}")))?;
        Ok(interrupt)
    }

    /// From now on the process has something to clean up, so a signal asks instead of ending it: work must look at the
    /// token, at least twice a second. Then `end_if_cancelled` is told.
    pub(crate) fn begin_work(&self, end_if_cancelled: &'static str) -> &CancelToken {
        self.end_if_cancelled.get_or_init(|| end_if_cancelled);
        &self.token
    }

    /// The token, for what may be waited for before there is anything to clean up.
    pub(crate) fn token(&self) -> &CancelToken {
        &self.token
    }

    /// Whether somebody asked to stop.
    pub(crate) fn cancelled(&self) -> Cancelled {
        match self.end_if_cancelled.get() {
            Some(end) if self.token.is_cancelled() => Cancelled::Yes(end),
            _ => Cancelled::No,
        }
    }
}
