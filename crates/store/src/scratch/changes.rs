//! The changes of a writable layer as a tar in a file without a name, which the drivers hand out and views look into.

use std::fs::File;
use std::io::{BufWriter, Read, Seek, SeekFrom};

use winlayer_core::{DiffId, Error, LayerId, Result, Sha256Digest};

use crate::import::{Scan, TarScan};
use crate::verify::index_of;
use crate::view::ChainView;
use crate::{DiffPolicy, Index, Store};

impl Store {
    /// What was changed in a writable layer, as a tar in a file without a name.
    pub(crate) fn changes_as_tar(&self, id: &LayerId) -> Result<File> {
        let root = self.home().root();
        let failed = |e| Error::io("write the layer's changes in", root, e);
        let file = tempfile::tempfile_in(root).map_err(failed)?;
        let mut out = BufWriter::with_capacity(1 << 20, file);
        let policy = DiffPolicy { source_date_epoch: source_date_epoch()?, ..DiffPolicy::default() };
        self.export_writable(id, &policy, &mut out)?;
        let mut file = out.into_inner().map_err(|e| failed(e.into_error()))?;
        file.seek(SeekFrom::Start(0)).map_err(failed)?;
        Ok(file)
    }

    /// A writable layer as it is now, over what is below it.
    pub(crate) fn view_with_changes(&self, id: &LayerId, below: ChainView) -> Result<ChainView> {
        let mut tar = self.changes_as_tar(id)?;
        let mut scan = TarScan::default();
        let mut buffer = vec![0; 1 << 20];
        let mut len = 0;
        loop {
            match tar
                .read(&mut buffer)
                .map_err(|e| Error::io_stream("read the layer's changes", e).layer(id))?
            {
                0 => break,
                n => scan.scan(&buffer[..n])?,
            }
            len = tar
                .stream_position()
                .map_err(|e| Error::io_stream("read the layer's changes", e).layer(id))?;
        }
        scan.end()?;
        // Nobody asks for the digest of what may change at any time.
        let (bytes, _) = index_of(scan, DiffId(Sha256Digest([0; 32])), len).map_err(|e| e.layer(id))?;
        Ok(below.below(id, Index::from_bytes(bytes)?, tar))
    }
}

/// The time that no time made here may be later than (reproducible-builds.org, `SOURCE_DATE_EPOCH`).
fn source_date_epoch() -> Result<Option<i64>> {
    let Some(text) = std::env::var_os("SOURCE_DATE_EPOCH") else { return Ok(None) };
    let seconds = text.to_str().and_then(|text| text.parse().ok());
    let wrong = || {
        Error::invalid(format!("SOURCE_DATE_EPOCH is {text:?}, which is not a number of seconds since 1970"))
    };
    seconds.map(Some).ok_or_else(wrong)
}
