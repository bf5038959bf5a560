//! The layers that are measured: made here and kept for the next time, or given.

mod content;
pub(super) mod layers;
mod random;

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use flate2::write::GzEncoder;
use serde::Serialize;

use layers::Shape;

/// Counts the ways in which inputs were ever made, so that old ones are not taken for new.
const VERSION: u32 = 1;

/// How a layer is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Form {
    Plain,
    Gzip,
    Zstd,
}

impl Form {
    /// The usual end of a file's name.
    fn extension(self) -> &'static str {
        match self {
            Self::Plain => "tar",
            Self::Gzip => "tar.gz",
            Self::Zstd => "tar.zst",
        }
    }

    /// In words.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }

    fn of_file(path: &Path) -> Result<Self> {
        let mut magic = Vec::new();
        File::open(path)
            .and_then(|file| file.take(4).read_to_end(&mut magic))
            .with_context(|| cannot("read", path))?;
        Ok(match magic.as_slice() {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd] => Self::Zstd,
            _ => Self::Plain,
        })
    }
}

/// A layer as a file.
#[derive(Debug, Clone)]
pub(super) struct LayerFile {
    pub(super) name: String,
    pub(super) path: PathBuf,
    pub(super) form: Form,
}

impl LayerFile {
    /// A file that somebody gave.
    pub(super) fn given(path: &Path) -> Result<Self> {
        let path = path.canonicalize().with_context(|| cannot("find", path))?;
        let form = Form::of_file(&path)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { name, path, form })
    }
}

/// A layer of this shape in each form, made unless it is in the cache.
pub(super) fn in_all_forms(cache: &Path, name: &str, shape: Shape, entries: u64) -> Result<Vec<LayerFile>> {
    let plain = plain(cache, name, shape, entries)?;
    let gzip = compressed(&plain, Form::Gzip, |tar, out| {
        let mut gzip = GzEncoder::new(out, flate2::Compression::default());
        io::copy(tar, &mut gzip)?;
        gzip.finish().map(drop)
    })?;
    let zstd = compressed(&plain, Form::Zstd, |tar, out| {
        let mut zstd = zstd::Encoder::new(out, zstd::DEFAULT_COMPRESSION_LEVEL)?;
        io::copy(tar, &mut zstd)?;
        zstd.finish().map(drop)
    })?;
    Ok(vec![gzip, zstd, plain])
}

/// A layer of this shape as a plain tar, made unless it is in the cache.
pub(super) fn plain(cache: &Path, name: &str, shape: Shape, entries: u64) -> Result<LayerFile> {
    fs::create_dir_all(cache).with_context(|| cannot("create", cache))?;
    let path = cache.join(format!("{name}-{entries}-v{VERSION}.{}", Form::Plain.extension()));
    make_once(&path, |out| layers::write(shape, entries, out))?;
    Ok(LayerFile { name: name.to_owned(), path, form: Form::Plain })
}

fn compressed(
    plain: &LayerFile,
    form: Form,
    compress: impl FnOnce(&mut File, &mut BufWriter<File>) -> io::Result<()>,
) -> Result<LayerFile> {
    let path = plain.path.with_extension(form.extension());
    let mut tar = File::open(&plain.path).with_context(|| cannot("open", &plain.path))?;
    make_once(&path, |out| Ok(compress(&mut tar, out)?))?;
    Ok(LayerFile { name: plain.name.clone(), path, form })
}

/// Makes a file under another name and renames it, so that a file with the right name is always whole.
fn make_once(path: &Path, make: impl FnOnce(&mut BufWriter<File>) -> Result<()>) -> Result<()> {
    if path.exists() {
        return Ok(());
    }
    let unfinished = path.with_extension("part");
    let mut out = BufWriter::with_capacity(
        1 << 20,
        File::create(&unfinished).with_context(|| cannot("create", &unfinished))?,
    );
    make(&mut out).and_then(|()| Ok(out.flush()?)).with_context(|| cannot("write", &unfinished))?;
    fs::rename(&unfinished, path).with_context(|| cannot("rename to", path))
}

pub(super) fn cannot(what: &str, path: &Path) -> String {
    format!("cannot {what} {}", path.display())
}
