//! The tree as a whole: every directory's entries together and sorted, links counted, everything reached.

use crate::Result;
use crate::directory::{Entry, Names};
use crate::error::{Problem, shown};
use crate::inode::{Data, InodeId, Node, Span};

/// Sorts `entries` by directory and name, `.` and `..` added, completes `nodes` with what follows from them,
/// and returns the order in which the inodes are stored.
///
/// A directory is followed by what it holds, its subdirectories last, so that listing a directory with its
/// inodes reads neighbouring blocks.
pub(crate) fn arrange(
    nodes: &mut [Node],
    entries: &mut Vec<Entry>,
    names: &Names,
    root: InodeId,
) -> Result<Vec<InodeId>> {
    add_dots(nodes, entries, root);
    *entries = sorted(nodes, entries, names)?;
    for entry in entries.iter() {
        nodes[entry.target.index()].links += 1;
    }
    check_for_twins(nodes, entries, names)?;
    let order = walk(nodes, entries, root);
    check_that_all_were_reached(nodes, &order)?;
    Ok(order)
}

fn add_dots(nodes: &[Node], entries: &mut Vec<Entry>, root: InodeId) {
    for (index, node) in (0..).zip(nodes) {
        let directory = InodeId(index);
        let Data::Directory { parent, .. } = node.data else { continue };
        if let Some(parent) = parent.or((directory == root).then_some(root)) {
            entries.push(Names::dot(directory));
            entries.push(Names::dot_dot(directory, parent));
        }
    }
}

/// Sorts in two steps, by directory in linear time, then within each: names are compared only with neighbours.
fn sorted(nodes: &mut [Node], entries: &[Entry], names: &Names) -> Result<Vec<Entry>> {
    let limit = u64::from(u32::MAX);
    u32::try_from(entries.len()).map_err(|_| Problem::TooMany { what: "names", limit })?;
    for entry in entries {
        if let Data::Directory { entries, .. } = &mut nodes[entry.directory.index()].data {
            entries.len += 1;
        }
    }
    let mut start = 0;
    for node in nodes.iter_mut() {
        if let Data::Directory { entries, .. } = &mut node.data {
            entries.start = start;
            start += std::mem::take(&mut entries.len);
        }
    }
    let mut sorted = entries.to_vec();
    for entry in entries {
        if let Data::Directory { entries: Span { start, len }, .. } = &mut nodes[entry.directory.index()].data
        {
            sorted[(*start + *len) as usize] = *entry;
            *len += 1;
        }
    }
    for siblings in sorted.chunk_by_mut(|a, b| a.directory == b.directory) {
        siblings.sort_unstable_by(|a, b| names.of(a).cmp(names.of(b)));
    }
    Ok(sorted)
}

fn check_for_twins(nodes: &[Node], entries: &[Entry], names: &Names) -> Result<()> {
    let twins = |[a, b]: &&[Entry; 2]| a.directory == b.directory && names.of(a) == names.of(b);
    match entries.array_windows().find(twins) {
        Some([_, twin]) => {
            Err(Problem::NameTwice { path: path_of_entry(nodes, entries, names, twin) }.into())
        }
        None => Ok(()),
    }
}

fn walk(nodes: &[Node], entries: &[Entry], root: InodeId) -> Vec<InodeId> {
    let mut reached = vec![false; nodes.len()];
    let mut order = Vec::with_capacity(nodes.len());
    let mut directories = vec![root];
    while let Some(directory) = directories.pop() {
        order.push(directory);
        let Data::Directory { entries: span, .. } = nodes[directory.index()].data else { continue };
        let below = directories.len();
        for entry in span.of(entries).iter().filter(|entry| !entry.is_dot_or_dot_dot()) {
            let target = entry.target;
            if nodes[target.index()].is_directory() {
                directories.push(target);
            } else if !std::mem::replace(&mut reached[target.index()], true) {
                order.push(target);
            }
        }
        directories[below..].reverse();
    }
    order
}

fn check_that_all_were_reached(nodes: &[Node], order: &[InodeId]) -> Result<()> {
    let count = nodes.len() - order.len();
    if count == 0 {
        return Ok(());
    }
    let mut missing = vec![true; nodes.len()];
    for id in order {
        missing[id.index()] = false;
    }
    let first = (0..).zip(&missing).find_map(|(index, &missing)| missing.then_some(InodeId(index)));
    Err(Problem::Unreachable { first: first.unwrap_or(InodeId(0)), count }.into())
}

/// Returns the first path of an inode that was reached from the root, for messages.
pub(crate) fn path_of(nodes: &[Node], entries: &[Entry], names: &Names, id: InodeId) -> String {
    let name = entries.iter().find(|entry| entry.target == id && !entry.is_dot_or_dot_dot());
    name.map_or_else(|| "/".to_owned(), |entry| path_of_entry(nodes, entries, names, entry))
}

/// Returns the path of an entry, for messages. Directories that contain each other end it after 100 names.
fn path_of_entry(nodes: &[Node], entries: &[Entry], names: &Names, entry: &Entry) -> String {
    let mut path = Vec::new();
    let mut next = Some(entry);
    while let Some(entry) = next
        && path.len() < 100
    {
        path.push(shown(names.of(entry)));
        let Data::Directory { parent: Some(parent), .. } = nodes[entry.directory.index()].data else { break };
        let Data::Directory { entries: siblings, .. } = nodes[parent.index()].data else { break };
        next = siblings
            .of(entries)
            .iter()
            .find(|candidate| candidate.target == entry.directory && !candidate.is_dot_or_dot_dot());
    }
    path.iter().rev().fold(String::new(), |path, name| path + "/" + name)
}
