//! Making layers: the parent is checked and kept first, and what fails half-way is undone.

use std::io::Read;

use winlayer_core::home::Folder;
use winlayer_core::lock::{FileLock, LockMode};
use winlayer_core::{Chain, Control, Error, ErrorKind, Imported, LayerId, Result};

use crate::driver::{LayerDriver, WritableRule, warn_if_failed};
use crate::options::StorageOptions;

/// The end of the id of the layer that Docker of 2016 puts between an image and a container. It has no content.
const INIT_SUFFIX: &str = "-init";

/// What sort of layer is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    ReadOnly,
    Writable {
        /// The size limit in bytes; 0 for the engine's own.
        size: u64,
    },
}

impl Kind {
    pub(crate) fn writable(options: StorageOptions) -> Self {
        Self::Writable { size: options.size.unwrap_or_default() }
    }
}

/// What a new layer is built on. While this value lives, nobody who asks for locks can remove it.
pub(crate) struct Base {
    parent: Option<Parent>,
    chain: Chain,
}

struct Parent {
    /// As the caller calls it, which is the name of its folder.
    name: LayerId,
    /// As the engine calls it.
    own: LayerId,
    _kept: FileLock,
}

impl Base {
    /// The chain of the new layer.
    pub(crate) fn chain(&self) -> &Chain {
        &self.chain
    }

    fn parent(&self) -> Option<&LayerId> {
        self.parent.as_ref().map(|parent| &parent.own)
    }
}

impl LayerDriver {
    /// Looks at the parent of a layer that is about to be made, and keeps it. Makes the home if it is missing.
    pub(crate) fn base(&self, id: &LayerId, parent: Option<&LayerId>) -> Result<Base> {
        self.home().ensure()?;
        let Some(name) = parent else { return Ok(Base { parent: None, chain: Chain::default() }) };
        let own = self.home().resolve(name)?;
        if own == *id {
            return Err(Error::invalid("a layer cannot be its own parent").layer(id));
        }
        let kept = self.home().lock(&own, LockMode::Shared)?;
        self.check_parent(name, id)?;
        let below = self.home().chain(&own)?;
        let chain = if self.is_in_chains(&own)? { below.below(own.clone()) } else { below };
        Ok(Base { parent: Some(Parent { name: name.clone(), own, _kept: kept }), chain })
    }

    /// Whether the children of a layer have it in their chain.
    fn is_in_chains(&self, own: &LayerId) -> Result<bool> {
        match self.settings.writable {
            WritableRule::AsAsked => self.backend.has_files(own),
            WritableRule::ByInitSuffix => Ok(!is_init(own)),
        }
    }

    fn check_parent(&self, parent: &LayerId, child: &LayerId) -> Result<()> {
        if self.home().folder(parent).is_dir() {
            return Ok(());
        }
        Err(Error::new(ErrorKind::NotFound, format!("its parent layer {parent} does not exist")).layer(child))
    }

    /// What sort of layer `create` makes on this parent.
    pub(crate) fn kind_on(&self, parent: Option<&LayerId>, options: &StorageOptions) -> Result<Kind> {
        let own = parent.map(|parent| self.home().resolve(parent)).transpose()?;
        match self.settings.writable {
            WritableRule::ByInitSuffix if own.as_ref().is_some_and(is_init) => {
                Ok(Kind::writable(options.or(self.settings.defaults)))
            }
            _ => Ok(Kind::ReadOnly),
        }
    }

    /// Makes a layer with its chain, or leaves no trace of it.
    pub(crate) fn make(&self, id: &LayerId, parent: Option<&LayerId>, kind: Kind) -> Result<()> {
        let base = self.base(id, parent)?;
        match kind {
            Kind::ReadOnly => self.backend.create(id, base.parent())?,
            Kind::Writable { .. } if base.chain.is_empty() => {
                return Err(Error::invalid("a writable layer needs a parent with content")
                    .layer(id)
                    .hint("import a base layer first, and name it as the parent"));
            }
            Kind::Writable { .. } => self.backend.create_scratch(id, &base.chain)?,
        }
        let finished = self.finish(id, &base, kind);
        if finished.is_err() {
            self.undo_make(id);
        }
        finished
    }

    fn finish(&self, id: &LayerId, base: &Base, kind: Kind) -> Result<()> {
        match kind {
            Kind::Writable { size } if size != 0 => self.backend.expand_scratch(id, size)?,
            _ => {}
        }
        // Not everybody who removes folders asks for locks.
        if let Some(parent) = &base.parent {
            self.check_parent(&parent.name, id)?;
        }
        self.home().set_chain(id, &base.chain)
    }

    /// Takes away a layer that was just made.
    pub(crate) fn undo_make(&self, id: &LayerId) {
        warn_if_failed(id, self.backend.destroy(&Folder::Layer(id.clone())));
    }

    /// Fills a created layer. The chain is written before: the engine's import, which is whole or not at all, is the
    /// moment from which on the layer has content, and then its chain must be right.
    pub(crate) fn fill(
        &self,
        own: &LayerId,
        chain: &Chain,
        tar: &mut (dyn Read + Send),
        control: Control<'_>,
    ) -> Result<Imported> {
        let before = self.home().chain(own);
        if before.as_ref().is_ok_and(|before| before == chain) {
            return self.backend.import(own, chain, tar, control);
        }
        self.home().set_chain(own, chain)?;
        let imported = self.backend.import(own, chain, tar, control);
        if let (Err(_), Ok(before)) = (&imported, before) {
            warn_if_failed(own, self.home().set_chain(own, &before));
        }
        imported
    }
}

fn is_init(own: &LayerId) -> bool {
    own.as_str().ends_with(INIT_SUFFIX)
}
