//! A home of its own for every test, the binary run on it, and layers to put in.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;
use sha2::{Digest, Sha256};
use winlayer_meta::filetime::UnixTime;
use winlayer_meta::security::SecurityDescriptor;
use winlayer_tar::{Header, Writer};

/// A directory for one test: a home in it, and room for files beside it.
pub(crate) struct Sandbox {
    dir: tempfile::TempDir,
}

/// How the binary ended.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

/// All files and folders below a directory, with the files' content.
pub(crate) type Snapshot = BTreeMap<PathBuf, Option<Vec<u8>>>;

impl Sandbox {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    /// A sandbox in a directory of its own below this one.
    pub(crate) fn within(parent: &Path) -> Self {
        Self { dir: tempfile::tempdir_in(parent).unwrap() }
    }

    /// A sandbox whose home has the layers `base` and, on top, `app`.
    pub(crate) fn with_layers() -> Self {
        let sandbox = Self::new();
        sandbox.make_layers();
        sandbox
    }

    /// Imports the layers `base` and, on top, `app`.
    pub(crate) fn make_layers(&self) {
        self.file("base.tar", &base_tar());
        self.file("app.tar", &app_tar());
        self.ok(["layer", "import", "base", &self.path("base.tar")]);
        self.ok(["layer", "import", "app", "--parent", "base", &self.path("app.tar")]);
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.dir.path().join("home")
    }

    /// The path of a file beside the home, as text.
    pub(crate) fn path(&self, name: &str) -> String {
        self.dir.path().join(name).to_str().unwrap().to_owned()
    }

    /// Writes a file beside the home.
    pub(crate) fn file(&self, name: &str, content: &[u8]) -> String {
        std::fs::write(self.path(name), content).unwrap();
        self.path(name)
    }

    /// The binary, with this home.
    pub(crate) fn command<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_winlayer"));
        command.env_remove("WINLAYER_LOG").env("WINLAYER_HOME", self.home()).args(args).stdin(Stdio::null());
        command
    }

    pub(crate) fn run<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Run {
        self.command(args).output().unwrap().into()
    }

    pub(crate) fn run_with_stdin<S: AsRef<OsStr>>(
        &self,
        args: impl IntoIterator<Item = S>,
        stdin: &[u8],
    ) -> Run {
        let mut child = self
            .command(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A command that fails early does not read all of it.
        let _ = child.stdin.take().unwrap().write_all(stdin);
        child.wait_with_output().unwrap().into()
    }

    /// Runs what must succeed without a word on standard error, and gives its standard output.
    pub(crate) fn ok<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> String {
        let run = self.run(args);
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{run:?}");
        String::from_utf8(run.stdout).unwrap()
    }

    /// As [`Sandbox::ok`], with `--json`.
    pub(crate) fn json<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Value {
        let text = self.ok(std::iter::once("--json").chain(args));
        serde_json::from_str(&text).unwrap()
    }

    /// Runs what must fail with one clear line and leave the home as it is; gives standard error.
    pub(crate) fn refused<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> String {
        let before = snapshot(&self.home());
        let stderr = self.run(args).failure();
        assert!(snapshot(&self.home()) == before, "the home changed: {stderr}");
        stderr
    }
}

impl Run {
    /// Checks that this is a failure told in one `error:` line, with at most causes and a hint below it.
    pub(crate) fn failure(self) -> String {
        assert_eq!(self.code, Some(1), "{self:?}");
        let mut lines = self.stderr.lines();
        assert!(lines.next().is_some_and(|line| line.starts_with("error: ")), "{self:?}");
        assert!(
            lines.all(|line| line.starts_with("  hint: ") || line.starts_with("  caused by: ")),
            "{self:?}"
        );
        self.stderr
    }
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        let stderr = String::from_utf8(output.stderr).unwrap();
        Self { code: output.status.code(), stdout: output.stdout, stderr }
    }
}

/// What is below a directory; nothing if it does not exist.
pub(crate) fn snapshot(root: &Path) -> Snapshot {
    let mut found = Snapshot::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for entry in entries {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path.clone());
                found.insert(path, None);
            } else {
                let content = std::fs::read(&path).unwrap();
                found.insert(path, Some(content));
            }
        }
    }
    found
}

/// Says, so that nobody misses it, that a test could not do its work here.
pub(crate) fn skipped(what: &str) {
    eprintln!("SKIPPED: {what}");
}

pub(crate) fn digest(bytes: &[u8]) -> String {
    let hex: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// The descriptor of every file in the layers below.
pub(crate) const SDDL: &str = "O:BAG:SYD:PAI(A;;FA;;;SY)(A;;0x1200a9;;;BU)";

/// A base layer with a bit of everything.
pub(crate) fn base_tar() -> Vec<u8> {
    tar(&[
        (directory("Files"), b""),
        (junction("Files/Documents and Settings", r"C:\Users"), b""),
        (file("Files/License.txt"), b"free\n"),
        (directory("Files/Users"), b""),
        (directory("Files/Windows"), b""),
        (directory("Files/Windows/System32"), b""),
        (file("Files/Windows/System32/notepad.exe"), b"MZ notepad"),
        (Header::hard_link("Files/Windows/notepad.exe", "Files/Windows/System32/notepad.exe"), b""),
        (
            file("Files/Windows/win.ini").with_record("MSWINDOWS.xattr.TAG", STANDARD.encode("x")),
            b"[fonts]\n",
        ),
        (Header::file("Files/Windows/win.ini:Zone.Identifier", 0), b"[ZoneTransfer]\n"),
    ])
}

/// A layer on top: a file changed in another spelling, one added, one deleted.
pub(crate) fn app_tar() -> Vec<u8> {
    tar(&[
        (directory("Files"), b""),
        (Header::file("Files/.wh.License.txt", 0), b""),
        (directory("Files/app"), b""),
        (file("Files/app/run.exe"), b"MZ run"),
        (directory("Files/Windows"), b""),
        (file("Files/Windows/WIN.INI"), b"[app]\n"),
    ])
}

/// A layer of this many files of 4 KiB that hardly compress.
pub(crate) fn large_tar(files: u32) -> Vec<u8> {
    let mut state = 1u32;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()
    };
    let contents: Vec<Vec<u8>> = (0..files).map(|_| (0..1024).flat_map(|_| noise()).collect()).collect();
    let mut entries = vec![(directory("Files"), &b""[..])];
    let names = (0..files).map(|n| file(&format!("Files/file-{n:06}.bin")));
    entries.extend(names.zip(&contents).map(|(header, content)| (header, content.as_slice())));
    tar(&entries)
}

/// A tar of these entries; sizes are filled in.
pub(crate) fn tar(entries: &[(Header, &[u8])]) -> Vec<u8> {
    let mut tar = Writer::new(Vec::new());
    for (header, content) in entries {
        tar.append(&Header { size: content.len() as u64, ..header.clone() }, content).unwrap();
    }
    tar.finish().unwrap()
}

pub(crate) fn directory(path: &str) -> Header {
    described(Header::directory(path), 0x10)
}

pub(crate) fn file(path: &str) -> Header {
    described(Header::file(path, 0), 0x20)
}

pub(crate) fn junction(path: &str, target: &str) -> Header {
    described(Header::symlink(path, target).with_record("MSWINDOWS.mountpoint", "1"), 0x410)
}

fn described(header: Header, attributes: u32) -> Header {
    let descriptor = SecurityDescriptor::from_sddl(SDDL).unwrap().to_bytes();
    Header { mtime: UnixTime { secs: 1_700_000_000, nanos: 500 }, ..header }
        .with_record("MSWINDOWS.fileattr", attributes.to_string())
        .with_record("MSWINDOWS.rawsd", STANDARD.encode(descriptor))
        .with_record("LIBARCHIVE.creationtime", "1600000000.1234567")
}
