//! The way out: front to back, without seeking.

use std::io::{BufWriter, Write};

use crate::Result;
use crate::format::{BLOCK, PutLe};

/// Writes front to back, and knows how far it is.
pub(crate) struct Output<W: Write> {
    out: BufWriter<W>,
    /// What is gathered for the next write.
    pub(crate) block: Vec<u8>,
    written: u64,
}

impl<W: Write> Output<W> {
    pub(crate) fn new(out: W) -> Self {
        Self { out: BufWriter::with_capacity(1 << 18, out), block: Vec::new(), written: 0 }
    }

    /// Writes what is gathered.
    pub(crate) fn write_block(&mut self) -> Result<()> {
        self.out.write_all(&self.block)?;
        self.written += self.block.len() as u64;
        self.block.clear();
        Ok(())
    }

    /// Writes what is gathered once it is enough to be worth it, so that memory stays bounded.
    pub(crate) fn write_if_full(&mut self) -> Result<()> {
        if self.block.len() >= 1 << 16 { self.write_block() } else { Ok(()) }
    }

    /// Writes what is gathered, with zeros up to a whole block.
    pub(crate) fn write_padded_block(&mut self) -> Result<()> {
        self.block.pad_to_multiple_of(BLOCK);
        self.write_block()
    }

    /// Writes zeros up to `position`: less than a block.
    pub(crate) fn pad_to(&mut self, position: u64) -> Result<()> {
        let missing = position.saturating_sub(self.written);
        self.block.resize(usize::try_from(missing).unwrap_or(BLOCK).min(BLOCK), 0);
        self.write_block()
    }

    pub(crate) fn finish(mut self) -> Result<()> {
        self.out.flush()?;
        Ok(())
    }
}
