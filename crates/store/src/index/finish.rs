//! Turns the collected entries into an index: sorts them, joins what belongs to one path, adds the directories that the
//! tar leaves out, finds the files behind hard links, and writes it all.

use winlayer_core::path::shared_components;
use winlayer_core::union::NodeKind;
use winlayer_core::{DiffId, Error, ErrorKind, LayerPath, Result};
use winlayer_meta::name;
use zerocopy::IntoBytes;

use super::build::{Hive, IndexBuilder, index};
use super::format::{FLAG_REPLACES, FLAG_SHOWS, Header, MAGIC, NONE, Row, VERSION, kind};
use super::view::header_crc;

/// What was in the tar.
#[derive(Debug)]
pub(crate) struct Contents {
    /// Entries, whiteouts and streams included.
    pub(crate) entries: u64,
    /// Sum of the sizes of regular files.
    pub(crate) file_bytes: u64,
    /// The registry hives.
    pub(crate) hives: Vec<Hive>,
}

/// Tells what the layers below have at a path. Asked only where a hard link leads out of its layer; `None` for a layer
/// whose links were checked when it came in: its index does not depend on what is below.
pub(crate) type Below<'a> = Option<&'a dyn Fn(&LayerPath) -> Result<Option<NodeKind>>>;

/// A row whose subtree has not ended yet.
struct Open {
    row: u32,
    /// Its place in tree order.
    position: u32,
}

/// A layer may leave out as many directories as it has entries, and in any case this many: a path of 64 KiB can imply
/// 32 thousand directories, each a hundred bytes in the index.
const MAX_IMPLIED_PER_LAYER: usize = 1 << 20;

/// Takes the next bytes of an index file.
pub(crate) type Output<'a> = &'a mut dyn FnMut(&[u8]) -> Result<()>;

impl IndexBuilder {
    /// Checks the layer as a whole and writes its index.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`](winlayer_core::ErrorKind::InvalidInput) naming the entry that does not go with the
    /// others or with the layers below; or the output's.
    pub(crate) fn write(
        mut self,
        below: Below<'_>,
        diff_id: DiffId,
        tar_len: u64,
        output: Output<'_>,
    ) -> Result<Contents> {
        let order = self.sort();
        let order = self.join_same_paths(&order)?;
        self.implied_from = self.rows.len();
        let order = self.add_parents(&order)?;
        self.resolve_links(&order, below)?;
        self.write_out(&order, diff_id, tar_len, output)?;
        Ok(Contents { entries: u64::from(self.entries), file_bytes: self.file_bytes, hives: self.hives })
    }

    fn path(&self, row: u32) -> &[u8] {
        self.text(self.rows[row as usize].path)
    }

    fn row(&self, row: u32) -> &Row {
        &self.rows[row as usize]
    }

    fn refuse(&self, row: u32, why: impl Into<String>) -> Error {
        Error::invalid(why).entry(self.path(row)).offset(self.row(row).entry_offset.get())
    }

    /// The rows in tree order; those of one path in the order of the tar.
    fn sort(&self) -> Vec<u32> {
        // Rows are fewer than entries, which are counted in 31 bits.
        let mut order: Vec<u32> = (0..).take(self.rows.len()).collect();
        // Stable and quick on what is nearly sorted, as most layers are.
        order.sort_by(|a, b| name::tree_cmp(self.path(*a), self.path(*b)));
        order
    }

    /// Leaves one row for each path: a directory may be listed again, a whiteout may go with anything, nothing else may
    /// be there twice.
    fn join_same_paths(&mut self, order: &[u32]) -> Result<Vec<u32>> {
        let mut joined = Vec::with_capacity(order.len());
        for same in order.chunk_by(|a, b| name::tree_cmp(self.path(*a), self.path(*b)).is_eq()) {
            joined.push((self.join(same)?, same.iter().any(|row| self.row(*row).kind == kind::WHITEOUT)));
        }
        for &(row, whited_out) in &joined {
            let row = &mut self.rows[row as usize];
            if whited_out && row.kind != kind::WHITEOUT {
                row.flags |= FLAG_REPLACES;
            }
        }
        Ok(joined.into_iter().map(|(row, _)| row).collect())
    }

    /// The row that stands for a path; `same` has at least one.
    fn join(&self, same: &[u32]) -> Result<u32> {
        let mut chosen = same[0];
        for &row in &same[1..] {
            match (self.row(chosen).kind, self.row(row).kind) {
                (_, kind::WHITEOUT) => {}
                (kind::WHITEOUT, _) | (kind::DIRECTORY, kind::DIRECTORY) => chosen = row,
                _ => {
                    let first = String::from_utf8_lossy(self.path(chosen));
                    let offset = self.row(chosen).entry_offset.get();
                    return Err(self.refuse(
                        row,
                        format!(
                            "the layer has {first:?} already, at offset {offset}; to Windows they are one"
                        ),
                    ));
                }
            }
        }
        Ok(chosen)
    }

    /// Adds a row for every directory that is only implied, and notes what lies in what and whether it shows.
    fn add_parents(&mut self, order: &[u32]) -> Result<Vec<u32>> {
        let mut complete = Vec::with_capacity(order.len());
        // The rows on the way down to the last one, a component each.
        let mut open: Vec<Open> = Vec::new();
        for &row in order {
            let depth = slashes(self.path(row)).count();
            let last = open.last().map(|last| self.path(last.row));
            let shared = last.map_or(0, |last| shared_components(last, self.path(row)));
            self.close(&mut open, shared.min(depth), complete.len())?;
            if let Some(parent) = open.last() {
                self.enter(parent.row, row)?;
            }
            if open.len() < depth {
                let ends: Vec<usize> = slashes(self.path(row)).skip(open.len()).collect();
                for end in ends {
                    let implied = self.imply_directory(row, end)?;
                    self.open(&mut open, implied, &mut complete)?;
                }
            }
            if self.row(row).kind != kind::WHITEOUT {
                self.rows[row as usize].flags |= FLAG_SHOWS;
            }
            self.open(&mut open, row, &mut complete)?;
        }
        self.close(&mut open, 0, complete.len())?;
        Ok(complete)
    }

    /// Puts a row behind those that are complete, within those that are open.
    fn open(&mut self, open: &mut Vec<Open>, row: u32, complete: &mut Vec<u32>) -> Result<()> {
        self.rows[row as usize].parent = open.last().map_or(NONE, |parent| parent.position).into();
        open.push(Open { row, position: index(complete.len())? });
        complete.push(row);
        Ok(())
    }

    /// Ends the subtrees of all but the first `keep` open rows before the row at `position`.
    fn close(&mut self, open: &mut Vec<Open>, keep: usize, position: usize) -> Result<()> {
        let end = index(position)?;
        while open.len() > keep {
            let Some(top) = open.pop() else { break };
            self.rows[top.row as usize].end = end.into();
            if let Some(parent) = open.last() {
                self.rows[parent.row as usize].flags |= self.row(top.row).flags & FLAG_SHOWS;
            }
        }
        Ok(())
    }

    /// Makes sure that something may lie in `parent`, which is whited out, or a directory, or to be refused.
    fn enter(&mut self, parent: u32, row: u32) -> Result<()> {
        match self.row(parent).kind {
            kind::DIRECTORY | kind::IMPLICIT_DIRECTORY => {}
            kind::WHITEOUT => {
                let parent = &mut self.rows[parent as usize];
                parent.kind = kind::IMPLICIT_DIRECTORY;
                parent.flags |= FLAG_REPLACES;
            }
            _ => {
                let parent = String::from_utf8_lossy(self.path(parent));
                return Err(self.refuse(row, format!("lies in {parent:?}, which is not a directory")));
            }
        }
        Ok(())
    }

    fn imply_directory(&mut self, row: u32, end: usize) -> Result<u32> {
        if self.rows.len() - self.implied_from > MAX_IMPLIED_PER_LAYER.max(self.implied_from) {
            return Err(Error::new(
                ErrorKind::LimitExceeded,
                "the layer has far more directories than entries",
            ));
        }
        let below = self.rows[row as usize];
        let path = super::format::Span::new(below.path.offset.get(), index(end)?);
        let implied = index(self.rows.len())?;
        self.rows.push(Row {
            path,
            entry_offset: below.entry_offset,
            link_row: NONE.into(),
            kind: kind::IMPLICIT_DIRECTORY,
            ..Row::default()
        });
        Ok(implied)
    }

    /// Finds the file behind every hard link: in this layer first, then in the layers below.
    fn resolve_links(&mut self, order: &[u32], below: Below<'_>) -> Result<()> {
        let links: Vec<u32> =
            (0..).take(self.rows.len()).filter(|row| self.row(*row).kind == kind::HARD_LINK).collect();
        // Links to links are followed with what is found noted on the way, so that a long chain costs as little as a
        // short one. `trail` is the chain being followed; a link that leads into it leads in a circle.
        let mut resolved: Vec<Option<u32>> = vec![None; if links.is_empty() { 0 } else { self.rows.len() }];
        for &link in &links {
            let mut trail = vec![link];
            let target = loop {
                let from = trail[trail.len() - 1];
                match self.own_target(order, from)? {
                    None => break None,
                    Some(to) if self.row(to).kind != kind::HARD_LINK => break Some(to),
                    Some(to) if resolved[to as usize].is_some() => break resolved[to as usize],
                    Some(to) if trail.len() > links.len() => {
                        return Err(self.refuse(to, "hard links that lead in a circle"));
                    }
                    Some(to) => trail.push(to),
                }
            };
            match target {
                Some(target) => trail.iter().for_each(|link| resolved[*link as usize] = Some(target)),
                None => self.check_below(trail[trail.len() - 1], below)?,
            }
            if target.is_none() {
                self.point_below(&trail);
            }
        }
        let mut positions = vec![NONE; if links.is_empty() { 0 } else { self.rows.len() }];
        for (position, row) in (0..).zip(order) {
            if let Some(slot) = positions.get_mut(*row as usize) {
                *slot = position;
            }
        }
        for link in links {
            if let Some(target) = resolved[link as usize] {
                self.rows[link as usize].link_row = positions[target as usize].into();
            }
        }
        Ok(())
    }

    /// The row in this layer that a hard link names, if the layer has it.
    fn own_target(&self, order: &[u32], link: u32) -> Result<Option<u32>> {
        let target = self.text(self.row(link).link);
        let found = order.binary_search_by(|row| name::tree_cmp(self.path(*row), target));
        let Ok(at) = found else { return Ok(None) };
        match self.row(order[at]).kind {
            kind::WHITEOUT => Ok(None),
            kind::DIRECTORY | kind::IMPLICIT_DIRECTORY => Err(self
                .refuse(link, format!("a hard link to the directory {:?}", String::from_utf8_lossy(target)))),
            _ => Ok(Some(order[at])),
        }
    }

    fn check_below(&self, link: u32, below: Below<'_>) -> Result<()> {
        let Some(below) = below else { return Ok(()) };
        let target = LayerPath::from_checked(self.text(self.row(link).link).to_vec());
        match below(&target)? {
            Some(kind) if kind != NodeKind::Directory => Ok(()),
            Some(_) => Err(self.refuse(link, format!("a hard link to the directory {target}"))),
            None => Err(self.refuse(
                link,
                format!("the target of the hard link, {target}, is neither in this layer nor below"),
            )),
        }
    }

    /// Makes all links of a chain name the path below that the last of them names.
    fn point_below(&mut self, trail: &[u32]) {
        let path = self.row(trail[trail.len() - 1]).link;
        for link in trail {
            self.rows[*link as usize].link = path;
        }
    }

    fn write_out(&self, order: &[u32], diff_id: DiffId, tar_len: u64, output: Output<'_>) -> Result<()> {
        let mut crc = crc32fast::Hasher::new();
        self.write_body(order, &mut |bytes| {
            crc.update(bytes);
            Ok(())
        })?;
        let mut header = Header {
            magic: MAGIC,
            version: VERSION.into(),
            header_crc: 0.into(),
            body_crc: crc.finalize().into(),
            rows: index(order.len())?.into(),
            streams: index(self.streams.len())?.into(),
            records: index(self.table.len())?.into(),
            entries: self.entries.into(),
            heap_len: (self.heap.len() as u64).into(),
            tar_len: tar_len.into(),
            file_bytes: self.file_bytes.into(),
            diff_id: diff_id.0.0,
        };
        header.header_crc = header_crc(&header).into();
        output(header.as_bytes())?;
        self.write_body(order, output)
    }

    fn write_body(&self, order: &[u32], output: Output<'_>) -> Result<()> {
        /// Rows that are written at once.
        const ROWS: usize = 4096;
        let mut rows = Vec::with_capacity(ROWS.min(order.len()));
        for piece in order.chunks(ROWS) {
            rows.clear();
            rows.extend(piece.iter().map(|row| *self.row(*row)));
            output(rows.as_bytes())?;
        }
        output(self.streams.as_bytes())?;
        output(self.table.as_bytes())?;
        output(&self.heap)
    }
}

/// Where each component of a path ends, the last one left out.
fn slashes(path: &[u8]) -> impl Iterator<Item = usize> + '_ {
    path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at)
}
