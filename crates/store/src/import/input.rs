//! What comes in: a plain, gzip or zstd stream, told apart by its first bytes, never by its name.

use std::io::{BufRead, Read};
use std::sync::mpsc::{Receiver, Sender, SyncSender};

use flate2::bufread::GzDecoder;
use sha2::{Digest, Sha256};
use winlayer_core::{Control, Error, Progress, Result, Sha256Digest};

/// Bytes of compressed input that travel together.
const PIECE: usize = 256 << 10;

/// The first bytes of every gzip member (RFC 1952, 2.3.1).
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// How an input is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// Not at all.
    None,
    /// gzip (RFC 1952), one member or several.
    Gzip,
    /// Zstandard (RFC 8878), one frame or several.
    Zstd,
}

impl Compression {
    /// Tells from the first bytes.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`](winlayer_core::ErrorKind::InvalidInput) for compressions that layers may not have.
    pub fn detect(first: &[u8]) -> Result<Self> {
        match first {
            [a, b, ..] if [*a, *b] == GZIP_MAGIC => Ok(Self::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Ok(Self::Zstd),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Err(unknown("xz")),
            [b'B', b'Z', b'h', b'1'..=b'9', ..] => Err(unknown("bzip2")),
            [b'P', b'K', 3, 4, ..] => Err(unknown("zip")),
            _ => Ok(Self::None),
        }
    }
}

fn unknown(name: &str) -> Error {
    Error::invalid(format!("the input is compressed with {name}"))
        .hint("layers are plain, gzip or zstd: decompress it first and give the tar, or - and a pipe")
}

/// The input, with its first bytes read ahead.
pub(super) struct Input<'a> {
    first: [u8; 8],
    first_len: usize,
    rest: &'a mut (dyn Read + Send),
}

impl<'a> Input<'a> {
    /// Looks at the first bytes.
    pub(super) fn new(rest: &'a mut (dyn Read + Send)) -> Result<(Self, Compression)> {
        let mut input = Self { first: [0; 8], first_len: 0, rest };
        while input.first_len < input.first.len() {
            match input.rest.read(&mut input.first[input.first_len..]) {
                Ok(0) => break,
                Ok(n) => input.first_len += n,
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                Err(e) => return Err(cannot_read(e)),
            }
        }
        let compression = Compression::detect(&input.first[..input.first_len])?;
        Ok((input, compression))
    }

    /// The whole stream.
    pub(super) fn stream(&mut self) -> impl Read {
        self.first[..self.first_len].chain(&mut *self.rest)
    }
}

pub(super) fn cannot_read(error: std::io::Error) -> Error {
    Error::io_stream("read the input", error)
}

/// Reads compressed input, hashes it and hands it on in pieces. Stops early, without error, when nobody takes them.
pub(super) fn read_pieces(
    mut input: Input<'_>,
    pieces: &SyncSender<Vec<u8>>,
    empty: &Receiver<Vec<u8>>,
    control: Control<'_>,
) -> Result<Sha256Digest> {
    let mut stream = input.stream();
    let mut hash = Sha256::new();
    let mut done = 0;
    loop {
        control.cancel.check()?;
        let mut piece = empty.try_recv().unwrap_or_else(|_| vec![0; PIECE]);
        piece.resize(PIECE, 0);
        let n = read_some(&mut stream, &mut piece).map_err(cannot_read)?;
        if n == 0 {
            return Ok(Sha256Digest(hash.finalize().into()));
        }
        piece.truncate(n);
        hash.update(&piece);
        done += n as u64;
        control.progress.update(Progress { stage: "import", done, total: None });
        if pieces.send(piece).is_err() {
            return Ok(Sha256Digest(hash.finalize().into()));
        }
    }
}

fn read_some(stream: &mut impl Read, buffer: &mut [u8]) -> std::io::Result<usize> {
    loop {
        match stream.read(buffer) {
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

/// Reads what [`read_pieces`] sends.
pub(super) struct Pieces {
    pieces: Receiver<Vec<u8>>,
    empty: Sender<Vec<u8>>,
    current: Vec<u8>,
    at: usize,
    /// Bytes of whole pieces taken so far.
    taken: u64,
}

impl Pieces {
    pub(super) fn new(pieces: Receiver<Vec<u8>>, empty: Sender<Vec<u8>>) -> Self {
        Self { pieces, empty, current: Vec::new(), at: 0, taken: 0 }
    }

    /// Whether these two bytes come next; they are not used up.
    fn begins_with(&mut self, wanted: [u8; 2]) -> std::io::Result<bool> {
        if let [first] = *self.fill_buf()?
            && let Ok(mut next) = self.pieces.recv()
        {
            // The two lie in different pieces: put them into one.
            self.taken += next.len() as u64;
            next.insert(0, first);
            (self.current, self.at) = (next, 0);
        }
        Ok(self.fill_buf()?.starts_with(&wanted))
    }

    /// Takes what is left, for the sake of the digest.
    fn pass_over_rest(&mut self) -> std::io::Result<()> {
        let position = self.position();
        let mut is_padding = true;
        loop {
            let rest = self.fill_buf()?;
            let n = rest.len();
            if n == 0 {
                break;
            }
            is_padding &= rest.iter().all(|&byte| byte == 0);
            self.consume(n);
        }
        if !is_padding {
            tracing::warn!("what follows the gzip stream, from byte {position} of the input on, is ignored");
        }
        Ok(())
    }

    /// How far the input has been read, in bytes.
    pub(super) fn position(&self) -> u64 {
        self.taken - (self.current.len() - self.at) as u64
    }
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n = self.fill_buf()?.read(buffer)?;
        self.consume(n);
        Ok(n)
    }
}

impl BufRead for Pieces {
    fn fill_buf(&mut self) -> std::io::Result<&[u8]> {
        if self.at == self.current.len()
            && let Ok(next) = self.pieces.recv()
        {
            self.taken += next.len() as u64;
            self.at = 0;
            let used = std::mem::replace(&mut self.current, next);
            // Whether anybody still wants it does not matter.
            let _ = self.empty.send(used);
        }
        Ok(&self.current[self.at..])
    }

    fn consume(&mut self, n: usize) {
        self.at += n;
    }
}

/// Undoes the compression while the pieces come in.
pub(super) enum Decoder {
    Gzip(Gunzip),
    Zstd(Box<zstd::Decoder<'static, Pieces>>),
}

impl Decoder {
    pub(super) fn new(compression: Compression, pieces: Pieces) -> std::io::Result<Self> {
        Ok(match compression {
            // Windows of more than 128 MiB are refused, as the zstd program does unless told otherwise.
            Compression::Zstd => Self::Zstd(Box::new(zstd::Decoder::with_buffer(pieces)?)),
            _ => Self::Gzip(Gunzip(Some(Box::new(GzDecoder::new(pieces))))),
        })
    }

    /// What is wrong with the compressed stream, and where.
    pub(super) fn explain(&self, error: &std::io::Error) -> Error {
        let (name, position) = match self {
            Self::Gzip(Gunzip(decoder)) => {
                ("gzip", decoder.as_ref().map_or(0, |decoder| decoder.get_ref().position()))
            }
            Self::Zstd(decoder) => ("zstd", decoder.get_ref().position()),
        };
        let what = match error.kind() {
            std::io::ErrorKind::UnexpectedEof => "ends early".to_owned(),
            _ => format!("is damaged ({error})"),
        };
        Error::invalid(format!("the {name} stream {what} near byte {position} of the input"))
            .hint("fetch the blob again and compare its digest")
    }
}

impl Read for Decoder {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Self::Gzip(decoder) => decoder.read(buffer),
            Self::Zstd(decoder) => decoder.read(buffer),
        }
    }
}

/// Inflates member after member. What follows the last one and is none itself is passed over, as gzip does: zeros (the
/// padding of tapes) without a word, anything else with a warning.
pub(super) struct Gunzip(Option<Box<GzDecoder<Pieces>>>);

impl Read for Gunzip {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        while let Some(decoder) = &mut self.0 {
            let n = decoder.read(buffer)?;
            if n > 0 || buffer.is_empty() {
                return Ok(n);
            }
            let is_member = decoder.get_mut().begins_with(GZIP_MAGIC)?;
            if !is_member {
                decoder.get_mut().pass_over_rest()?;
                return Ok(0);
            }
            self.0 = self.0.take().map(|decoder| Box::new(GzDecoder::new(decoder.into_inner())));
        }
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compression_is_told_by_content() {
        assert_eq!(Compression::detect(b"").unwrap(), Compression::None);
        assert_eq!(Compression::detect(b"Files/\0\0").unwrap(), Compression::None);
        assert_eq!(Compression::detect(&[0x1f, 0x8b, 8]).unwrap(), Compression::Gzip);
        assert_eq!(Compression::detect(&[0x28, 0xb5, 0x2f, 0xfd]).unwrap(), Compression::Zstd);
        assert_eq!(Compression::detect(&[0x50, 0x2a, 0x4d, 0x18]).unwrap(), Compression::Zstd);
    }

    #[test]
    fn other_compressions_are_named() {
        let error = Compression::detect(b"\xfd7zXZ\0").unwrap_err();
        assert!(error.to_string().contains("xz"), "{error}");
        assert!(error.advice().is_some());
    }
}
