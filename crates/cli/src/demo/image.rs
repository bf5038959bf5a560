//! A small Windows image, made in memory: two layers with a bit of everything that layers of real images have.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use winlayer_core::{Error, ErrorKind, Result};
use winlayer_meta::attributes::FileAttributes;
use winlayer_meta::filetime::UnixTime;
use winlayer_meta::security::SecurityDescriptor;
use winlayer_tar::{Header, WriteError, Writer};

/// What system files have: the installer owns them, everybody may read and run them.
const SYSTEM_FILE: &str = "O:S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464\
    G:S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464\
    D:PAI(A;;FA;;;S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464)(A;;0x1200a9;;;BA)(A;;0x1200a9;;;SY)\
    (A;;0x1200a9;;;BU)(A;;0x1200a9;;;AC)";
/// What directories have whose content everybody may read and administrators may change.
const SHARED_DIRECTORY: &str = "O:SYG:SYD:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;0x1200a9;;;BU)";
/// What files inherit from there.
const ORDINARY_FILE: &str = "O:BAG:SYD:AI(A;ID;FA;;;SY)(A;ID;FA;;;BA)(A;ID;0x1200a9;;;BU)";
/// What old junctions have: nobody may list through them.
const OLD_JUNCTION: &str = "O:SYG:SYD:AI(D;;LC;;;WD)(A;;FA;;;SY)(A;;FA;;;BA)(A;;0x1200a9;;;WD)";

/// 2024-01-01T00:00:00Z.
const MADE: i64 = 1_704_067_200;

const DIRECTORY: FileAttributes = FileAttributes::DIRECTORY;
const ARCHIVE: FileAttributes = FileAttributes::ARCHIVE;

/// The layer that everything is built on.
pub(super) fn base() -> Result<Vec<u8>> {
    let mut tar = LayerTar::new();
    let hidden = FileAttributes::HIDDEN | FileAttributes::SYSTEM | FileAttributes::NOT_CONTENT_INDEXED;
    tar.directory("Files", DIRECTORY, SHARED_DIRECTORY)?;
    tar.junction("Files/Documents and Settings", r"C:\Users", hidden, OLD_JUNCTION)?;
    tar.file("Files/License.txt", ARCHIVE, ORDINARY_FILE, b"Do with this demonstration what you like.\r\n")?;
    tar.directory("Files/Users", DIRECTORY | FileAttributes::READONLY, SHARED_DIRECTORY)?;
    tar.directory("Files/Users/Public", DIRECTORY | FileAttributes::READONLY, SHARED_DIRECTORY)?;
    tar.directory("Files/Windows", DIRECTORY, SYSTEM_FILE)?;
    tar.directory("Files/Windows/System32", DIRECTORY, SYSTEM_FILE)?;
    tar.file("Files/Windows/System32/kernel32.dll", ARCHIVE, SYSTEM_FILE, &program(1, 200_000))?;
    tar.file("Files/Windows/System32/notepad.exe", ARCHIVE, SYSTEM_FILE, &program(2, 60_000))?;
    tar.hard_link("Files/Windows/notepad.exe", "Files/Windows/System32/notepad.exe")?;
    tar.file("Files/Windows/win.ini", ARCHIVE, ORDINARY_FILE, b"; for 16-bit app support\r\n[fonts]\r\n")?;
    tar.stream("Files/Windows/win.ini:Zone.Identifier", b"[ZoneTransfer]\r\nZoneId=3\r\n")?;
    tar.hives("")?;
    tar.finish()
}

/// A layer on top of it: one file changed (in another spelling), one new, one deleted, and the registry with it.
pub(super) fn app() -> Result<Vec<u8>> {
    let mut tar = LayerTar::new();
    tar.directory("Files", DIRECTORY, SHARED_DIRECTORY)?;
    tar.whiteout("Files/.wh.License.txt")?;
    tar.directory("Files/app", DIRECTORY, SHARED_DIRECTORY)?;
    tar.file("Files/app/service.exe", ARCHIVE, ORDINARY_FILE, &program(3, 90_000))?;
    tar.directory("Files/Windows", DIRECTORY, SYSTEM_FILE)?;
    tar.file("Files/Windows/WIN.INI", ARCHIVE, ORDINARY_FILE, b"[fonts]\r\n[app]\r\nport=80\r\n")?;
    tar.hives("_Delta")?;
    tar.finish()
}

/// gzip, as registries deliver layers.
pub(super) fn gzip(tar: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder
        .write_all(tar)
        .and_then(|()| encoder.finish())
        .map_err(|e| Error::io_stream("compress the demo's layer", e))
}

/// Bytes that compress about as well as a program: "MZ", then half noise, half zeros.
fn program(seed: u32, len: usize) -> Vec<u8> {
    let mut state = seed;
    let noise = std::iter::repeat_with(|| {
        // Xorshift (Marsaglia 2003): repeatable, and random enough for this.
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        [state.to_le_bytes(), [0; 4]].concat()
    });
    b"MZ".iter().copied().chain(noise.flatten()).take(len).collect()
}

/// A layer's tar that grows.
struct LayerTar(Writer<Vec<u8>>);

impl LayerTar {
    fn new() -> Self {
        Self(Writer::new(Vec::new()))
    }

    fn directory(&mut self, path: &str, attributes: FileAttributes, sddl: &str) -> Result<()> {
        self.push(described(Header::directory(path), attributes, sddl)?, b"")
    }

    fn file(&mut self, path: &str, attributes: FileAttributes, sddl: &str, content: &[u8]) -> Result<()> {
        self.push(described(Header::file(path, 0), attributes, sddl)?, content)
    }

    fn stream(&mut self, path: &str, content: &[u8]) -> Result<()> {
        self.push(Header::file(path, 0), content)
    }

    fn hard_link(&mut self, path: &str, target: &str) -> Result<()> {
        self.push(Header::hard_link(path, target), b"")
    }

    fn junction(&mut self, path: &str, target: &str, attributes: FileAttributes, sddl: &str) -> Result<()> {
        let attributes = attributes | DIRECTORY | FileAttributes::REPARSE_POINT;
        let link = Header::symlink(path, target).with_record("MSWINDOWS.mountpoint", "1");
        self.push(described(link, attributes, sddl)?, b"")
    }

    fn whiteout(&mut self, path: &str) -> Result<()> {
        self.push(Header::file(path, 0), b"")
    }

    /// Registry hives, empty but for their signature: the demo never starts Windows.
    fn hives(&mut self, suffix: &str) -> Result<()> {
        let mut hive = vec![0; 4096];
        hive[..4].copy_from_slice(b"regf");
        self.push(Header::directory("Hives"), b"")?;
        for name in ["DefaultUser", "Sam", "Security", "Software", "System"] {
            self.push(Header::file(format!("Hives/{name}{suffix}"), 0), &hive)?;
        }
        Ok(())
    }

    fn push(&mut self, header: Header, content: &[u8]) -> Result<()> {
        let header = Header { size: content.len() as u64, ..header };
        self.0.append(&header, content).map_err(cannot_make)
    }

    fn finish(self) -> Result<Vec<u8>> {
        self.0.finish().map_err(cannot_make)
    }
}

fn cannot_make(error: WriteError) -> Error {
    Error::new(ErrorKind::Io, format!("cannot make the demo's layer: {error}"))
}

/// The header with what Windows knows about the file.
fn described(header: Header, attributes: FileAttributes, sddl: &str) -> Result<Header> {
    let descriptor =
        SecurityDescriptor::from_sddl(sddl).map_err(|e| Error::invalid(format!("{sddl}: {e}")))?;
    let written = UnixTime { secs: MADE + 86_400, nanos: 123_456_700 };
    let header = Header { mtime: written, atime: Some(written), ctime: Some(written), ..header };
    Ok(header
        .with_record("MSWINDOWS.fileattr", attributes.bits().to_string())
        .with_record("MSWINDOWS.rawsd", STANDARD.encode(descriptor.to_bytes()))
        .with_record("LIBARCHIVE.creationtime", MADE.to_string()))
}
