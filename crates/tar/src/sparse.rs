//! Sparse files: old GNU headers and PAX formats 0.0, 0.1 and 1.0 (GNU tar manual, "Storing Sparse Files").

use crate::entry::{EntryType, RawEntry, SparseRange};
use crate::error::Problem;
use crate::header::{BLOCK, Header, number};
use crate::parser::Limits;
use crate::pax;

/// Sparse ranges that are being collected.
#[derive(Debug)]
pub(crate) struct SparseHeader {
    ranges: Vec<SparseRange>,
    real_size: u64,
    more: More,
}

/// Where the rest of the map is.
#[derive(Debug)]
enum More {
    Nowhere,
    /// In another old GNU extension block.
    GnuBlock,
    /// At the head of the data, in decimal lines (format 1.0): what is read of it so far.
    Lines {
        text: Vec<u8>,
        lines: usize,
        wanted: Option<usize>,
    },
}

impl SparseHeader {
    /// What a header and its records say, if the entry is sparse.
    pub(crate) fn of(header: &Header<'_>, entry: &RawEntry, limits: Limits) -> Result<Option<Self>, Problem> {
        if header.type_flag() == b'S' {
            return old_gnu(header).map(Some);
        }
        if entry.kind != EntryType::File {
            return Ok(None);
        }
        let record = |key: &[u8]| entry.pax.get(key);
        if record(b"GNU.sparse.major") == Some(b"1") && record(b"GNU.sparse.minor") == Some(b"0") {
            let real_size = size_record(record(b"GNU.sparse.realsize"))?;
            return Ok(Some(Self { ranges: Vec::new(), real_size, more: more_lines() }));
        }
        let real_size = || size_record(record(b"GNU.sparse.size"));
        let ranges = if let Some(map) = record(b"GNU.sparse.map") {
            let numbers: Option<Vec<u64>> = map.split(|&b| b == b',').map(pax::parse_size).collect();
            pairs(&numbers.ok_or(Problem::SparseMap)?)?
        } else if record(b"GNU.sparse.numblocks").is_some() {
            let is_number = |key: &[u8]| matches!(key, b"GNU.sparse.offset" | b"GNU.sparse.numbytes");
            let numbers =
                entry.pax.iter().filter(|(key, _)| is_number(key)).map(|(_, value)| pax::parse_size(value));
            pairs(&numbers.collect::<Option<Vec<_>>>().ok_or(Problem::SparseMap)?)?
        } else {
            return Ok(None);
        };
        check_count(ranges.len(), limits)?;
        Ok(Some(Self { ranges, real_size: real_size()?, more: More::Nowhere }))
    }

    /// Whether another block of the tar belongs to the map.
    pub(crate) fn needs_block(&self) -> bool {
        !matches!(self.more, More::Nowhere)
    }

    /// Takes the next block.
    pub(crate) fn block(&mut self, block: &[u8; BLOCK], limits: Limits) -> Result<(), Problem> {
        match &mut self.more {
            More::Nowhere => {}
            More::GnuBlock => {
                let is_last = !push_gnu_ranges(&mut self.ranges, &block[..504], block[504])?;
                if is_last {
                    self.more = More::Nowhere;
                }
            }
            More::Lines { text, lines, wanted } => {
                text.extend_from_slice(block);
                *lines += block.iter().filter(|&&b| b == b'\n').count();
                if wanted.is_none() && *lines > 0 {
                    *wanted = Some(first_line(text, limits)?);
                }
                if wanted.is_some_and(|wanted| *lines >= wanted) {
                    self.ranges = pairs(&numbers_behind_first_line(text, wanted.unwrap_or_default())?)?;
                    self.more = More::Nowhere;
                } else if text.len() as u64 > limits.extension {
                    return Err(Problem::TooLarge { what: "a sparse map", limit: limits.extension });
                }
            }
        }
        check_count(self.ranges.len(), limits)
    }

    /// The entry with its map, once that is complete. `data_offset` is where the data proper begin.
    pub(crate) fn finish(self, mut entry: Box<RawEntry>, data_offset: u64) -> Result<Box<RawEntry>, Problem> {
        let map_bytes = if entry.kind == EntryType::File { data_offset - entry.data_offset } else { 0 };
        let in_data = entry.pax.get(b"GNU.sparse.major").is_some();
        entry.stored = if in_data {
            entry.stored.checked_sub(map_bytes).ok_or(Problem::SparseMap)?
        } else {
            entry.stored
        };
        entry.data_offset = data_offset;
        entry.size = self.real_size;
        if let Some(name) = entry.pax.get(b"GNU.sparse.name") {
            entry.path = name.to_vec();
        }
        let mut end = 0;
        let mut stored = 0u64;
        for range in &self.ranges {
            let range_end = range.offset.checked_add(range.len).ok_or(Problem::SparseMap)?;
            if range.offset < end || range_end > self.real_size {
                return Err(Problem::SparseMap);
            }
            end = range_end;
            stored += range.len;
        }
        if stored != entry.stored {
            return Err(Problem::SparseMap);
        }
        entry.sparse = Some(self.ranges);
        Ok(entry)
    }
}

fn old_gnu(header: &Header<'_>) -> Result<SparseHeader, Problem> {
    if !header.is_gnu() {
        return Err(Problem::SparseMap);
    }
    let real_size =
        number(&header.0[483..495]).and_then(|n| u64::try_from(n).ok()).ok_or(Problem::SparseMap)?;
    let mut ranges = Vec::new();
    let goes_on = push_gnu_ranges(&mut ranges, &header.0[386..482], header.0[482])?;
    Ok(SparseHeader { ranges, real_size, more: if goes_on { More::GnuBlock } else { More::Nowhere } })
}

/// Appends ranges of 12 + 12 bytes each up to the first empty one; gives whether another block follows.
fn push_gnu_ranges(ranges: &mut Vec<SparseRange>, fields: &[u8], flag: u8) -> Result<bool, Problem> {
    for field in fields.chunks_exact(24) {
        if field[0] == 0 || field[12] == 0 {
            break;
        }
        let value = |bytes| number(bytes).and_then(|n| u64::try_from(n).ok()).ok_or(Problem::SparseMap);
        ranges.push(SparseRange { offset: value(&field[..12])?, len: value(&field[12..])? });
    }
    Ok(flag != 0)
}

fn size_record(value: Option<&[u8]>) -> Result<u64, Problem> {
    value.and_then(pax::parse_size).ok_or(Problem::SparseMap)
}

fn pairs(numbers: &[u64]) -> Result<Vec<SparseRange>, Problem> {
    let pairs = numbers.chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return Err(Problem::SparseMap);
    }
    Ok(pairs.map(|pair| SparseRange { offset: pair[0], len: pair[1] }).collect())
}

fn more_lines() -> More {
    More::Lines { text: Vec::new(), lines: 0, wanted: None }
}

/// How many lines a 1.0 map has, its first line, which says so, included.
fn first_line(text: &[u8], limits: Limits) -> Result<usize, Problem> {
    let count = text.split(|&b| b == b'\n').next().and_then(pax::parse_size).ok_or(Problem::SparseMap)?;
    let ranges = usize::try_from(count).map_err(|_| Problem::SparseMap)?;
    check_count(ranges, limits)?;
    Ok(1 + 2 * ranges)
}

fn numbers_behind_first_line(text: &[u8], lines: usize) -> Result<Vec<u64>, Problem> {
    let lines = text.split(|&b| b == b'\n').take(lines).skip(1);
    lines.map(pax::parse_size).collect::<Option<_>>().ok_or(Problem::SparseMap)
}

fn check_count(ranges: usize, limits: Limits) -> Result<(), Problem> {
    if ranges as u64 > limits.sparse_ranges {
        return Err(Problem::TooLarge { what: "a sparse map", limit: limits.sparse_ranges });
    }
    Ok(())
}
