//! A home with a small Windows image in it, layer tars by hand, and trees to compare.

use std::collections::BTreeMap;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::XattrFlags;
use winlayer_core::{Chain, Control, LayerId, LayerPath, Result};
use winlayer_meta::filetime::UnixTime;
use winlayer_meta::security::SecurityDescriptor;
use winlayer_store::{ChainView, DiffPolicy, MountRequest, Stat, Store, Strategy};
use winlayer_tar::{EntryType, Header, Reader, Writer};

/// A descriptor of a directory of Windows, as it passes on rights to all.
pub const DIRECTORY_SDDL: &str =
    "O:SYG:SYD:AI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;0x1200a9;;;BU)(A;OICIIO;GA;;;CO)";
/// A descriptor of a file of Windows.
pub const FILE_SDDL: &str = "O:S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464G:SYD:PAI(A;;0x1200a9;;;SY)(A;;0x1200a9;;;BA)";

pub fn base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

pub fn descriptor(sddl: &str) -> String {
    base64(&SecurityDescriptor::from_sddl(sddl).unwrap().to_bytes())
}

pub fn id(name: &str) -> LayerId {
    LayerId::new(name).unwrap()
}

pub fn path(text: &str) -> LayerPath {
    LayerPath::from_user(text).unwrap()
}

/// A layer tar.
pub struct Tar(Writer<Vec<u8>>);

impl Tar {
    pub fn new() -> Self {
        Self(Writer::new(Vec::new()))
    }

    fn add(mut self, header: Header, data: &[u8]) -> Self {
        let mtime = UnixTime { secs: 1_620_442_824, nanos: 123_456_700 };
        self.0.append(&Header { mtime, ..header }, data).unwrap();
        self
    }

    pub fn dir(self, name: &str) -> Self {
        let header = Header::directory(name)
            .with_record("MSWINDOWS.fileattr", "16")
            .with_record("MSWINDOWS.rawsd", descriptor(DIRECTORY_SDDL))
            .with_record("LIBARCHIVE.creationtime", "1600000000.25");
        self.add(Header { mode: 0o040_000, ..header }, b"")
    }

    pub fn file(self, name: &str, data: &str) -> Self {
        let header = Header::file(name, data.len() as u64)
            .with_record("MSWINDOWS.fileattr", "38")
            .with_record("MSWINDOWS.rawsd", descriptor(FILE_SDDL))
            .with_record("MSWINDOWS.xattr.CI", base64(b"catalog"))
            .with_record("LIBARCHIVE.creationtime", "1600000000.5")
            .with_record("VENDOR.unknown", name);
        self.add(
            Header { mode: 0o100_000, atime: Some(UnixTime { secs: 1_600_000_001, nanos: 0 }), ..header },
            data.as_bytes(),
        )
    }

    /// An alternate stream; directly behind its file.
    pub fn stream(self, name: &str, data: &str) -> Self {
        self.add(Header::file(name, data.len() as u64), data.as_bytes())
    }

    pub fn hard_link(self, name: &str, to: &str) -> Self {
        self.add(Header::hard_link(name, to), b"")
    }

    pub fn junction(self, name: &str, to: &str) -> Self {
        let header = Header::symlink(name, to)
            .with_record("MSWINDOWS.fileattr", "1040")
            .with_record("MSWINDOWS.mountpoint", "1");
        self.add(Header { mode: 0o120_000, ..header }, b"")
    }

    pub fn symlink(self, name: &str, to: &str) -> Self {
        self.add(Header::symlink(name, to).with_record("MSWINDOWS.fileattr", "1056"), b"")
    }

    pub fn bytes(self) -> Vec<u8> {
        self.0.finish().unwrap()
    }
}

/// The image that most tests change, in two layers.
pub fn base() -> Tar {
    Tar::new()
        .dir("Files")
        .file("Files/License.txt", "a license")
        .stream("Files/License.txt:zone", "[ZoneTransfer]")
        .dir("Files/Users")
        .junction("Files/Users/All", r"C:\Windows\System32")
        .dir("Files/Windows")
        .file("Files/Windows/notepad.exe", "MZ notepad")
        .symlink("Files/Windows/relative", r"System32\kernel32.dll")
        .dir("Files/Windows/System32")
        .file("Files/Windows/System32/kernel32.dll", "MZ kernel")
        .file("Files/Windows/System32/old.dll", "MZ old")
        .dir("Files/Windows/WinSxS")
        .hard_link("Files/Windows/WinSxS/kernel32.dll", "Files/Windows/System32/kernel32.dll")
        .file("Files/Windows/WinSxS/manifest", "<xml/>")
}

/// The second layer.
pub fn update() -> Tar {
    Tar::new()
        .dir("Files")
        .dir("Files/windows")
        .dir("Files/windows/System32")
        .file("Files/windows/System32/new.dll", "MZ new")
}

/// A home with an image, removed at the end.
pub struct Home {
    pub store: Store,
    _directory: tempfile::TempDir,
}

impl Home {
    /// The image of [`base`] and [`update`].
    pub fn new() -> Self {
        Self::with(&[base(), update()].map(Tar::bytes))
    }

    /// An image of these layers, `l0` the lowest, and the writable layer `w` on top.
    pub fn with(layers: &[Vec<u8>]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::new(directory.path().join("home"));
        let home = Self { store, _directory: directory };
        let mut chain = Chain::default();
        for (number, tar) in layers.iter().enumerate() {
            let id = id(&format!("l{number}"));
            home.store.import_new(&id, &chain, &mut &tar[..], Control::none()).unwrap();
            chain = chain.below(id);
        }
        home.store.create_writable(&id("w"), &chain).unwrap();
        home
    }

    /// One more writable layer on the same image.
    pub fn writable(&self, name: &str) -> LayerId {
        let chain = self.store.home().chain(&id("w")).unwrap();
        self.store.create_writable(&id(name), &chain).unwrap();
        id(name)
    }

    /// The upper directory of the writable layer `w`.
    pub fn upper(&self) -> PathBuf {
        self.store.home().folder(&id("w")).join("scratch/upper")
    }

    pub fn export(&self) -> Vec<u8> {
        self.try_export().unwrap()
    }

    pub fn try_export(&self) -> Result<Vec<u8>> {
        let mut tar = Vec::new();
        self.store.export_writable(&id("w"), &DiffPolicy::default(), &mut tar)?;
        Ok(tar)
    }

    /// Imports the diff of a writable layer over its parents, as a layer of this name.
    pub fn commit(&self, writable: &str, name: &str) -> ChainView {
        let mut tar = Vec::new();
        self.store.export_writable(&id(writable), &DiffPolicy::default(), &mut tar).unwrap();
        let chain = self.store.home().chain(&id(writable)).unwrap();
        self.store.import_new(&id(name), &chain, &mut &tar[..], Control::none()).unwrap();
        self.store.view(&id(name)).unwrap()
    }

    /// The view of `w`'s parents.
    pub fn parents(&self) -> ChainView {
        let chain = self.store.home().chain(&id("w")).unwrap();
        self.store.view(chain.parent().unwrap()).unwrap()
    }

    /// Mounts a layer until the guard goes; `None`, loudly, where that is not possible.
    pub fn mount(&self, layer: &LayerId) -> Option<Mount<'_>> {
        let strategies = self.store.strategies();
        if let Some((_, Err(why))) = strategies.iter().find(|(strategy, _)| *strategy == Strategy::Erofs) {
            eprintln!("SKIPPED: layers cannot be mounted here: {why}");
            return None;
        }
        let request = MountRequest { strategy: Some(Strategy::Erofs), at: None };
        let path = self.store.mount(layer, &request).unwrap().path;
        Some(Mount { store: &self.store, layer: layer.clone(), path })
    }
}

/// A mounted layer.
pub struct Mount<'a> {
    store: &'a Store,
    layer: LayerId,
    pub path: PathBuf,
}

impl Drop for Mount<'_> {
    fn drop(&mut self) {
        let unmounted = self.store.unmount(&self.layer);
        assert!(unmounted.is_ok() || std::thread::panicking(), "{unmounted:?}");
    }
}

pub fn stat(view: &ChainView, text: &str) -> Stat {
    view.stat(&view.find(&path(text)).unwrap()).unwrap()
}

pub fn sddl(stat: &Stat) -> String {
    let bytes = stat.security.as_deref().expect("a descriptor");
    SecurityDescriptor::parse(bytes).unwrap().to_sddl().unwrap()
}

pub fn read(view: &ChainView, text: &str, stream: Option<&str>) -> String {
    let node = view.find(&path(text)).unwrap();
    let mut content = String::new();
    let mut reader = view.open(&node, stream.map(str::as_bytes)).unwrap();
    std::io::Read::read_to_string(&mut reader, &mut content).unwrap();
    content
}

pub fn exists(view: &ChainView, text: &str) -> bool {
    view.find(&path(text)).is_ok()
}

/// What the tar says of each entry: kind, name and, for links, the target.
pub fn listing(tar: &[u8]) -> Vec<String> {
    let mut reader = Reader::new(tar);
    let mut lines = Vec::new();
    while let Some(entry) = reader.next_entry().unwrap() {
        let name = String::from_utf8_lossy(&entry.path).into_owned();
        let link = String::from_utf8_lossy(&entry.link).into_owned();
        lines.push(match entry.kind {
            EntryType::Directory => format!("d {name}"),
            EntryType::HardLink => format!("h {name} -> {link}"),
            EntryType::Symlink => format!("l {name} -> {link}"),
            _ => format!("- {name}"),
        });
    }
    lines
}

/// The PAX records of an entry of the tar.
pub fn records(tar: &[u8], name: &str) -> BTreeMap<String, String> {
    let mut reader = Reader::new(tar);
    while let Some(entry) = reader.next_entry().unwrap() {
        if entry.path == name.as_bytes() {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            return entry.pax.iter().map(|(key, value)| (text(key), text(value))).collect();
        }
    }
    panic!("no entry {name}");
}

pub fn set_attribute(path: &Path, name: &str, value: &[u8]) {
    rustix::fs::lsetxattr(path, name, value, XattrFlags::empty()).unwrap();
}

/// What a tree shows under one path.
#[derive(Clone, PartialEq, Eq)]
pub struct Seen {
    pub kind: char,
    pub permissions: u32,
    /// In steps of 100 ns; nothing for the top, whose time is that of the writable layer.
    pub modified: Option<(i64, i64)>,
    /// Content or target.
    pub content: Vec<u8>,
    /// The first path of the same file.
    pub first_name: String,
    pub attributes: BTreeMap<String, Vec<u8>>,
}

impl std::fmt::Debug for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let content = String::from_utf8_lossy(&self.content);
        let Self { kind, permissions, modified, first_name, .. } = self;
        write!(f, "{kind} {permissions:o} {modified:?} {content:?} first name {first_name:?}")?;
        self.attributes.iter().try_for_each(|(name, value)| {
            let value = String::from_utf8_lossy(value);
            write!(f, " {name}={}", value.get(..40).unwrap_or(&value))
        })
    }
}

/// All that can be seen in a tree, by path.
pub fn tree(top: &Path) -> BTreeMap<String, Seen> {
    let mut seen = BTreeMap::new();
    let mut files = BTreeMap::new();
    let mut pending = vec![top.to_owned()];
    while let Some(directory) = pending.pop() {
        let mut entries: Vec<PathBuf> =
            std::fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path()).collect();
        entries.push(directory.clone());
        for path in entries {
            let metadata = std::fs::symlink_metadata(&path).unwrap();
            let name =
                String::from_utf8_lossy(path.strip_prefix(top).unwrap().as_os_str().as_bytes()).into_owned();
            let kind = match () {
                () if metadata.is_dir() => 'd',
                () if metadata.is_symlink() => 'l',
                () => '-',
            };
            let content = match kind {
                'd' => Vec::new(),
                'l' => std::fs::read_link(&path).unwrap().into_os_string().into_vec(),
                _ => std::fs::read(&path).unwrap(),
            };
            if kind == 'd' && path != directory {
                pending.push(path.clone());
            }
            let modified = (!name.is_empty()).then(|| (metadata.mtime(), metadata.mtime_nsec() / 100));
            let permissions = if kind == 'l' { 0 } else { metadata.mode() & 0o777 };
            let attributes = attributes(&path);
            let first_name = String::new();
            files.insert(name.clone(), (metadata.dev(), metadata.ino()));
            seen.insert(name, Seen { kind, permissions, modified, content, first_name, attributes });
        }
    }
    for (name, node) in &mut seen {
        let own = files[name];
        let first = files.iter().find(|(_, inode)| **inode == own).unwrap().0;
        node.first_name = if node.kind == 'd' { name.clone() } else { first.clone() };
    }
    seen
}

/// The extended attributes that speak of Windows.
pub fn attributes(path: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut names = vec![0; 65_536];
    let len = rustix::fs::llistxattr(path, &mut names[..]).unwrap();
    let names = String::from_utf8(names[..len].to_vec()).unwrap();
    let is_windows =
        |name: &&str| name.contains("MSWINDOWS") || name.contains("LIBARCHIVE") || name.contains("linkpath");
    let value = |name: &str| {
        let mut value = vec![0; 65_536];
        let len = rustix::fs::lgetxattr(path, name, &mut value[..]).unwrap();
        value.truncate(len);
        value
    };
    names.split('\0').filter(is_windows).map(|name| (name.to_owned(), value(name))).collect()
}
