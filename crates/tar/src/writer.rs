//! Writes tars to a stream, byte for byte as Go's archive/tar does.

use std::io::{self, Write};

use crate::encode::{Header, Refusal};
use crate::header::BLOCK;

/// Why writing a tar stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// A header that no tar can hold. Nothing of it was written; the tar can go on with another one.
    #[error("entry {:?}: {refusal}", String::from_utf8_lossy(.entry))]
    Refused {
        /// The entry's name.
        entry: Vec<u8>,
        /// What is wrong with it.
        refusal: Refusal,
    },
    /// More data than the header says. As many as it says were written.
    #[error("entry {:?}: more data than the {size} bytes that its header says", String::from_utf8_lossy(.entry))]
    TooMuchData {
        /// The entry's name.
        entry: Vec<u8>,
        /// Bytes of data that the entry has.
        size: u64,
    },
    /// Less data than the header says. The rest can still be written.
    #[error("entry {:?}: {missing} bytes of its data were not written", String::from_utf8_lossy(.entry))]
    MissingData {
        /// The entry's name.
        entry: Vec<u8>,
        /// Bytes that are missing.
        missing: u64,
    },
    /// The stream failed; what it holds is no whole tar.
    #[error("cannot write the tar: {0}")]
    Io(#[from] io::Error),
}

impl From<WriteError> for io::Error {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Io(error) => error,
            other => Self::new(io::ErrorKind::InvalidInput, other),
        }
    }
}

/// Writes entries to a stream: a header, then its data through [`Write`], which takes as many as the header says.
///
/// ```
/// use winlayer_tar::{Header, Writer};
///
/// let mut tar = Writer::new(Vec::new());
/// tar.append(&Header::directory("Files"), b"")?;
/// let file = Header::file("Files/hello.txt", 5).with_record("MSWINDOWS.fileattr", "32");
/// tar.append(&file, b"hello")?;
/// let directory_file_and_end = 512 + 4 * 512 + 2 * 512;
/// assert_eq!(tar.finish()?.len(), directory_file_and_end);
/// # Ok::<(), winlayer_tar::WriteError>(())
/// ```
#[derive(Debug)]
pub struct Writer<W> {
    out: W,
    /// The padding and the blocks that are being written; kept for their memory.
    blocks: Vec<u8>,
    /// The name of the current entry, for messages.
    entry: Vec<u8>,
    size: u64,
    missing: u64,
}

impl<W: Write> Writer<W> {
    /// Starts a tar.
    pub fn new(out: W) -> Self {
        Self { out, blocks: Vec::new(), entry: Vec::new(), size: 0, missing: 0 }
    }

    /// Ends the current entry and writes the header of the next one.
    ///
    /// # Errors
    /// Data of the current entry are missing, the header is refused, or the stream failed.
    pub fn write_header(&mut self, header: &Header) -> Result<(), WriteError> {
        self.check_complete()?;
        self.blocks.clear();
        self.blocks.resize(padding(self.size), 0);
        header
            .encode(&mut self.blocks)
            .map_err(|refusal| WriteError::Refused { entry: header.name.clone(), refusal })?;
        self.entry.clone_from(&header.name);
        (self.size, self.missing) = (header.data_len(), header.data_len());
        Ok(self.out.write_all(&self.blocks)?)
    }

    /// Writes a header and all of its data.
    ///
    /// # Errors
    /// As [`Writer::write_header`]; or the data are not as long as the header says.
    pub fn append(&mut self, header: &Header, data: &[u8]) -> Result<(), WriteError> {
        self.write_header(header)?;
        if self.write_some(data)? < data.len() {
            return Err(self.too_much_data());
        }
        self.check_complete()
    }

    /// Ends the tar with two zero blocks, without padding it to records of 10 KiB, and gives the stream back, which is not
    /// flushed.
    ///
    /// # Errors
    /// Data of the current entry are missing, or the stream failed.
    pub fn finish(mut self) -> Result<W, WriteError> {
        self.check_complete()?;
        self.blocks.clear();
        self.blocks.resize(padding(self.size) + 2 * BLOCK, 0);
        self.out.write_all(&self.blocks)?;
        Ok(self.out)
    }

    /// Writes data up to the size of the entry; gives how many.
    fn write_some(&mut self, data: &[u8]) -> io::Result<usize> {
        let fitting = usize::try_from(self.missing).map_or(data.len(), |missing| missing.min(data.len()));
        self.out.write_all(&data[..fitting])?;
        self.missing -= fitting as u64;
        Ok(fitting)
    }

    fn check_complete(&self) -> Result<(), WriteError> {
        match self.missing {
            0 => Ok(()),
            missing => Err(WriteError::MissingData { entry: self.entry.clone(), missing }),
        }
    }

    fn too_much_data(&self) -> WriteError {
        WriteError::TooMuchData { entry: self.entry.clone(), size: self.size }
    }
}

impl<W: Write> Write for Writer<W> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        match self.write_some(data)? {
            0 if !data.is_empty() => Err(self.too_much_data().into()),
            n => Ok(n),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Bytes from the end of data to the next block.
fn padding(size: u64) -> usize {
    let used = usize::try_from(size % BLOCK as u64).unwrap_or_default();
    used.wrapping_neg() % BLOCK
}
