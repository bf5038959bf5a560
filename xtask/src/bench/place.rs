//! Where a benchmark runs: the program under test, the directories, the peers that are installed, the state of the caches.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use super::inputs::cannot;
use super::measure::Step;

/// Everything that a benchmark needs to know of the machine.
pub(super) struct Place {
    /// The release binary.
    pub(super) winlayer: PathBuf,
    /// Where inputs are kept from run to run.
    pub(super) cache: PathBuf,
    /// An own directory on the file system that is measured; empty at first, removed in the end.
    pub(super) work: PathBuf,
    pub(super) machine: Machine,
}

/// What a reader of the numbers should know.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Machine {
    processors: usize,
    kernel: String,
    file_system: String,
    /// What each run finds in memory.
    caches: Caches,
    /// Peers that are installed, with their versions.
    peers: Vec<String>,
}

/// What a run finds in memory when it begins.
///
/// Cold caches are the harder case for everybody, and hardest for who touches many files: to leave them warm is the
/// comparison that favours the peers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Caches {
    /// Whatever the runs before left there.
    Warm,
    /// Nothing but the input of an import. Takes root.
    Cold,
}

impl std::fmt::Display for Machine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let caches = match self.caches {
            Caches::Warm => "caches as they are",
            Caches::Cold => "caches dropped before each run, inputs of imports read ahead",
        };
        writeln!(f, "{} processors, Linux {}, {}; {caches}", self.processors, self.kernel, self.file_system)?;
        write!(f, "peers: {}", self.peers.join(", "))
    }
}

/// Another tool that can do some of the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Peer {
    GnuTar,
    Bsdtar,
    Umoci,
    /// Not a peer, but GNU tar needs it for zstd.
    Zstd,
}

impl Peer {
    const ALL: [Self; 4] = [Self::GnuTar, Self::Bsdtar, Self::Umoci, Self::Zstd];

    fn program(self) -> &'static str {
        match self {
            Self::GnuTar => "tar",
            Self::Bsdtar => "bsdtar",
            Self::Umoci => "umoci",
            Self::Zstd => "zstd",
        }
    }

    /// What it says about its version, if it is the tool that is meant.
    fn version(self) -> Option<String> {
        let said = first_line(Command::new(self.program()).arg("--version"))?;
        let version = said.split(" - ").next().unwrap_or(&said).trim_matches(['*', ' ']).to_owned();
        (self != Self::GnuTar || version.contains("GNU tar")).then_some(version)
    }

    /// Whether it can be run.
    pub(super) fn is_installed(self) -> bool {
        self.version().is_some()
    }
}

impl Place {
    /// Builds the program and makes an empty directory below `directory`, or below the target directory.
    pub(super) fn prepare(root: &Path, directory: Option<&Path>, caches: Caches) -> Result<Self> {
        if caches == Caches::Cold {
            drop_caches()?;
        }
        let winlayer = build(root)?;
        let target = winlayer.ancestors().nth(2).context("cargo puts binaries below its target directory")?;
        let cache = target.join("bench");
        let parent = directory.unwrap_or(&cache);
        let work = parent.join(format!("work-{}", std::process::id()));
        fs::create_dir_all(&work).with_context(|| cannot("create", &work))?;
        let work = work.canonicalize()?;
        let machine = Machine {
            processors: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            kernel: first_line(Command::new("uname").arg("-r")).unwrap_or_default(),
            file_system: file_system(&work),
            caches,
            peers: Peer::ALL.into_iter().filter_map(Peer::version).collect(),
        };
        Ok(Self { winlayer, cache, work, machine })
    }

    /// What each run finds in memory.
    pub(super) fn caches(&self) -> Caches {
        self.machine.caches
    }

    /// A path in the working directory, as text for a command line.
    pub(super) fn path(&self, name: &str) -> String {
        self.work.join(name).to_string_lossy().into_owned()
    }

    /// `winlayer --home` with one of the working directory's homes.
    pub(super) fn winlayer<const N: usize>(&self, home: &str, arguments: [&str; N]) -> Step {
        let program = self.winlayer.to_string_lossy();
        let home = self.path(home);
        let words: Vec<&str> = [program.as_ref(), "--home", &home].into_iter().chain(arguments).collect();
        Step::from(words.as_slice())
    }

    /// Removes something of the working directory, whatever it is.
    pub(super) fn clear(&self, name: &str) -> Result<()> {
        let path = self.work.join(name);
        let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        match removed {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(error).with_context(|| cannot("remove", &path))
            }
            _ => Ok(()),
        }
    }

    /// An empty directory in the working directory.
    pub(super) fn empty_directory(&self, name: &str) -> Result<()> {
        self.clear(name)?;
        fs::create_dir(self.work.join(name)).with_context(|| cannot("create", &self.work.join(name)))
    }

    /// Lets the disk finish what it was asked to do, and forgets what it holds where that is allowed.
    pub(super) fn settle(&self) -> Result<()> {
        Step::new(["sync"]).run()?;
        match self.machine.caches {
            Caches::Warm => Ok(()),
            Caches::Cold => drop_caches(),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // Best effort: what is left lies below the target directory, or where the caller said.
        let _ = fs::remove_dir_all(&self.work);
    }
}

/// Reads a file, so that the system has it in memory.
pub(super) fn read_ahead(path: &Path) -> Result<()> {
    let mut file = File::open(path).with_context(|| cannot("open", path))?;
    io::copy(&mut file, &mut io::sink()).with_context(|| cannot("read", path))?;
    Ok(())
}

fn drop_caches() -> Result<()> {
    fs::write("/proc/sys/vm/drop_caches", "3")
        .context("cannot drop the system's caches, which takes root and Linux")
}

/// Whether this process may do what it likes with the owners of files.
pub(super) fn is_root() -> bool {
    first_line(Command::new("id").arg("-u")).is_some_and(|user| user == "0")
}

fn first_line(command: &mut Command) -> Option<String> {
    let output = command.stderr(Stdio::null()).output().ok()?;
    let line = String::from_utf8_lossy(&output.stdout).lines().next()?.to_owned();
    output.status.success().then_some(line)
}

fn file_system(directory: &Path) -> String {
    let said = Command::new("df").args(["--output=fstype"]).arg(directory).output();
    let text = said.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    text.lines().nth(1).unwrap_or("unknown file system").to_owned()
}

/// One line of what cargo tells machines.
#[derive(Deserialize)]
struct Message {
    executable: Option<PathBuf>,
}

/// Builds the release binary and says where it is.
fn build(root: &Path) -> Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["build", "--release", "--package", "winlayer", "--message-format", "json-render-diagnostics"])
        .current_dir(root)
        .stderr(Stdio::inherit())
        .output()
        .context("cannot run cargo build")?;
    ensure!(output.status.success(), "winlayer does not build");
    let messages = output.stdout.split(|&byte| byte == b'\n');
    let mut executables =
        messages.filter_map(|line| serde_json::from_slice::<Message>(line).ok()?.executable);
    executables.next_back().context("cargo built no binary")
}
