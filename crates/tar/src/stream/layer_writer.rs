//! A whole layer tar from its files: each file that has several names once, the others as hard links, and whiteouts.

use std::collections::HashMap;
use std::io::{Read, Seek, Write};

use super::FileInfo;
use super::encode::{append_data, append_file, append_hard_link, with_slashes};
use super::error::StreamError;
use crate::encode::Header;
use crate::writer::{WriteError, Writer};

/// What tells files of a volume apart (FILE_ID_128, [MS-FSCC] 2.1.10).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(pub u128);

/// How many names a file has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Links {
    /// This one.
    One,
    /// More than one, some of which the layer may have.
    Several(FileId),
}

/// Writes a layer tar.
pub struct LayerWriter<W> {
    tar: Writer<W>,
    /// Of each file with several names, the one that the tar has it by.
    first_names: HashMap<FileId, Vec<u8>>,
}

impl<W: Write> LayerWriter<W> {
    /// Starts a layer.
    pub fn new(out: W) -> Self {
        Self { tar: Writer::new(out), first_names: HashMap::new() }
    }

    /// Adds a file, directory or link; or a hard link, if the layer has the file by another name already, in which case
    /// `backup_stream` is not read.
    ///
    /// # Errors
    /// As [`append_file`].
    pub fn add(
        &mut self,
        info: &FileInfo,
        links: Links,
        backup_stream: impl Read + Seek,
    ) -> Result<(), StreamError> {
        let Links::Several(id) = links else { return append_file(&mut self.tar, info, backup_stream) };
        if let Some(target) = self.first_names.get(&id) {
            return append_hard_link(&mut self.tar, info, target);
        }
        append_file(&mut self.tar, info, backup_stream)?;
        self.first_names.insert(id, with_slashes(&info.name));
        Ok(())
    }

    /// Adds a plain file, which has data only: `info.size` bytes of them.
    ///
    /// # Errors
    /// There are more or less data, the tar cannot hold the name, or reading or writing fails.
    pub fn add_data(&mut self, info: &FileInfo, data: impl Read) -> Result<(), StreamError> {
        append_data(&mut self.tar, info, data)
    }

    /// Adds a whiteout: what parent layers have at this path is gone.
    ///
    /// # Errors
    /// A tar cannot hold the name, or writing fails.
    pub fn remove(&mut self, path: &[u8]) -> Result<(), StreamError> {
        let path = with_slashes(path);
        let name = path.iter().rposition(|&b| b == b'/').map_or(0, |slash| slash + 1);
        let name = [&path[..name], b".wh.", &path[name..]].concat();
        Ok(self.tar.write_header(&Header { mode: 0, ..Header::file(name, 0) })?)
    }

    /// Ends the tar and gives the stream back, which is not flushed.
    ///
    /// # Errors
    /// Writing fails.
    pub fn finish(self) -> Result<W, WriteError> {
        self.tar.finish()
    }
}
