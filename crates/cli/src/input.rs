//! Where a tar comes from: a file, or whatever is on standard input, and always ready to be cancelled.

use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

use winlayer_core::{CancelToken, Error, Result};
use winlayer_store::Compression;

/// Bytes that are read from a pipe at once.
const PIECE: usize = 256 << 10;

/// Pieces that are read ahead of whoever takes them.
const PIECES: usize = 4;

/// How long a silent pipe may delay a cancellation.
const PATIENCE: Duration = Duration::from_millis(100);

/// An input that is open.
pub(crate) struct Input {
    /// Its bytes.
    pub(crate) reader: Box<dyn Read + Send>,
    /// How many they are, where that is known.
    pub(crate) len: Option<u64>,
}

impl Input {
    /// Opens a file; `-` is standard input.
    pub(crate) fn open(path: &Path, cancel: &CancelToken) -> Result<Self> {
        let is_stdin = path == Path::new("-");
        if is_stdin && io::stdin().is_terminal() {
            return Err(
                Error::invalid("standard input is a terminal, not a tar").hint("name a file, or use a pipe")
            );
        }
        let opened = if is_stdin { stdin_as_file() } else { File::open(path) };
        let metadata = opened.and_then(|file| Ok((file.metadata()?, file)));
        let (metadata, file) = metadata.map_err(|e| Error::io("open", path, e))?;
        if metadata.is_dir() {
            return Err(Error::invalid(format!("{} is a directory, not a tar", path.display())));
        }
        if metadata.is_file() {
            return Ok(Self { reader: Box::new(file), len: Some(metadata.len()) });
        }
        Ok(Self { reader: Box::new(CancellableReader::new(file, cancel.clone())), len: None })
    }
}

impl Input {
    /// Undoes gzip or zstd, which is seen by the content.
    pub(crate) fn decompressed(mut self) -> Result<Box<dyn Read + Send>> {
        let failed = |e| Error::io_stream("read the input", e);
        let mut first = Vec::new();
        (&mut self.reader).take(FIRST_BYTES).read_to_end(&mut first).map_err(failed)?;
        let compression = Compression::detect(&first)?;
        let all = io::Cursor::new(first).chain(self.reader);
        Ok(match compression {
            Compression::None => Box::new(all),
            Compression::Gzip => Box::new(flate2::read::MultiGzDecoder::new(all)),
            Compression::Zstd => Box::new(zstd::Decoder::new(all).map_err(failed)?),
        })
    }
}

/// As many as [`Compression::detect`] looks at.
const FIRST_BYTES: u64 = 8;

#[cfg(unix)]
fn stdin_as_file() -> io::Result<File> {
    use std::os::fd::AsFd;
    Ok(File::from(io::stdin().as_fd().try_clone_to_owned()?))
}

#[cfg(windows)]
fn stdin_as_file() -> io::Result<File> {
    use std::os::windows::io::AsHandle;
    Ok(File::from(io::stdin().as_handle().try_clone_to_owned()?))
}

/// Reads what may never come (a pipe, a terminal, a socket) without hanging: a thread of its own waits for it, and is
/// left behind on cancellation.
struct CancellableReader {
    pieces: Receiver<io::Result<Vec<u8>>>,
    current: Vec<u8>,
    at: usize,
    cancel: CancelToken,
}

impl CancellableReader {
    fn new(mut source: impl Read + Send + 'static, cancel: CancelToken) -> Self {
        let (sender, pieces) = sync_channel(PIECES);
        thread::spawn(move || {
            loop {
                let piece = read_piece(&mut source);
                let is_last = piece.as_ref().map_or(true, Vec::is_empty);
                if sender.send(piece).is_err() || is_last {
                    return;
                }
            }
        });
        Self { pieces, current: Vec::new(), at: 0, cancel }
    }

    fn next_piece(&mut self) -> io::Result<Vec<u8>> {
        loop {
            match self.pieces.recv_timeout(PATIENCE) {
                Ok(piece) => return piece,
                Err(RecvTimeoutError::Disconnected) => return Ok(Vec::new()),
                Err(RecvTimeoutError::Timeout) if self.cancel.is_cancelled() => {
                    return Err(io::Error::other("cancelled"));
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }
}

fn read_piece(source: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut piece = vec![0; PIECE];
    loop {
        match source.read(&mut piece) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
            Ok(n) => {
                piece.truncate(n);
                return Ok(piece);
            }
        }
    }
}

impl Read for CancellableReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at == self.current.len() {
            self.current = self.next_piece()?;
            self.at = 0;
        }
        let n = (&self.current[self.at..]).read(buffer)?;
        self.at += n;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Says something once and then nothing for ever.
    struct Silent(Option<&'static [u8]>);

    impl Read for Silent {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            match self.0.take() {
                Some(mut bytes) => bytes.read(buffer),
                None => loop {
                    thread::park();
                },
            }
        }
    }

    #[test]
    fn a_pipe_that_went_silent_can_be_cancelled() {
        let cancel = CancelToken::new();
        let mut reader = CancellableReader::new(Silent(Some(b"abc")), cancel.clone());
        let mut buffer = [0; 8];
        assert_eq!(reader.read(&mut buffer).unwrap(), 3);
        cancel.cancel();
        assert_eq!(reader.read(&mut buffer).unwrap_err().to_string(), "cancelled");
    }

    #[test]
    fn all_bytes_come_through_in_order() {
        let content: Vec<u8> = (0..=250).cycle().take(3 * PIECE + 5).collect();
        let mut reader = CancellableReader::new(io::Cursor::new(content.clone()), CancelToken::new());
        let mut read = Vec::new();
        reader.read_to_end(&mut read).unwrap();
        assert!(read == content);
    }
}
