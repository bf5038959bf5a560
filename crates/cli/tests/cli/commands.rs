//! Every command on its happy path, and the shape of its JSON.

use serde_json::{Value, json};

use crate::support::{Sandbox, app_tar, base_tar, digest, snapshot};

#[test]
fn the_demo_proves_that_digests_agree_and_leaves_nothing_behind() {
    let sandbox = Sandbox::new();
    let place = sandbox.path("tmp");
    std::fs::create_dir(&place).unwrap();
    let demo =
        |args: &[&str]| sandbox.command(args).env("TMPDIR", &place).env("TMP", &place).output().unwrap();
    let run = demo(&["demo"]);
    let text = String::from_utf8(run.stdout).unwrap();
    assert!(run.status.success(), "{text}");
    for expected in
        ["$ winlayer layer import base base.tar.gz", "Zone.Identifier", "D Files/License.txt", "The proof"]
    {
        assert!(text.contains(expected), "{expected} in {text}");
    }
    let proof: Value = serde_json::from_slice(&demo(&["--json", "demo"]).stdout).unwrap();
    for layer in proof.as_array().unwrap() {
        assert_eq!(layer["identical"], true);
        assert_eq!(layer["made"], layer["exported"]);
        assert!(text.contains(layer["exported"].as_str().unwrap()), "the demo is the same every time");
    }
    assert!(snapshot(place.as_ref()).is_empty());
    assert!(!sandbox.home().exists(), "the demo has a home of its own");
}

#[test]
fn layers_are_listed_with_parent_size_entries_and_state() {
    let sandbox = Sandbox::with_layers();
    assert_eq!(
        sandbox.json(["layer", "ls"]),
        json!([
            { "id": "app", "parent": "base", "tarBytes": app_tar().len(), "entries": 6, "state": "whole" },
            { "id": "base", "parent": null, "tarBytes": base_tar().len(), "entries": 10, "state": "whole" },
        ])
    );
    let text = sandbox.ok(["layer", "ls"]);
    assert!(text.starts_with("ID    PARENT"), "{text}");
    assert_eq!(text.lines().count(), 3);
    assert_eq!(
        Sandbox::new().json(["layer", "ls"]),
        json!([]),
        "a home that does not exist yet has no layers"
    );
}

#[test]
fn a_layer_is_inspected_with_all_its_digests() {
    let sandbox = Sandbox::with_layers();
    let facts = sandbox.json(["layer", "inspect", "base"]);
    assert_eq!(facts["id"], "base");
    assert_eq!(facts["engineId"], "base");
    assert_eq!(facts["chain"], json!([]));
    assert_eq!(facts["children"], json!(["app"]));
    assert_eq!(facts["state"], "whole");
    assert_eq!(facts["diffId"], digest(&base_tar()));
    assert_eq!(facts["blob"], digest(&base_tar()));
    assert_eq!(facts["compression"], "none");
    assert_eq!(facts["folder"], sandbox.home().join("base").to_str().unwrap());
    assert!(facts["allocatedBytes"].as_u64().unwrap() > 0);
    assert!(sandbox.ok(["layer", "inspect", "app"]).contains("chain        base"));
}

#[test]
fn changes_have_the_letters_of_docker_diff() {
    let sandbox = Sandbox::with_layers();
    let expected = "C Files\nA Files/app\nA Files/app/run.exe\nD Files/License.txt\nC Files/Windows\nC Files/Windows/WIN.INI\n";
    assert_eq!(sandbox.ok(["layer", "changes", "app"]), expected);
    let changes = sandbox.json(["layer", "changes", "app"]);
    assert_eq!(changes[2], json!({ "kind": "add", "path": "Files/app/run.exe", "size": 6 }));
    assert_eq!(changes[3], json!({ "kind": "delete", "path": "Files/License.txt", "size": 0 }));
}

#[test]
fn export_gives_back_the_very_bytes() {
    let sandbox = Sandbox::with_layers();
    let to_stdout = sandbox.run(["layer", "export", "base"]);
    assert_eq!(to_stdout.code, Some(0), "{}", to_stdout.stderr);
    assert!(to_stdout.stdout == base_tar());
    let out = sandbox.path("out.tar");
    assert_eq!(sandbox.ok(["layer", "export", "app", "-o", &out]), "");
    assert!(std::fs::read(&out).unwrap() == app_tar());
}

#[test]
fn export_replaces_a_file_only_when_told_to() {
    let sandbox = Sandbox::with_layers();
    let out = sandbox.file("out.tar", b"precious");
    let stderr = sandbox.refused(["layer", "export", "app", "-o", &out]);
    assert!(stderr.contains("--force"), "{stderr}");
    assert_eq!(std::fs::read(&out).unwrap(), b"precious");
    sandbox.ok(["layer", "export", "app", "-o", &out, "--force"]);
    assert!(std::fs::read(&out).unwrap() == app_tar());
    assert_eq!(std::fs::read_dir(sandbox.path("")).unwrap().count(), 4, "no temporary file is left");
}

#[cfg(unix)]
#[test]
fn export_writes_into_a_device_instead_of_replacing_it() {
    use std::os::unix::fs::FileTypeExt;
    let sandbox = Sandbox::with_layers();
    sandbox.ok(["layer", "export", "app", "-o", "/dev/null", "--force"]);
    assert!(std::fs::metadata("/dev/null").unwrap().file_type().is_char_device());
}

#[test]
fn removal_takes_children_first_and_leaves_an_empty_home() {
    let sandbox = Sandbox::with_layers();
    assert_eq!(sandbox.ok(["layer", "rm", "base", "app", "base"]), "removed app\nremoved base\n");
    assert!(snapshot(&sandbox.home()).is_empty());
    assert_eq!(sandbox.ok(["layer", "cleanup"]), "nothing to clean up\n");
}

#[test]
fn a_layer_that_others_need_stays() {
    let sandbox = Sandbox::with_layers();
    let stderr = sandbox.refused(["layer", "rm", "base"]);
    assert!(stderr.contains("built on it: app"), "{stderr}");
}

#[test]
fn cleanup_finishes_what_was_interrupted() {
    let sandbox = Sandbox::with_layers();
    let before = snapshot(&sandbox.home());
    for name in [".import-x", "gone-removing"] {
        std::fs::create_dir(sandbox.home().join(name)).unwrap();
        std::fs::write(sandbox.home().join(name).join("layer.tar"), "half").unwrap();
    }
    assert_eq!(sandbox.json(["status"])["leftovers"], 1);
    assert_eq!(
        sandbox.json(["layer", "cleanup"]),
        json!({ "removed": [".import-x", "gone-removing"], "stuck": [] })
    );
    assert!(snapshot(&sandbox.home()) == before);
}

#[test]
fn verify_tells_whole_layers_from_damaged_ones() {
    let sandbox = Sandbox::with_layers();
    assert_eq!(sandbox.ok(["layer", "verify"]), "app: whole\nbase: whole\n");
    assert_eq!(
        sandbox.json(["layer", "verify", "base"]),
        json!([{ "id": "base", "whole": true, "problems": [] }])
    );
    let tar = sandbox.home().join("base/layer.tar");
    let mut bytes = std::fs::read(&tar).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&tar, bytes).unwrap();
    let run = sandbox.run(["--json", "layer", "verify"]);
    let verdicts: Value = serde_json::from_slice(&run.stdout).unwrap();
    assert_eq!(verdicts[0]["whole"], true);
    assert_eq!(verdicts[1]["problems"][0]["what"], "tarChanged");
    assert!(run.failure().contains("1 of 2 layers not whole"));
}

#[test]
fn disk_usage_is_told_in_allocated_bytes() {
    let sandbox = Sandbox::with_layers();
    let usage = sandbox.json(["layer", "du"]);
    assert_eq!(usage[0]["id"], "app");
    assert_eq!(usage[0]["sharedBytes"], usage[1]["exclusiveBytes"]);
    assert_eq!((&usage[0]["usedBy"], &usage[1]["usedBy"]), (&json!(0), &json!(1)));
    assert!(usage[1]["exclusiveBytes"].as_u64().unwrap() >= base_tar().len() as u64);
    assert!(sandbox.ok(["layer", "du"]).contains("total"));
}

#[test]
fn status_names_home_engine_and_volume() {
    let sandbox = Sandbox::with_layers();
    let status = sandbox.json(["status"]);
    assert_eq!(status["home"], sandbox.home().to_str().unwrap());
    assert_eq!((&status["layers"], &status["backend"]), (&json!(2), &json!("store")));
    assert_eq!(status["driver"], "windowsfilter");
    let ways = status["mounts"].as_array().unwrap();
    assert_eq!((&ways[0]["strategy"], &ways[1]["strategy"]), (&json!("erofs"), &json!("copy")));
    assert_eq!(ways[1]["problem"], Value::Null, "anybody can mount a copy");
    assert_eq!(sandbox.json(["--driver", "windowsdiff", "status"])["driver"], "windowsdiff");
    let other = sandbox.path("other");
    assert_eq!(sandbox.json(["--home", &other, "status"])["homeExists"], false);
    assert!(!std::path::Path::new(&other).exists(), "looking makes nothing");
    assert!(sandbox.ok(["status"]).contains("file system"));
}

#[test]
fn doctor_is_content_with_a_good_home() {
    let sandbox = Sandbox::with_layers();
    let findings = sandbox.json(["doctor"]);
    let problems = findings.as_array().unwrap().iter().filter(|finding| finding["severity"] == "problem");
    assert_eq!(problems.count(), 0, "{findings}");
    assert!(sandbox.ok(["doctor"]).contains("2 layers, all as they should be"));
}

#[test]
fn doctor_names_what_is_wrong_and_what_to_do() {
    let sandbox = Sandbox::with_layers();
    let home = sandbox.home();
    std::fs::remove_dir_all(home.join("base")).unwrap();
    std::fs::create_dir(home.join("empty")).unwrap();
    std::fs::create_dir(home.join("nul")).unwrap();
    std::fs::write(home.join("nul/layerchain.json"), [0; 40]).unwrap();
    std::fs::create_dir(home.join("x-removing")).unwrap();
    std::fs::create_dir(home.join(".import-y")).unwrap();
    std::fs::write(home.join("app/layer.idx"), b"an older index").unwrap();
    let before = snapshot(&home);
    let run = sandbox.run(["--json", "doctor"]);
    let findings: Value = serde_json::from_slice(&run.stdout).unwrap();
    assert!(run.failure().contains("2 problems found"));
    let found = |severity: &str, check: &str, text: &str| {
        findings.as_array().unwrap().iter().any(|finding| {
            finding["severity"] == severity
                && finding["check"] == check
                && finding["found"].as_str().unwrap().contains(text)
                && finding["advice"].is_string()
        })
    };
    assert!(found("problem", "chain", "app is built on layers that are missing: base"), "{findings}");
    assert!(found("problem", "chain", "filled with NULs"), "{findings}");
    assert!(found("warning", "content", "layer empty has no content"), "{findings}");
    assert!(found("warning", "leftover", "x-removing"), "{findings}");
    assert!(found("warning", "leftover", "layer y"), "{findings}");
    assert!(found("warning", "index", "layer app"), "{findings}");
    assert!(snapshot(&home) == before, "doctor changes nothing");
}

#[test]
fn completions_are_made_for_every_shell() {
    let sandbox = Sandbox::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        assert!(sandbox.ok(["completions", shell]).contains("winlayer"), "{shell}");
    }
}

#[test]
fn wrong_usage_has_an_exit_code_of_its_own() {
    let sandbox = Sandbox::new();
    for args in [&["no-such-command"][..], &["layer", "import"], &["--driver", "overlay2", "status"], &[]] {
        assert_eq!(sandbox.run(args).code, Some(2), "{args:?}");
    }
}
