//! The buffers that travel down the import pipeline: one MiB each, aligned for uncached writes, a fixed number of them.

use std::io::Read;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use winlayer_core::durable::{BLOCK, CHUNK};

/// A buffer of [`CHUNK`] bytes whose first byte is aligned to [`BLOCK`].
pub(super) struct Buffer {
    bytes: Vec<u8>,
    start: usize,
    len: usize,
}

impl Buffer {
    fn new() -> Self {
        let bytes = vec![0; CHUNK + BLOCK];
        let start = bytes.as_ptr().align_offset(BLOCK).min(BLOCK);
        Self { bytes, start, len: 0 }
    }

    /// What is in it.
    pub(super) fn filled(&self) -> &[u8] {
        &self.bytes[self.start..self.start + self.len]
    }

    /// Fills it from the front until it is full or the reader is at its end.
    pub(super) fn fill(&mut self, reader: &mut dyn Read) -> std::io::Result<()> {
        self.len = 0;
        while self.len < CHUNK {
            let space = &mut self.bytes[self.start + self.len..self.start + CHUNK];
            match reader.read(space) {
                Ok(0) => break,
                Ok(n) => self.len += n,
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }
}

/// Where empty buffers are taken from and given back to. Waiting for one is what keeps a fast stage from running away
/// from a slow one.
pub(super) struct Pool {
    give_back: SyncSender<Buffer>,
    take: Receiver<Buffer>,
}

impl Pool {
    /// A pool of this many buffers.
    pub(super) fn new(buffers: usize) -> Self {
        let (give_back, take) = sync_channel(buffers);
        for _ in 0..buffers {
            // There is room for all of them.
            let _ = give_back.try_send(Buffer::new());
        }
        Self { give_back, take }
    }

    /// The two ends: to take from, and to give back to.
    pub(super) fn split(self) -> (Receiver<Buffer>, SyncSender<Buffer>) {
        (self.take, self.give_back)
    }
}
