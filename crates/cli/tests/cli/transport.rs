//! Layer tars to the directories that HCS imports and exports, and back.

use std::path::Path;

use crate::support::{Sandbox, app_tar, base_tar, gzip, snapshot};

#[test]
fn unpacking_and_packing_keeps_all_that_windows_knows() {
    let sandbox = Sandbox::with_layers();
    let dir = sandbox.path("unpacked");
    let (tar, packed) = (sandbox.path("base.tar"), sandbox.path("packed.tar"));
    let unpacked = sandbox.json(["transport", "unpack", &tar, &dir]);
    assert_eq!(unpacked["leftOut"]["links"].as_array().map(Vec::len), Some(0), "{unpacked}");
    assert!(Path::new(&dir).join("Files/Windows/System32.$wcidirs$").is_file());
    let facts = sandbox.json(["transport", "pack", &dir, &packed]);
    let imported = sandbox.json(["layer", "import", "again", &packed]);
    assert_eq!((&facts["diffId"], &facts["tarBytes"]), (&imported["diffId"], &imported["tarBytes"]));
    let paths = sandbox.ok(["fs", "find", "base"]);
    assert_eq!(sandbox.ok(["fs", "find", "again"]), paths);
    let stat = |layer: &str, path: &str| sandbox.json(["fs", "stat", layer, path]);
    for path in paths.lines().filter(|path| *path != "Files") {
        let (before, after) = (stat("base", path), stat("again", path));
        for key in ["kind", "size", "attributes", "times", "sddl", "reparse", "streams", "extendedAttributes"]
        {
            assert_eq!(before[key], after[key], "{path}: {key}");
        }
    }
    assert_eq!(sandbox.ok(["fs", "cat", "again", "windows/notepad.exe"]), "MZ notepad");
}

#[test]
fn whiteouts_become_tombstones_and_whiteouts_again() {
    let sandbox = Sandbox::with_layers();
    let (dir, packed) = (sandbox.path("unpacked"), sandbox.path("packed.tar"));
    let run = sandbox.run_with_stdin(["transport", "unpack", "-", &dir], &gzip(&app_tar()));
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let tombstones = std::fs::read_to_string(Path::new(&dir).join("tombstones.txt")).unwrap();
    assert!(
        tombstones.ends_with("\\License.txt\n") || tombstones.ends_with("\\License.txt\r\n"),
        "{tombstones:?}"
    );
    let to_stdout = sandbox.run(["transport", "pack", &dir, "-"]);
    assert_eq!(to_stdout.code, Some(0), "{}", to_stdout.stderr);
    sandbox.ok(["transport", "pack", &dir, &packed]);
    assert!(std::fs::read(&packed).unwrap() == to_stdout.stdout, "the same directory makes the same tar");
    sandbox.ok(["layer", "import", "again", "--parent", "base", &packed]);
    assert_eq!(sandbox.ok(["layer", "changes", "again"]), sandbox.ok(["layer", "changes", "app"]));
}

#[test]
fn a_damaged_input_leaves_no_directory() {
    let sandbox = Sandbox::new();
    let blob = gzip(&base_tar());
    let dir = sandbox.path("unpacked");
    for bytes in [&blob[..blob.len() / 2], &blob[..blob.len() - 4], b"not a tar at all"] {
        let path = sandbox.file("bad", bytes);
        sandbox.refused(["transport", "unpack", &path, &dir]);
        assert!(!Path::new(&dir).exists());
    }
}

#[test]
fn nothing_that_is_there_is_overwritten() {
    let sandbox = Sandbox::with_layers();
    let (dir, tar) = (sandbox.path("full"), sandbox.path("base.tar"));
    std::fs::create_dir(&dir).unwrap();
    std::fs::write(Path::new(&dir).join("mine"), "precious").unwrap();
    let before = snapshot(dir.as_ref());
    sandbox.refused(["transport", "unpack", &tar, &dir]);
    let stderr = sandbox.refused(["transport", "pack", &dir, &sandbox.path("new.tar")]);
    assert!(stderr.contains("mine"), "{stderr}");
    assert!(snapshot(dir.as_ref()) == before);
    assert!(!Path::new(&sandbox.path("new.tar")).exists());
    let unpacked = sandbox.path("unpacked");
    sandbox.ok(["transport", "unpack", &tar, &unpacked]);
    assert!(sandbox.refused(["transport", "pack", &unpacked, &tar]).contains("--force"));
    assert!(std::fs::read(&tar).unwrap() == base_tar());
}
