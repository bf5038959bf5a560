//! The port: what a graph driver needs of an engine, in the words of the Host Compute Service.
//!
//! The driver's order of calls and its roll-backs are part of the historical behaviour, so the port has HCS's small
//! steps (activate, prepare, unprepare, deactivate …) rather than large ones. Import and export are at the level of the
//! layer's tar: one engine keeps it, the other turns it into a transport folder.

use std::fs::File;
use std::io::{Read, Write};
use std::path::PathBuf;

use crate::chain::Chain;
use crate::change::Change;
use crate::control::Control;
use crate::digest::{BlobDigest, DiffId};
use crate::error::{Error, Result};
use crate::home::{Folder, Home};
use crate::id::LayerId;
use crate::path::LayerPath;

/// What an import found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Imported {
    /// Digest of the uncompressed tar, if the engine computes it.
    pub diff_id: Option<DiffId>,
    /// Digest of the input as it was read, if the engine computes it.
    pub blob: Option<BlobDigest>,
    /// Entries in the tar.
    pub entries: u64,
    /// Sum of the sizes of regular files, alternate streams not counted: what the historical driver returns.
    pub file_bytes: u64,
    /// Length of the uncompressed tar.
    pub tar_bytes: u64,
}

/// A base image that the system offers to every engine on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseImage {
    /// Its name.
    pub name: String,
    /// Its version, four numbers.
    pub version: String,
    /// The folder of its layer.
    pub path: PathBuf,
}

/// A layer's tar on its way out.
pub enum LayerTar {
    /// It lies in a file, from first byte to last.
    File(File),
    /// It is made as it is read.
    Stream(Box<dyn Read + Send>),
}

impl Read for LayerTar {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Self::File(file) => file.read(buffer),
            Self::Stream(stream) => stream.read(buffer),
        }
    }
}

impl LayerTar {
    /// Copies the tar to a file, by the kernel alone where it can.
    ///
    /// # Errors
    /// An operating system error, or the engine's while it made the tar.
    pub fn copy_to_file(&mut self, out: &mut File) -> Result<u64> {
        let failed = |e| Error::io_stream("write the layer's tar", e);
        match self {
            // The standard library hands file-to-file copies to the kernel.
            Self::File(file) => std::io::copy(file, out).map_err(failed),
            Self::Stream(_) => self.copy_to(out),
        }
    }

    /// Copies the tar to a writer.
    ///
    /// # Errors
    /// An operating system error, or the engine's while it made the tar.
    pub fn copy_to(&mut self, out: &mut dyn Write) -> Result<u64> {
        let failed = |e| Error::io_stream("write the layer's tar", e);
        let mut buffer = vec![0; 256 << 10];
        let mut copied = 0;
        loop {
            let n = self.read(&mut buffer).map_err(failed)?;
            if n == 0 {
                return Ok(copied);
            }
            out.write_all(&buffer[..n]).map_err(failed)?;
            copied += n as u64;
        }
    }
}

/// An engine that keeps layers below a [`Home`].
///
/// Ids are the engine's own: a driver resolves alternate ids first. Chains are nearest parent first. Every method that
/// fails leaves the home as it was, unless it says otherwise.
pub trait LayerBackend: Send + Sync {
    /// A short name for status lines: `"store"`, `"hcs"`.
    fn name(&self) -> &'static str;

    /// Where the layers are.
    fn home(&self) -> &Home;

    /// Makes the folder of a read-only layer, still without content.
    ///
    /// # Errors
    /// [`ErrorKind::AlreadyExists`](crate::ErrorKind::AlreadyExists), or the system's.
    fn create(&self, id: &LayerId, parent: Option<&LayerId>) -> Result<()>;

    /// Makes a writable layer over a chain.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) where the engine has none; or the system's.
    fn create_scratch(&self, id: &LayerId, chain: &Chain) -> Result<()>;

    /// Sets the size limit of a writable layer, in bytes; it can only grow.
    ///
    /// # Errors
    /// As [`LayerBackend::create_scratch`].
    fn expand_scratch(&self, id: &LayerId, bytes: u64) -> Result<()>;

    /// Makes a layer ready to be prepared or read.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound), or the system's.
    fn activate(&self, id: &LayerId) -> Result<()>;

    /// Undoes [`LayerBackend::activate`].
    ///
    /// # Errors
    /// The system's.
    fn deactivate(&self, id: &LayerId) -> Result<()>;

    /// Puts a layer's chain under it, so that it has a mount path.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) where the engine cannot mount; or the system's.
    fn prepare(&self, id: &LayerId, chain: &Chain) -> Result<()>;

    /// Undoes [`LayerBackend::prepare`]; nothing if it was not prepared.
    ///
    /// # Errors
    /// The system's.
    fn unprepare(&self, id: &LayerId) -> Result<()>;

    /// Makes a layer that may be prepared ready for [`LayerBackend::export`]. HCS can export only what is not prepared;
    /// an engine that can export at any time does nothing.
    ///
    /// # Errors
    /// The system's.
    fn suspend(&self, id: &LayerId) -> Result<()> {
        self.unprepare(id)
    }

    /// Undoes [`LayerBackend::suspend`].
    ///
    /// # Errors
    /// The system's.
    fn resume(&self, id: &LayerId, chain: &Chain) -> Result<()> {
        self.prepare(id, chain)
    }

    /// Where the layer's content can be reached; `None` if only through its folder.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound), or the system's.
    fn mount_path(&self, id: &LayerId) -> Result<Option<PathBuf>>;

    /// Whether a layer has content that children can build on: Docker's `-init` layers have none, and are left out of
    /// the chains of their children.
    ///
    /// # Errors
    /// The system's.
    fn has_files(&self, id: &LayerId) -> Result<bool>;

    /// Whether a layer with this id exists.
    ///
    /// # Errors
    /// The system's.
    fn exists(&self, id: &LayerId) -> Result<bool>;

    /// Removes a folder and all that the engine knows of it. A missing one is fine. May leave part of it behind when it
    /// fails.
    ///
    /// # Errors
    /// The system's.
    fn destroy(&self, folder: &Folder) -> Result<()>;

    /// Ends whatever the system itself keeps running on a layer and would stand in the way of its removal (template
    /// compute systems). Nothing on most engines.
    ///
    /// # Errors
    /// [`ErrorKind::InUse`](crate::ErrorKind::InUse) naming who uses the layer; or the system's.
    fn release(&self, id: &LayerId) -> Result<()> {
        let _ = id;
        Ok(())
    }

    /// Lets go of a layer's disk that a crash left attached. Nothing on most engines.
    ///
    /// # Errors
    /// The system's.
    fn detach(&self, id: &LayerId) -> Result<()> {
        let _ = id;
        Ok(())
    }

    /// Fills a created layer from its tar (plain, or compressed where the engine recognises it). Whole or not at all.
    ///
    /// # Errors
    /// Input errors name entry, offset and rule; [`ErrorKind::AlreadyExists`](crate::ErrorKind::AlreadyExists) if the
    /// layer has content already.
    fn import(
        &self,
        id: &LayerId,
        chain: &Chain,
        tar: &mut (dyn Read + Send),
        control: Control<'_>,
    ) -> Result<Imported>;

    /// Makes a read-only layer and fills it from its tar in one step: afterwards it is there as a whole, with its chain, or
    /// there is no trace of it. An engine that can do this by one rename should.
    ///
    /// # Errors
    /// [`ErrorKind::AlreadyExists`](crate::ErrorKind::AlreadyExists), and as [`LayerBackend::import`].
    fn import_new(
        &self,
        id: &LayerId,
        chain: &Chain,
        tar: &mut (dyn Read + Send),
        control: Control<'_>,
    ) -> Result<Imported> {
        self.create(id, chain.parent())?;
        let filled = self.home().set_chain(id, chain).and_then(|()| self.import(id, chain, tar, control));
        if filled.is_err()
            && let Err(left) = self.destroy(&Folder::Layer(id.clone()))
        {
            tracing::warn!(layer = %id, "what a failed import made could not be removed: {left}");
        }
        filled
    }

    /// The layer's tar: what it holds against its chain.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound), or the system's.
    fn export(&self, id: &LayerId, chain: &Chain) -> Result<LayerTar>;

    /// What the layer changes against its chain.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound), or the system's.
    fn changes(&self, id: &LayerId, chain: &Chain) -> Result<Vec<Change>>;

    /// Opens a file of the layer itself (not of its chain) by its path.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound), or the system's.
    fn open_file(&self, id: &LayerId, path: &LayerPath) -> Result<Box<dyn Read + Send>>;

    /// The base images that the system offers.
    ///
    /// # Errors
    /// The system's.
    fn base_images(&self) -> Result<Vec<BaseImage>> {
        Ok(Vec::new())
    }

    /// Facts for `status`: name and value.
    fn status(&self) -> Vec<(String, String)>;
}
