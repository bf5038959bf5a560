//! What every command works with: home, engine and driver, where output goes, and whether somebody pressed Ctrl-C.

use std::io::IsTerminal;
use std::sync::Arc;

use tracing_subscriber::EnvFilter;
use winlayer_core::{Error, ErrorKind, LayerBackend, LayerId, Result};
use winlayer_driver::{DriverKind, GraphDriver, Settings};
use winlayer_store::Store;

use crate::args::{Backend, Global};
use crate::failure::Outcome;
use crate::home;
use crate::interrupt::Interrupt;
use crate::output::{Format, Output};
use crate::progress::Reports;

/// See the module.
pub(crate) struct Context {
    store: Store,
    driver: DriverKind,
    /// Where facts go.
    pub(crate) out: Output,
    /// How progress is told.
    pub(crate) reports: Reports,
    /// Ctrl-C.
    pub(crate) interrupt: Interrupt,
}

impl Context {
    /// Sets everything up; reads and makes nothing yet.
    pub(crate) fn new(global: &Global, interrupt: Interrupt) -> Outcome<Self> {
        log_to_stderr(global.verbose);
        if global.backend == Backend::Hcs {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "this build has no engine for the Host Compute Service",
            )
            .hint("leave --backend out, or say --backend store")
            .into());
        }
        let format = if global.json { Format::Json } else { Format::Text };
        Ok(Self {
            store: Store::new(home::choose(global.home.as_deref())?),
            driver: global.driver,
            out: Output::new(format),
            reports: Reports::choose(format, global.verbose),
            interrupt,
        })
    }

    /// The same with another home, for commands within a command: beside its JSON they print nothing.
    pub(crate) fn within(&self, store: Store) -> Self {
        Self {
            store,
            driver: self.driver,
            out: self.out.within(),
            reports: Reports::Silent,
            interrupt: self.interrupt.clone(),
        }
    }

    /// The engine, for what only it can tell.
    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// The engine's name.
    pub(crate) fn backend_name(&self) -> &'static str {
        LayerBackend::name(&self.store)
    }

    /// The graph driver over the engine.
    pub(crate) fn driver(&self) -> Result<Box<dyn GraphDriver>> {
        let engine = self.store.clone();
        winlayer_driver::open(self.driver, Settings::default(), |_flavour| Ok(Arc::new(engine)))
    }

    /// Fails if there is no such layer.
    pub(crate) fn require(&self, id: &LayerId) -> Result<()> {
        if self.driver()?.try_exists(id)? {
            return Ok(());
        }
        let home = self.store.home().root().display();
        Err(Error::new(ErrorKind::NotFound, format!("there is no layer {id} in {home}"))
            .hint("'winlayer layer ls' shows the layers; --home or WINLAYER_HOME chooses another home"))
    }
}

/// Warnings always, more with `-v` and `-vv`; `WINLAYER_LOG` overrides both (tracing's filter syntax).
fn log_to_stderr(verbose: u8) {
    let level = match verbose {
        0 => "warn",
        1 => "info",
        _ => "debug",
    };
    let filter = EnvFilter::try_from_env("WINLAYER_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    // That a logger is set already only happens in tests.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .without_time()
        .try_init();
}
