//! A layer's chain: the layers below it, nearest parent first.

use crate::id::LayerId;

/// The parents of a layer, nearest first; empty for a base layer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chain(Vec<LayerId>);

impl Chain {
    /// A chain of these layers, nearest parent first.
    pub fn new(nearest_first: Vec<LayerId>) -> Self {
        Self(nearest_first)
    }

    /// The chain of a new layer on top of `parent`, whose own chain this is.
    #[must_use]
    pub fn below(&self, parent: LayerId) -> Self {
        let mut layers = Vec::with_capacity(self.0.len() + 1);
        layers.push(parent);
        layers.extend_from_slice(&self.0);
        Self(layers)
    }

    /// The nearest parent.
    pub fn parent(&self) -> Option<&LayerId> {
        self.0.first()
    }

    /// The layers, nearest parent first.
    pub fn layers(&self) -> &[LayerId] {
        &self.0
    }

    /// How many layers there are below.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether this is the chain of a base layer.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
