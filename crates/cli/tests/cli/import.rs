//! `layer import` in all its ways in.

use serde_json::json;

use crate::support::{Sandbox, app_tar, base_tar, digest, gzip, snapshot};

#[test]
fn an_import_tells_both_digests_and_the_counts() {
    let sandbox = Sandbox::new();
    let (tar, blob) = (base_tar(), gzip(&base_tar()));
    let path = sandbox.file("base.tar.gz", &blob);
    assert_eq!(
        sandbox.json(["layer", "import", "base", &path]),
        json!({
            "id": "base", "parent": null, "diffId": digest(&tar), "blob": digest(&blob),
            "entries": 10, "fileBytes": 23, "tarBytes": tar.len(),
        })
    );
    assert_eq!(sandbox.json(["layer", "inspect", "base"])["compression"], "gzip");
}

#[test]
fn plain_gzip_and_zstd_tars_come_in_through_a_pipe_as_well() {
    let sandbox = Sandbox::new();
    let tar = base_tar();
    let zstd = zstd::encode_all(tar.as_slice(), 1).unwrap();
    for (id, bytes) in [("plain", tar.clone()), ("gzip", gzip(&tar)), ("zstd", zstd)] {
        let run = sandbox.run_with_stdin(["layer", "import", id, "-"], &bytes);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        assert!(sandbox.run(["layer", "export", id]).stdout == tar, "{id}");
    }
}

#[test]
fn standard_input_may_be_a_file() {
    let sandbox = Sandbox::new();
    let path = sandbox.file("base.tar", &base_tar());
    let input = std::fs::File::open(path).unwrap();
    let run = sandbox.command(["layer", "import", "base", "-"]).stdin(input).output().unwrap();
    assert!(run.status.success());
}

#[test]
fn a_layer_is_kept_if_either_digest_is_the_expected_one() {
    let sandbox = Sandbox::new();
    let blob = gzip(&base_tar());
    let path = sandbox.file("base.tar.gz", &blob);
    sandbox.ok(["layer", "import", "a", &path, "--expect", &digest(&base_tar())]);
    sandbox.ok(["layer", "import", "b", &path, "--expect", &digest(&blob)]);
}

#[test]
fn a_layer_with_another_digest_is_not_kept() {
    let sandbox = Sandbox::with_layers();
    let expected = digest(b"something else");
    let path = sandbox.path("app.tar");
    let stderr = sandbox.refused(["layer", "import", "x", "--parent", "base", &path, "--expect", &expected]);
    assert!(stderr.contains(&expected) && stderr.contains(&digest(&app_tar())), "{stderr}");
    let stderr = sandbox.refused(["layer", "import", "x", &path, "--expect", "sha256:123"]);
    assert!(stderr.contains("is not a digest"), "{stderr}");
}

#[test]
fn two_imports_of_one_id_give_one_winner_and_one_clear_error() {
    let sandbox = Sandbox::new();
    let path = sandbox.file("base.tar", &crate::support::large_tar(500));
    let start = || {
        let mut command = sandbox.command(["layer", "import", "same", &path]);
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap()
    };
    let [first, second] = [start(), start()].map(|child| child.wait_with_output().unwrap());
    let (winner, loser) = if first.status.success() { (first, second) } else { (second, first) };
    assert!(winner.status.success());
    let stderr = crate::support::Run::from(loser).failure();
    assert!(
        stderr.contains("another process is working on this layer") || stderr.contains("exists"),
        "{stderr}"
    );
    assert_eq!(sandbox.ok(["layer", "verify"]), "same: whole\n");
    assert_eq!(snapshot(&sandbox.home()).keys().filter(|path| path.is_dir()).count(), 1);
}
