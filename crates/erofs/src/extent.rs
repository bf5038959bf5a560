//! Where a file's bytes are: from byte extents to the chunk index of an inode.

use crate::Result;
use crate::error::{ExtentReason, Problem};
use crate::format::{BLOCK_BITS, BLOCK_SIZE, ChunkIndex, MAX_CHUNK_BITS};
use crate::inode::{Device, DeviceId};

/// A stretch of a file that lies in one piece on a device.
///
/// An extent of no bytes says nothing and is skipped, since sparse maps in tars often end with one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// Where the stretch begins in the file: a multiple of 512.
    pub file_offset: u64,
    /// The device that holds it.
    pub device: DeviceId,
    /// Where it begins on the device: a multiple of 512.
    pub device_offset: u64,
    /// Its length in bytes: a multiple of 512, unless the file ends with it.
    pub len: u64,
}

/// A stretch of a file in whole blocks. It ends where the next run begins, the last one with the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Run {
    file_block: u64,
    device_block: u32,
    /// The device's number; 0 is a hole.
    device: u16,
}

impl Run {
    fn hole(file_block: u64) -> Self {
        Self { file_block, device_block: 0, device: 0 }
    }

    /// Says whether `next` only goes on where this run would anyway.
    fn continues_into(&self, next: &Self) -> bool {
        let blocks = next.file_block - self.file_block;
        self.device == next.device
            && (self.device == 0 || u64::from(self.device_block) + blocks == u64::from(next.device_block))
    }
}

/// Returns how many blocks `size` bytes take.
pub(crate) fn blocks(size: u64) -> u64 {
    size.div_ceil(BLOCK_SIZE)
}

/// Returns a file of `size` bytes as runs, as few as possible, from its first block to its last.
pub(crate) fn runs(size: u64, extents: &[Extent], devices: &[Device]) -> Result<Vec<Run>> {
    let mut runs: Vec<Run> = Vec::new();
    let mut push = |run: Run| match runs.last() {
        Some(last) if last.continues_into(&run) => {}
        _ => runs.push(run),
    };
    let mut end = 0;
    for (index, extent) in extents.iter().enumerate().filter(|(_, extent)| extent.len > 0) {
        let &Extent { file_offset, device, len, .. } = extent;
        let device_block = check(extent, end, size, devices).map_err(|reason| Problem::Extent {
            index,
            file_offset,
            len,
            reason,
        })?;
        if file_offset > end {
            push(Run::hole(end >> BLOCK_BITS));
        }
        push(Run { file_block: file_offset >> BLOCK_BITS, device_block, device: device.number() });
        end = file_offset + len;
    }
    if end < size {
        push(Run::hole(end >> BLOCK_BITS));
    }
    Ok(runs)
}

/// Checks an extent that follows `end` bytes of its file, and returns its first block on the device.
fn check(extent: &Extent, end: u64, size: u64, devices: &[Device]) -> Result<u32, ExtentReason> {
    let &Extent { file_offset, device, device_offset, len } = extent;
    if file_offset < end {
        return Err(ExtentReason::OutOfOrder);
    }
    if !file_offset.is_multiple_of(BLOCK_SIZE) {
        return Err(ExtentReason::UnalignedInFile);
    }
    if !device_offset.is_multiple_of(BLOCK_SIZE) {
        return Err(ExtentReason::UnalignedOnDevice { device_offset });
    }
    let file_end = file_offset.checked_add(len).filter(|&end| end <= size);
    let file_end = file_end.ok_or(ExtentReason::BeyondFile { size })?;
    if file_end < size && !len.is_multiple_of(BLOCK_SIZE) {
        return Err(ExtentReason::UnalignedEnd);
    }
    // Device numbers count from 1; a device of another builder is one without any blocks.
    let device_blocks = devices.get(usize::from(device.number()) - 1).map_or(0, |device| device.blocks);
    let (first, count) = (device_offset >> BLOCK_BITS, blocks(len));
    match u32::try_from(first) {
        Ok(block) if first + count <= u64::from(device_blocks) => Ok(block),
        _ => Err(ExtentReason::BeyondDevice { device, first, count, device_blocks }),
    }
}

/// How a file is cut into chunks of 2^`bits` blocks, each of which lies in one piece on one device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Chunking {
    pub(crate) bits: u32,
    pub(crate) count: u64,
}

impl Chunking {
    /// Chooses the largest chunks that never span two runs, and no larger than the file needs.
    pub(crate) fn of(size: u64, runs: &[Run]) -> Self {
        let blocks = blocks(size);
        let whole = blocks.next_power_of_two().trailing_zeros();
        let inner = runs.iter().skip(1).map(|run| run.file_block.trailing_zeros());
        let bits = inner.fold(whole, u32::min).min(MAX_CHUNK_BITS);
        Self { bits, count: blocks.div_ceil(1 << bits) }
    }

    /// Returns the chunk index of the file whose runs these are.
    pub(crate) fn indexes(self, runs: &[Run]) -> impl Iterator<Item = ChunkIndex> {
        let mut rest = runs;
        (0..self.count).map(move |chunk| {
            let file_block = chunk << self.bits;
            while let [_, next, ..] = rest
                && next.file_block <= file_block
            {
                rest = &rest[1..];
            }
            match rest.first() {
                Some(run) if run.device != 0 => ChunkIndex::Data {
                    device: run.device,
                    block: u64::from(run.device_block) + (file_block - run.file_block),
                },
                _ => ChunkIndex::Hole,
            }
        })
    }
}
