//! Mounted layers show what their views show, are counted across processes, and leave nothing behind.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test stops at what it does not expect, and says what it skips"
)]

#[path = "../support/mod.rs"]
mod support;

mod counting;
mod shown;
mod writable;

use std::path::Path;

use support::TestHome;
use support::tar::{dir, file, junction, link, roots, symlink, tar, whiteout};
use winlayer_store::{MountRequest, Mounted, Strategy};

/// A home on the disk that the build is on: what cannot back a mount from files is seldom used for that.
fn home() -> TestHome {
    TestHome::within(Path::new(env!("CARGO_TARGET_TMPDIR")))
}

/// A base and a layer on top of it that has something of everything.
fn home_with_chain() -> TestHome {
    let home = home();
    let base = [
        dir("Files").record("MSWINDOWS.fileattr", "16"),
        dir("Files/Users").record("MSWINDOWS.fileattr", "17"),
        file("Files/Users/old.txt", "old"),
        dir("Files/Windows"),
        dir("Files/Windows/System32"),
        file("Files/Windows/System32/a.dll", vec![7u8; 5000])
            .record("LIBARCHIVE.creationtime", "1600000000.5"),
        link("Files/Windows/a.dll", "Files/Windows/System32/a.dll"),
        file("Files/empty", ""),
        junction("Files/Documents and Settings", r"C:\users"),
        symlink("Files/Windows/relative", r"system32\A.DLL"),
        symlink("Files/elsewhere", r"D:\x"),
    ];
    home.import("base", &[], &tar(&base)).unwrap();
    let mut top = roots();
    top.extend([
        whiteout("Files/Users/.wh.OLD.txt"),
        file("Files/windows/system32/A.DLL", "new"),
        link("Files/across", "Files/Windows/System32/a.dll"),
        file("Files/new.txt", "new"),
    ]);
    // The hard link leads to this layer's own file; one to the base's is below.
    home.import("top", &["base"], &tar(&top)).unwrap();
    home
}

/// The strategies to test with: those that work here. Says loudly which do not.
fn strategies(home: &TestHome) -> Vec<Strategy> {
    let mut working = Vec::new();
    for (strategy, works) in home.store.strategies() {
        match works {
            Ok(()) => working.push(strategy),
            Err(why) => eprintln!("SKIPPED: mounts by {strategy}: {why}"),
        }
    }
    working
}

fn by(strategy: Strategy) -> MountRequest {
    MountRequest { at: None, strategy: Some(strategy) }
}

fn mount(home: &TestHome, id: &str, strategy: Strategy) -> Mounted {
    home.store.mount(&support::layer(id), &by(strategy)).unwrap()
}
