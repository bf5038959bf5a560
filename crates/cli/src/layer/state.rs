//! What a layer's folder says at first sight, without reading its tar.

use std::fmt;

use serde::Serialize;
use winlayer_core::{Chain, LayerId};
use winlayer_store::{LayerRecord, Store};

/// Whether a layer can be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", tag = "state", content = "problem")]
pub(crate) enum State {
    /// It has content, and so far as one can see without reading it, it is whole.
    Whole,
    /// It takes changes.
    Writable,
    /// It was made and never filled.
    Empty,
    /// Something about it is wrong.
    Broken(String),
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole => f.write_str("whole"),
            Self::Writable => f.write_str("writable"),
            Self::Empty => f.write_str("empty"),
            Self::Broken(why) => write!(f, "broken: {why}"),
        }
    }
}

/// A layer at first sight.
#[derive(Debug)]
pub(crate) struct LayerFacts {
    pub(crate) id: LayerId,
    pub(crate) chain: Chain,
    pub(crate) record: Option<LayerRecord>,
    pub(crate) state: State,
}

impl LayerFacts {
    /// Looks at a layer's folder.
    pub(crate) fn of(store: &Store, id: LayerId) -> Self {
        let chain = store.home().chain(&id);
        let record = store.has_content(&id).then(|| store.record(&id));
        let state = match (&chain, &record) {
            (Err(error), _) | (_, Some(Err(error))) => State::Broken(error.to_string()),
            (Ok(chain), _) if missing_in(store, chain).next().is_some() => {
                let missing: Vec<_> = missing_in(store, chain).map(LayerId::as_str).collect();
                State::Broken(format!("missing below it: {}", missing.join(", ")))
            }
            (_, None) if store.is_writable(&id) => State::Writable,
            (_, None) => State::Empty,
            (Ok(_), Some(Ok(_))) => State::Whole,
        };
        Self { id, chain: chain.unwrap_or_default(), record: record.and_then(Result::ok), state }
    }

    /// All layers of a home, sorted by id.
    pub(crate) fn of_all(store: &Store) -> winlayer_core::Result<Vec<Self>> {
        Ok(store.home().layers()?.into_iter().map(|id| Self::of(store, id)).collect())
    }
}

/// The layers of a chain that do not exist.
pub(crate) fn missing_in<'a>(store: &'a Store, chain: &'a Chain) -> impl Iterator<Item = &'a LayerId> {
    chain.layers().iter().filter(|parent| !store.home().folder(parent).is_dir())
}
