//! Disk usage: what each layer takes on the disk by itself, and what it shares with others.

use std::collections::HashMap;
use std::path::Path;

use winlayer_core::{Chain, LayerId, Result};

use crate::Store;

/// What a layer takes. Sizes are bytes that the file system has allocated, not lengths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerUsage {
    /// The layer.
    pub id: LayerId,
    /// Allocated for this layer alone: what removing it gives back.
    pub exclusive: u64,
    /// Allocated for the layers below it, which others may use too.
    pub shared: u64,
    /// How many layers have this one in their chain.
    pub used_by: usize,
}

impl Store {
    /// What every layer takes, sorted by id. The sum of `exclusive` is what all layers take together.
    ///
    /// # Errors
    /// An operating system error. Layers whose chain is damaged count as base layers.
    pub fn usage(&self) -> Result<Vec<LayerUsage>> {
        let ids = self.home().layers()?;
        let own: HashMap<&LayerId, u64> =
            ids.iter().map(|id| (id, allocated(&self.home().folder(id)))).collect();
        let chains: Vec<Chain> = ids.iter().map(|id| self.home().chain(id).unwrap_or_default()).collect();
        let mut used_by: HashMap<&LayerId, usize> = HashMap::new();
        for parent in chains.iter().flat_map(Chain::layers) {
            *used_by.entry(parent).or_default() += 1;
        }
        let usage = ids.iter().zip(&chains).map(|(id, chain)| LayerUsage {
            id: id.clone(),
            exclusive: own[id],
            shared: chain.layers().iter().filter_map(|parent| own.get(parent)).sum(),
            used_by: used_by.get(id).copied().unwrap_or_default(),
        });
        Ok(usage.collect())
    }
}

/// Bytes that the file system has allocated for a directory and what is in it, each file once; links are not followed.
fn allocated(path: &Path) -> u64 {
    let Ok(metadata) = std::fs::symlink_metadata(path) else { return 0 };
    let mut total = allocated_for(&metadata);
    if metadata.is_dir()
        && let Ok(entries) = std::fs::read_dir(path)
    {
        total += entries.flatten().map(|entry| allocated(&entry.path())).sum::<u64>();
    }
    total
}

#[cfg(unix)]
fn allocated_for(metadata: &std::fs::Metadata) -> u64 {
    /// st_blocks counts in this unit on every system, whatever the file system's blocks are.
    const UNIT: u64 = 512;
    std::os::unix::fs::MetadataExt::blocks(metadata) * UNIT
}

#[cfg(not(unix))]
fn allocated_for(metadata: &std::fs::Metadata) -> u64 {
    metadata.len()
}
