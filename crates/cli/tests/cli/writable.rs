//! Writable layers and mounts, from the command line.

use std::fs;
use std::path::PathBuf;

use crate::support::{Sandbox, skipped};

/// A sandbox with layers on a file system that can back mounts, if this process may mount at all.
fn sandbox_that_mounts() -> Option<Sandbox> {
    let sandbox = Sandbox::within(&PathBuf::from(env!("CARGO_TARGET_TMPDIR")));
    sandbox.make_layers();
    let status = sandbox.json(["status"]);
    let erofs = status["mounts"].as_array().unwrap().iter().find(|way| way["strategy"] == "erofs").unwrap();
    if let Some(why) = erofs["problem"].as_str() {
        skipped(&format!("writable layers are not mounted: {why}"));
        return None;
    }
    Some(sandbox)
}

#[test]
fn what_is_changed_in_a_mount_is_committed_as_a_layer() {
    let Some(sandbox) = sandbox_that_mounts() else { return };
    sandbox.ok(["layer", "create", "work", "--parent", "app"]);
    let mounted = sandbox.json(["layer", "mount", "work"]);
    let top = PathBuf::from(mounted["path"].as_str().unwrap());
    fs::write(top.join("new.txt"), "new").unwrap();
    let changes = sandbox.ok(["layer", "changes", "work"]);
    assert_eq!(changes, "A Files/new.txt\n");
    assert_eq!(sandbox.ok(["fs", "cat", "work", "New.txt"]), "new", "a writable layer is shown as it is now");
    assert!(sandbox.ok(["fs", "ls", "work"]).contains("new.txt"));
    sandbox.ok(["layer", "commit", "work", "done"]);
    assert_eq!(sandbox.ok(["fs", "cat", "done", "NEW.TXT"]), "new");
    let (first, second) = (sandbox.path("1.tar"), sandbox.path("2.tar"));
    sandbox.ok(["layer", "export", "work", "-o", &first]);
    sandbox.ok(["layer", "export", "done", "-o", &second]);
    assert!(fs::read(first).unwrap() == fs::read(second).unwrap(), "a commit keeps what an export gives");
    let error = sandbox.refused(["layer", "rm", "work"]);
    assert!(error.contains("mounted"), "{error}");
    sandbox.ok(["layer", "unmount", "work"]);
    sandbox.ok(["layer", "rm", "work", "done"]);
}

#[test]
fn a_size_limit_limits_and_can_be_raised() {
    let Some(sandbox) = sandbox_that_mounts() else { return };
    sandbox.ok(["layer", "create", "work", "--parent", "app", "--size", "32M"]);
    let fill = || {
        let mounted = sandbox.json(["layer", "mount", "work"]);
        let file = PathBuf::from(mounted["path"].as_str().unwrap()).join("big");
        let result = fs::write(&file, vec![1; 48 << 20]);
        let _ = fs::remove_file(file);
        sandbox.ok(["layer", "unmount", "work"]);
        result.map_err(|e| e.kind())
    };
    assert_eq!(fill(), Err(std::io::ErrorKind::StorageFull));
    let error = sandbox.refused(["layer", "expand", "work", "16M"]);
    assert!(error.contains("only grow"), "{error}");
    sandbox.ok(["layer", "expand", "work", "128M"]);
    assert_eq!(fill(), Ok(()));
    sandbox.ok(["layer", "rm", "work"]);
}

#[test]
fn every_user_can_mount_a_layer_by_copy() {
    let sandbox = Sandbox::with_layers();
    let mounted = sandbox.json(["layer", "mount", "app", "--strategy", "copy"]);
    let top = PathBuf::from(mounted["path"].as_str().unwrap());
    assert!(top.join("Windows").is_dir());
    let again = sandbox.json(["layer", "mount", "app"]);
    assert_eq!(again["holders"], 2);
    sandbox.ok(["layer", "unmount", "app"]);
    assert!(top.exists());
    sandbox.ok(["layer", "unmount", "app"]);
    assert!(!top.exists());
    let error = sandbox.refused(["layer", "unmount", "app"]);
    assert!(error.contains("not mounted"), "{error}");
}

#[test]
fn a_writable_layer_needs_a_parent_and_takes_no_tar() {
    let sandbox = Sandbox::with_layers();
    let error = sandbox.refused(["layer", "create", "work", "--parent", "none"]);
    assert!(error.contains("none"), "{error}");
    let error = sandbox.refused(["layer", "create", "work", "--parent", "app", "--size", "lots"]);
    assert!(error.contains("lots"), "{error}");
    sandbox.ok(["layer", "create", "work", "--parent", "app"]);
    assert!(sandbox.ok(["layer", "ls"]).contains("writable"));
    sandbox.refused(["layer", "create", "work", "--parent", "app"]);
}
