//! What must be refused: one clear line, exit code 1, and the home as it was, byte for byte.

use crate::support::{Sandbox, base_tar, digest, file, gzip, skipped, snapshot, tar};

#[test]
fn a_missing_parent() {
    let sandbox = Sandbox::with_layers();
    let path = sandbox.path("app.tar");
    let stderr = sandbox.refused(["layer", "import", "new", "--parent", "nobody", &path]);
    assert!(stderr.contains("nobody"), "{stderr}");
}

#[test]
fn an_unknown_id() {
    let sandbox = Sandbox::with_layers();
    for args in [
        &["layer", "inspect", "nobody"][..],
        &["layer", "rm", "app", "nobody"],
        &["layer", "changes", "nobody"],
        &["layer", "export", "nobody"],
        &["layer", "verify", "nobody"],
        &["fs", "ls", "nobody"],
        &["fs", "cat", "nobody", "x"],
        &["fs", "stat", "nobody", "x"],
        &["fs", "find", "nobody"],
    ] {
        let stderr = sandbox.refused(args);
        assert!(stderr.contains("there is no layer nobody"), "{args:?}: {stderr}");
        assert!(stderr.contains("hint: "), "{args:?}: {stderr}");
    }
}

#[test]
fn an_id_that_exists() {
    let sandbox = Sandbox::with_layers();
    let stderr = sandbox.refused(["layer", "import", "base", &sandbox.path("app.tar")]);
    assert!(stderr.contains("a layer with this id exists"), "{stderr}");
}

#[test]
fn ids_that_could_leave_the_home() {
    let sandbox = Sandbox::with_layers();
    let path = sandbox.path("app.tar");
    for id in ["a/b", "..", ".", "../x", r"a\b", "", "x-removing", "a b"] {
        for args in [
            vec!["layer", "import", id, &path],
            vec!["layer", "import", "new", "--parent", id, &path],
            vec!["layer", "rm", id],
            vec!["fs", "ls", id],
        ] {
            let stderr = sandbox.refused(&args);
            assert!(stderr.contains(&format!("layer id {id:?}")), "{args:?}: {stderr}");
        }
    }
    assert!(!sandbox.home().with_file_name("x").exists());
}

#[test]
fn a_file_that_is_not_there_or_is_a_directory() {
    let sandbox = Sandbox::new();
    assert!(sandbox.refused(["layer", "import", "x", &sandbox.path("none.tar")]).contains("cannot open"));
    assert!(sandbox.refused(["layer", "import", "x", &sandbox.path("")]).contains("is a directory"));
    assert!(!sandbox.home().exists(), "the file is opened before anything is made");
}

#[test]
fn damaged_tars() {
    let sandbox = Sandbox::with_layers();
    let (plain, blob) = (base_tar(), gzip(&base_tar()));
    let mut wrong_checksum = plain.clone();
    wrong_checksum[150] ^= 1;
    let mut wrong_crc = blob.clone();
    let crc = wrong_crc.len() - 6;
    wrong_crc[crc] ^= 1;
    let cases: [(&str, &[u8], &str); 7] = [
        ("truncated gzip", &blob[..blob.len() / 2], "the gzip stream ends early"),
        ("gzip without its end", &blob[..blob.len() - 4], "the gzip stream ends early"),
        ("gzip with a wrong checksum", &wrong_crc, "the gzip stream is damaged"),
        ("truncated tar", &plain[..plain.len() - 2000], "ends within"),
        ("tar with a wrong checksum", &wrong_checksum, "checksum is wrong"),
        ("not a tar", &[b'x'; 2000], "not a tar"),
        ("xz", b"\xfd7zXZ\0 and more", "compressed with xz"),
    ];
    for (name, bytes, expected) in cases {
        let path = sandbox.file("bad", bytes);
        for args in [["layer", "import", "bad", &path], ["layer", "import", "bad", "-"]] {
            let before = snapshot(&sandbox.home());
            let stderr = sandbox.run_with_stdin(args, bytes).failure();
            assert!(stderr.contains("layer bad: import: ") && stderr.contains(expected), "{name}: {stderr}");
            assert!(snapshot(&sandbox.home()) == before, "{name}: the home changed");
        }
    }
}

#[test]
fn tars_that_are_no_layers() {
    let sandbox = Sandbox::with_layers();
    for (entry, expected) in [
        ("../outside", "the name stands for a directory itself or its parent"),
        ("Files/../../outside", "the name stands for a directory itself or its parent"),
        ("/Files/absolute", "an absolute path"),
        ("Files/CON:", "not an alternate data stream"),
        ("Files/.wh.", "whiteout"),
        ("etc/passwd", "outside the layer's roots"),
    ] {
        let path = sandbox.file("bad.tar", &tar(&[(file(entry), b"x")]));
        let stderr = sandbox.refused(["layer", "import", "bad", &path]);
        assert!(stderr.contains(&format!("entry {entry:?}")), "{entry}: {stderr}");
        assert!(stderr.contains(expected), "{entry}: {stderr}");
    }
}

#[test]
fn a_digest_that_is_not_the_expected_one() {
    let sandbox = Sandbox::with_layers();
    let args = ["layer", "import", "x", &sandbox.path("base.tar"), "--expect", &digest(b"")];
    assert!(sandbox.refused(args).contains("not the expected"));
}

#[test]
fn a_home_that_cannot_be_made() {
    let sandbox = Sandbox::with_layers();
    let below_a_file = format!("{}/home", sandbox.file("regular", b""));
    let args = ["--home", &below_a_file, "layer", "import", "x", &sandbox.path("base.tar")];
    assert!(sandbox.refused(args).contains(&below_a_file));
}

#[cfg(unix)]
#[test]
fn a_home_that_is_read_only() {
    use std::os::unix::fs::PermissionsExt;
    if rustix::process::geteuid().is_root() {
        return skipped("permissions do not bind root; see no_space.rs for a read-only volume");
    }
    let sandbox = Sandbox::with_layers();
    let set_mode = |mode| std::fs::set_permissions(sandbox.home(), PermissionsExt::from_mode(mode)).unwrap();
    set_mode(0o500);
    let path = sandbox.path("base.tar");
    for args in [vec!["layer", "import", "x", &path], vec!["layer", "rm", "app"]] {
        assert!(sandbox.refused(args).contains("Permission denied"));
    }
    assert!(sandbox.ok(["fs", "ls", "app"]).contains("Windows"), "looking needs no right to write");
    set_mode(0o700);
}

#[test]
fn an_engine_that_this_build_does_not_have() {
    let sandbox = Sandbox::with_layers();
    let stderr = sandbox.refused(["--backend", "hcs", "layer", "ls"]);
    assert!(stderr.contains("Host Compute Service") && stderr.contains("--backend store"), "{stderr}");
}
