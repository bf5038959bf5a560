//! erofs-utils, the format's own tools, find nothing wrong with images made here.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at what it does not expect"
)]

mod support;

use std::fs;
use std::path::Path;
use std::process::Command;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use support::model::{Model, Node, What, device, models};
use support::skipped;

/// Runs a tool of erofs-utils, or says loudly that it is missing. `EROFS_UTILS` may name a folder with them, or
/// wrappers of that name.
fn tool(name: &str, arguments: &[&Path]) -> Option<String> {
    let program =
        std::env::var_os("EROFS_UTILS").map_or_else(|| name.into(), |folder| Path::new(&folder).join(name));
    let output = match Command::new(&program).args(arguments).output() {
        Ok(output) => output,
        Err(error) => {
            skipped(&format!("{} cannot be run ({error}); install erofs-utils", program.display()));
            return None;
        }
    };
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{name}: {}\n{text}", output.status);
    Some(text)
}

/// Says whether the installed erofs-utils can read blocks of 512 bytes: 1.7 and later can.
fn can_read_small_blocks() -> bool {
    let Some(version) = tool("fsck.erofs", &[Path::new("-V")]) else { return false };
    let number =
        version.split_whitespace().find(|word| word.starts_with(|first: char| first.is_ascii_digit()));
    let mut parts = number.unwrap_or_default().split('.').map_while(|part| part.parse::<u32>().ok());
    let version = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
    if version < (1, 7) {
        skipped(&format!("erofs-utils {}.{} is too old to read blocks of 512 bytes", version.0, version.1));
    }
    version >= (1, 7)
}

fn sample() -> Model {
    let mut model = Model::new(vec![device(1, 64), device(2, 64)]);
    let windows =
        model.add(0, "Windows", Node::new(What::Directory).with_xattr("user.MSWINDOWS.rawsd", "AQAE"));
    let file =
        Node::new(What::File(3000, vec![(0, 1, 1024, 3000)])).with_xattr("user.MSWINDOWS.rawsd", "AQAE");
    let file = model.add(windows, "notepad.exe", file);
    model.entries.push((0, b"hard link".to_vec(), file));
    let sparse = What::File(9000, vec![(4096, 0, 0, 1024), (8192, 1, 512, 808)]);
    model.add(0, "sparse", Node::new(sparse).with_xattr("trusted.unique", "x".repeat(700)));
    model.add(0, "empty", Node::new(What::File(0, vec![])));
    model.add(0, "hole", Node::new(What::File(5000, vec![])));
    model.add(0, "short", Node::new(What::Symlink(b"Windows/notepad.exe".to_vec())));
    model.add(0, "long", Node::new(What::Symlink(vec![b'l'; 4000])).with_xattr("trusted.a", "b"));
    let many = model.add(0, "many", Node::new(What::Directory));
    for number in 0..1000 {
        model.add(many, format!("entry number {number}"), Node::new(What::File(0, vec![])));
    }
    model
}

/// Lets fsck.erofs read all of an image and its devices.
fn fsck(model: &Model) -> String {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("image");
    fs::write(&image, model.image()).unwrap();
    let mut arguments = vec!["-d3".into(), "--extract".into()];
    for (number, device) in model.devices.iter().enumerate() {
        let path = folder.path().join(format!("device{number}"));
        fs::write(&path, device).unwrap();
        arguments.push(format!("--device={}", path.display()));
    }
    arguments.push(image.display().to_string());
    let arguments: Vec<&Path> = arguments.iter().map(Path::new).collect();
    tool("fsck.erofs", &arguments).unwrap()
}

#[test]
fn fsck_accepts_every_kind_of_inode_and_reads_all_data() {
    if can_read_small_blocks() {
        let said = fsck(&sample());
        assert!(said.contains("No errors found"), "{said}");
    }
}

#[test]
fn fsck_accepts_any_tree() {
    if !can_read_small_blocks() {
        return;
    }
    let mut runner = TestRunner::deterministic();
    for _ in 0..24 {
        let said = fsck(&models().new_tree(&mut runner).unwrap().current());
        assert!(said.contains("No errors found"), "{said}");
    }
}

#[test]
fn dump_shows_the_superblock_as_it_was_meant() {
    if !can_read_small_blocks() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("image");
    let model = sample();
    fs::write(&image, model.image()).unwrap();
    let said = tool("dump.erofs", &[Path::new("-s"), &image]).unwrap();
    let value = |key: &str| {
        let line = said.lines().find(|line| line.starts_with(key)).unwrap_or_else(|| panic!("{key}: {said}"));
        line[key.len()..].trim_matches([':', ' ']).to_owned()
    };
    assert_eq!(value("Filesystem blocksize"), "512");
    assert_eq!(value("Filesystem inode count"), model.nodes.len().to_string());
    assert_eq!(value("Filesystem features"), "mtime chunked_file device_table");
    assert_eq!(value("Filesystem UUID"), "07070707-0707-0707-0707-070707070707");
}
