//! The diff of a writable layer: what was done in its mount, as a layer tar on top of the layers below.
//!
//! ```text
//! upper directory ─► upper (plain values) ─► merge, against the layers below ─► items ─► emit ─► tar
//!                                              names (hard links) ┘               └► changes
//! ```
//!
//! Cost follows what changed: the upper directory is walked, the layers below are asked for the paths that it names. What
//! a mount does not show (alternate streams, long records, hives) is carried over from below.
//!
//! Kept as below: the metadata of all that was not changed, byte for byte; of a file whose content changed, or that was
//! replaced by another under its name as editors do, all but its times. New files and directories get what Windows
//! would give them: a security descriptor inherited from
//! their directory, attributes, a time of creation. Owners and groups of Linux mean nothing here.

mod attributes;
mod emit;
mod entry;
mod inherit;
mod merge;
mod meta;
mod names;
mod shown;
mod upper;

use std::io::Write;
use std::path::Path;

use winlayer_core::{Change, ChangeKind, Result};
use winlayer_meta::name;

use self::merge::{Before, Item, Weight, What};
use self::shown::Sides;
use self::upper::Upper;
use super::export::{DiffPolicy, DiffSummary};
use crate::view::ChainView;

/// Writes what an upper directory changes against the layers below as a layer tar.
///
/// The entries `Files` and `Hives` are always there; what the layers below have in `Hives` and `UtilityVM` is not
/// touched.
///
/// # Errors
/// [`ErrorKind::InvalidInput`](winlayer_core::ErrorKind::InvalidInput) naming the path of something that no Windows layer
/// can hold: names that Windows does not allow, names that differ in case only, devices, pipes, sockets;
/// [`ErrorKind::Corrupt`](winlayer_core::ErrorKind::Corrupt) if the layers below are not those that were changed; or the
/// system's.
pub(crate) fn write_diff(
    upper: &Path,
    below: &ChainView,
    policy: &DiffPolicy,
    out: &mut dyn Write,
) -> Result<DiffSummary> {
    with_items(upper, below, |sides, items| emit::emit(sides, &items, policy, out))
}

/// What an upper directory changes against the layers below, in tree order, the roots left out: what
/// [`Union::changes`](winlayer_core::Union::changes) says of the layer that [`write_diff`] writes.
///
/// # Errors
/// As [`write_diff`].
pub(crate) fn changes(upper: &Path, below: &ChainView) -> Result<Vec<Change>> {
    with_items(upper, below, |sides, items| {
        let changed = items.into_iter().filter(|item| !item.path.is_root());
        let mut changes: Vec<Change> = changed
            .map(|item| Change {
                kind: match (&item.what, item.before) {
                    (What::Whiteout, _) => ChangeKind::Delete,
                    (_, Before::Something) => ChangeKind::Modify,
                    (_, Before::Nothing) => ChangeKind::Add,
                },
                size: match &item.what {
                    What::Whiteout | What::Directory(..) => 0,
                    What::File(source, _) => names::size(sides.below, source),
                    What::HardLink { size, .. } => *size,
                },
                path: item.path,
            })
            .collect();
        changes.sort_by(|a, b| name::tree_cmp(a.path.as_bytes(), b.path.as_bytes()));
        Ok(changes)
    })
}

fn with_items<T>(
    upper: &Path,
    below: &ChainView,
    then: impl FnOnce(Sides<'_>, Vec<Item<'_>>) -> Result<T>,
) -> Result<T> {
    let mut upper = Upper::read(upper)?;
    let known = names::complete(&mut upper, below);
    let sides = Sides { upper: &upper, below };
    let items = names::link(sides, merge::merge(sides, &known)?);
    then(sides, without_idle_ways(items))
}

/// Leaves out directories that are as below and have nothing in them.
fn without_idle_ways(items: Vec<Item<'_>>) -> Vec<Item<'_>> {
    let mut kept: Vec<Item<'_>> = Vec::with_capacity(items.len());
    for item in items.into_iter().rev() {
        let is_way_to = |inner: &Item<'_>| {
            let rest = inner.path.as_bytes().strip_prefix(item.path.as_bytes());
            rest.is_some_and(|rest| rest.starts_with(b"/"))
        };
        let is_idle = matches!(item.what, What::Directory(_, Weight::OnTheWay));
        if !is_idle || kept.last().is_some_and(is_way_to) {
            kept.push(item);
        }
    }
    kept.reverse();
    kept
}
