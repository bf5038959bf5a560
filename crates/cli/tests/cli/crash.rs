//! kill -9 at moments spread over an import, a removal and a cleanup: every reopen finds whole layers only.

use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::support::{Sandbox, gzip, large_tar, snapshot};

/// How many times each kind of work is killed; `WINLAYER_KILLS` says otherwise.
fn kills() -> u32 {
    std::env::var("WINLAYER_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(40)
}

/// Starts the binary and kills it after this time, if it still runs.
fn kill_after(sandbox: &Sandbox, args: &[&str], time: Duration) {
    let mut command = sandbox.command(args);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    std::thread::sleep(time);
    child.kill().unwrap();
    child.wait().unwrap();
}

/// How long the work takes when nobody kills it.
fn duration_of(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

/// Whether there is such a layer, after a check that all layers that there are are whole.
fn exists_whole(sandbox: &Sandbox, id: &str) -> bool {
    let layers = sandbox.json(["layer", "ls"]);
    let layers = layers.as_array().unwrap();
    assert!(layers.iter().all(|layer| layer["state"] == "whole"), "{layers:?}");
    sandbox.ok(["layer", "verify"]);
    layers.iter().any(|layer| layer["id"] == id)
}

/// Nothing but `base` and, if it is there, `x`.
fn check_no_leftovers(sandbox: &Sandbox) {
    let names: Vec<_> = std::fs::read_dir(sandbox.home())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "base" && name != "x" && !name.starts_with(".lock-"))
        .collect();
    assert!(names.is_empty(), "{names:?}");
}

#[test]
fn killed_imports_and_removals_leave_whole_layers_only() {
    let sandbox = Sandbox::with_layers();
    sandbox.ok(["layer", "rm", "app"]);
    let base = snapshot(&sandbox.home().join("base"));
    let path = sandbox.file("x.tar.gz", &gzip(&large_tar(600)));
    let import = ["layer", "import", "x", "--parent", "base", &path];
    let import_time = duration_of(|| drop(sandbox.ok(import)));
    let remove_time = duration_of(|| drop(sandbox.ok(["layer", "rm", "x"])));
    let kills = kills();
    let (mut imported, mut removed) = (0, 0);
    for n in 0..kills {
        kill_after(&sandbox, &import, import_time * n * 5 / kills / 4);
        if exists_whole(&sandbox, "x") {
            imported += 1;
        } else {
            sandbox.ok(import);
        }
        kill_after(&sandbox, &["layer", "rm", "x"], remove_time * n * 5 / kills / 4);
        if exists_whole(&sandbox, "x") {
            sandbox.ok(["layer", "rm", "x"]);
        } else {
            removed += 1;
        }
        kill_after(&sandbox, &["layer", "cleanup"], remove_time * n * 5 / kills / 4);
        sandbox.ok(["layer", "cleanup"]);
        check_no_leftovers(&sandbox);
    }
    assert!(snapshot(&sandbox.home().join("base")) == base, "the layer below was touched");
    eprintln!("{kills} kills each: {imported} imports and {removed} removals were done before the kill");
}
