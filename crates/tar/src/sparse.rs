//! Sparse files: old GNU headers and PAX formats 0.0, 0.1 and 1.0 (GNU tar manual, "Storing Sparse Files").

use crate::entry::{RawEntry, SparseRange};
use crate::error::Problem;
use crate::header::{BLOCK, HeaderBlock, field, number};
use crate::parser::Limits;
use crate::pax::{self, PaxRecords};

/// The map of a sparse file, as far as it was read.
#[derive(Debug)]
pub(crate) struct SparseMap {
    /// The file's name, where the one in the header is made up.
    name: Option<Vec<u8>>,
    ranges: Vec<SparseRange>,
    real_size: u64,
    /// Bytes of the entry's stored data that are map.
    in_data: u64,
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

/// What PAX records say of a sparse file.
#[derive(Debug, Default)]
struct SparseRecords<'a> {
    major: &'a [u8],
    minor: &'a [u8],
    count: &'a [u8],
    map: &'a [u8],
    name: &'a [u8],
    size: &'a [u8],
    real_size: &'a [u8],
    /// Offsets and lengths by turns, as format 0.0 has them.
    pairs: Vec<&'a [u8]>,
}

impl SparseMap {
    /// What a header and its records say, if the entry is sparse.
    pub(crate) fn of(
        header: &HeaderBlock<'_>,
        entry: &RawEntry,
        limits: Limits,
    ) -> Result<Option<Self>, Problem> {
        if header.type_flag() == b'S' {
            return old_gnu(header).map(Some);
        }
        let records = SparseRecords::of(&entry.pax)?;
        let Some(is_in_data) = records.is_in_data() else { return Ok(None) };
        if entry.kind.is_header_only() {
            return Err(Problem::SparseMap);
        }
        let real_size = match (records.size, records.real_size) {
            (b"", b"") => entry.size,
            (b"", size) | (size, _) => decimal(size)?,
        };
        let name = Some(records.name.to_vec()).filter(|name| !name.is_empty());
        let (ranges, more) = if is_in_data {
            (Vec::new(), More::Lines { text: Vec::new(), lines: 0, wanted: None })
        } else {
            (records.ranges()?, More::Nowhere)
        };
        check_count(ranges.len(), limits)?;
        Ok(Some(Self { name, ranges, real_size, in_data: 0, more }))
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
                push_gnu_ranges(&mut self.ranges, &block[..504])?;
                if block[504] == 0 {
                    self.more = More::Nowhere;
                }
            }
            More::Lines { text, lines, wanted } => {
                self.in_data += BLOCK as u64;
                text.extend_from_slice(block);
                *lines += block.iter().filter(|&&b| b == b'\n').count();
                if wanted.is_none() && *lines > 0 {
                    *wanted = Some(count_lines(text, limits)?);
                }
                if let Some(wanted) = wanted.filter(|wanted| *lines >= *wanted) {
                    self.ranges = pairs(&numbers_behind_first_line(text, wanted)?)?;
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
        entry.stored = entry.stored.checked_sub(self.in_data).ok_or(Problem::SparseMap)?;
        entry.data_offset = data_offset;
        entry.size = self.real_size;
        entry.path = self.name.unwrap_or(entry.path);
        let (mut end, mut stored) = (0, 0);
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

impl<'a> SparseRecords<'a> {
    fn of(records: &'a PaxRecords) -> Result<Self, Problem> {
        let mut found = Self::default();
        for (key, value) in records.iter() {
            let Some(key) = key.strip_prefix(b"GNU.sparse.") else { continue };
            match key {
                b"major" => found.major = value,
                b"minor" => found.minor = value,
                b"numblocks" => found.count = value,
                b"map" => found.map = value,
                b"name" => found.name = value,
                b"size" => found.size = value,
                b"realsize" => found.real_size = value,
                b"offset" if found.pairs.len().is_multiple_of(2) => found.pairs.push(value),
                b"numbytes" if !found.pairs.len().is_multiple_of(2) => found.pairs.push(value),
                b"offset" | b"numbytes" => return Err(Problem::SparseMap),
                _ => {}
            }
        }
        Ok(found)
    }

    /// Whether the map is at the head of the data (1.0) or in the records (0.0 and 0.1, which need not say so); `None` if
    /// the entry is not sparse, or in a format that is not known.
    fn is_in_data(&self) -> Option<bool> {
        match (self.major, self.minor) {
            (b"1", b"0") => Some(true),
            (b"0", b"0" | b"1") => Some(false),
            (b"", b"") if !self.map.is_empty() || !self.pairs.is_empty() => Some(false),
            _ => None,
        }
    }

    fn ranges(self) -> Result<Vec<SparseRange>, Problem> {
        let numbers: Vec<u64> = if self.pairs.is_empty() && !self.map.is_empty() {
            self.map.split(|&b| b == b',').map(decimal).collect::<Result<_, _>>()?
        } else {
            self.pairs.into_iter().map(decimal).collect::<Result<_, _>>()?
        };
        let ranges = pairs(&numbers)?;
        if decimal(self.count)? != ranges.len() as u64 {
            return Err(Problem::SparseMap);
        }
        Ok(ranges)
    }
}

fn old_gnu(header: &HeaderBlock<'_>) -> Result<SparseMap, Problem> {
    if !header.is_gnu() {
        return Err(Problem::SparseMap);
    }
    let real_size = size(&header.0[field::GNU_REAL_SIZE])?;
    let mut ranges = Vec::new();
    push_gnu_ranges(&mut ranges, &header.0[field::GNU_SPARSE_RANGES])?;
    let more = if header.0[field::GNU_SPARSE_GOES_ON] == 0 { More::Nowhere } else { More::GnuBlock };
    Ok(SparseMap { name: None, ranges, real_size, in_data: 0, more })
}

/// Appends ranges of 12 + 12 bytes each up to the first that is not used.
fn push_gnu_ranges(ranges: &mut Vec<SparseRange>, fields: &[u8]) -> Result<(), Problem> {
    for field in fields.chunks_exact(24).take_while(|field| field[0] != 0) {
        ranges.push(SparseRange { offset: size(&field[..12])?, len: size(&field[12..])? });
    }
    Ok(())
}

/// A numeric field that may not be negative.
fn size(field: &[u8]) -> Result<u64, Problem> {
    number(field).and_then(|n| u64::try_from(n).ok()).ok_or(Problem::SparseMap)
}

fn decimal(value: &[u8]) -> Result<u64, Problem> {
    pax::parse_size(value).ok_or(Problem::SparseMap)
}

fn pairs(numbers: &[u64]) -> Result<Vec<SparseRange>, Problem> {
    let (pairs, rest) = numbers.as_chunks();
    if !rest.is_empty() {
        return Err(Problem::SparseMap);
    }
    Ok(pairs.iter().map(|&[offset, len]| SparseRange { offset, len }).collect())
}

/// How many lines a 1.0 map has, its first line, which says so, included.
fn count_lines(text: &[u8], limits: Limits) -> Result<usize, Problem> {
    let count = decimal(text.split(|&b| b == b'\n').next().unwrap_or_default())?;
    let ranges = usize::try_from(count).map_err(|_| Problem::SparseMap)?;
    check_count(ranges, limits)?;
    Ok(1 + 2 * ranges)
}

fn numbers_behind_first_line(text: &[u8], lines: usize) -> Result<Vec<u64>, Problem> {
    text.split(|&b| b == b'\n').take(lines).skip(1).map(decimal).collect()
}

fn check_count(ranges: usize, limits: Limits) -> Result<(), Problem> {
    if ranges as u64 > limits.sparse_ranges {
        return Err(Problem::TooManyRanges { limit: limits.sparse_ranges });
    }
    Ok(())
}
