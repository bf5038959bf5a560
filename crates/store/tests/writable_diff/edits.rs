//! Random edits in a mount: whatever people do there, the committed layer shows the same tree.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::mounted::assert_same_trees;
use crate::support::*;

/// Places that edits use: some are there from the start.
const PATHS: [&str; 16] = [
    "License.txt",
    "Users",
    "Users/All",
    "Users/me",
    "Users/me/file",
    "Windows",
    "Windows/notepad.exe",
    "Windows/relative",
    "Windows/System32",
    "Windows/System32/kernel32.dll",
    "Windows/System32/sub",
    "Windows/System32/sub/deep",
    "Windows/WinSxS",
    "Windows/WinSxS/kernel32.dll",
    "new",
    "new/System32",
];

#[derive(Debug, Clone)]
enum Edit {
    Write(usize),
    Append(usize),
    Truncate(usize),
    MakeDirectory(usize),
    Remove(usize),
    Rename(usize, usize),
    HardLink(usize, usize),
    SymbolicLink(usize),
    ChangeMode(usize),
    SetAttribute(usize),
    Touch(usize),
    OtherCase(usize),
}

fn edit() -> impl Strategy<Value = Edit> {
    let place = 0..PATHS.len();
    let two = (0..PATHS.len(), 0..PATHS.len());
    prop_oneof![
        3 => place.clone().prop_map(Edit::Write),
        3 => place.clone().prop_map(Edit::Append),
        1 => place.clone().prop_map(Edit::Truncate),
        3 => place.clone().prop_map(Edit::MakeDirectory),
        2 => place.clone().prop_map(Edit::Remove),
        6 => two.clone().prop_map(|(from, to)| Edit::Rename(from, to)),
        3 => two.prop_map(|(from, to)| Edit::HardLink(from, to)),
        1 => place.clone().prop_map(Edit::SymbolicLink),
        1 => place.clone().prop_map(Edit::ChangeMode),
        1 => place.clone().prop_map(Edit::SetAttribute),
        1 => place.clone().prop_map(Edit::Touch),
        1 => place.prop_map(Edit::OtherCase),
    ]
}

/// Does it if it can be done.
fn apply(top: &Path, number: usize, edit: &Edit) {
    let at = |place: &usize| top.join(PATHS[*place]);
    let is_link = |path: &Path| path.is_symlink();
    let _ = match edit {
        Edit::Write(place) if is_link(&at(place)) => Ok(()),
        Edit::Write(place) => fs::write(at(place), format!("written by edit {number}")),
        Edit::Append(place) if is_link(&at(place)) => Ok(()),
        Edit::Append(place) => fs::OpenOptions::new()
            .append(true)
            .open(at(place))
            .and_then(|mut file| file.write_all(format!(", edit {number}").as_bytes())),
        Edit::Truncate(place) if is_link(&at(place)) => Ok(()),
        Edit::Truncate(place) => {
            fs::OpenOptions::new().write(true).open(at(place)).and_then(|file| file.set_len(3))
        }
        Edit::MakeDirectory(place) => fs::create_dir(at(place)),
        Edit::Remove(place) if at(place).is_dir() && !is_link(&at(place)) => fs::remove_dir_all(at(place)),
        Edit::Remove(place) => fs::remove_file(at(place)),
        Edit::Rename(from, to) => fs::rename(at(from), at(to)),
        Edit::HardLink(from, to) => fs::hard_link(at(from), at(to)),
        Edit::SymbolicLink(place) => symlink("nowhere", at(place)),
        Edit::ChangeMode(place) if is_link(&at(place)) => Ok(()),
        Edit::ChangeMode(place) => fs::set_permissions(at(place), fs::Permissions::from_mode(0o750)),
        Edit::SetAttribute(place) if is_link(&at(place)) => Ok(()),
        Edit::SetAttribute(place) => {
            let value = descriptor("O:BAG:BAD:(A;;FA;;;BA)");
            let flags = rustix::fs::XattrFlags::empty();
            rustix::fs::setxattr(at(place), "user.MSWINDOWS.rawsd", value.as_bytes(), flags)
                .map_err(Into::into)
        }
        Edit::Touch(place) if is_link(&at(place)) => Ok(()),
        Edit::Touch(place) => fs::File::open(at(place)).and_then(|file| {
            file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_234_567_890))
        }),
        Edit::OtherCase(place) => {
            let path = at(place);
            let name = path.file_name().unwrap().to_str().unwrap().to_uppercase();
            fs::rename(&path, path.with_file_name(name))
        }
    };
}

/// Directories are spelled as the layers below spell them, so trees are compared in one case.
fn in_one_case(tree: BTreeMap<String, Seen>) -> BTreeMap<String, Seen> {
    let mut folded = BTreeMap::new();
    for (name, node) in tree {
        folded.insert(name.to_uppercase(), Seen { first_name: String::new(), ..node.clone() });
        let first = node.first_name.to_uppercase();
        folded.get_mut(&name.to_uppercase()).unwrap().first_name = first;
    }
    folded
}

fn has_twins(tree: &BTreeMap<String, Seen>) -> bool {
    let mut seen = BTreeSet::new();
    !tree.keys().all(|name| seen.insert(name.to_uppercase()))
}

fn check(home: &Home, number: usize, edits: &[Edit]) {
    let writable = home.writable(&format!("w{number}"));
    let mounted = {
        let Some(mount) = home.mount(&writable) else { return };
        edits.iter().enumerate().for_each(|(number, edit)| apply(&mount.path, number, edit));
        tree(&mount.path)
    };
    if has_twins(&mounted) {
        return;
    }
    home.commit(&format!("w{number}"), &format!("c{number}"));
    let committed_id = id(&format!("c{number}"));
    let committed = {
        let Some(mount) = home.mount(&committed_id) else { return };
        tree(&mount.path)
    };
    let (mounted, committed) = (in_one_case(mounted), in_one_case(committed));
    assert_same_trees(&mounted, &committed);
}

#[test]
fn whatever_is_edited_the_committed_layer_shows_the_same_tree() {
    let home = Home::new();
    if home.mount(&id("w")).is_none() {
        return;
    }
    let cases: u32 = std::env::var("WINLAYER_EDIT_SCRIPTS").ok().and_then(|n| n.parse().ok()).unwrap_or(25);
    let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    let number = std::cell::Cell::new(0);
    let scripts = prop::collection::vec(edit(), 1..14);
    let result = runner.run(&scripts, |edits| {
        number.set(number.get() + 1);
        check(&home, number.get(), &edits);
        Ok(())
    });
    if let Err(failure) = result {
        panic!("{failure}");
    }
}

#[test]
fn several_hundred_edits_by_ordinary_tools_are_committed_as_they_are() {
    let home = Home::new();
    let Some(mount) = home.mount(&id("w")) else { return };
    let script = r#"
        set -e
        cp -a Windows Windows.copy
        for i in $(seq 1 60); do mkdir -p "Program Files/app$i"; echo "content $i" > "Program Files/app$i/data.txt"; done
        for i in $(seq 1 20); do mv "Program Files/app$i" "Program Files/moved $i"; done
        for i in $(seq 21 40); do rm -rf "Program Files/app$i"; done
        for i in $(seq 41 60); do sed -i s/content/changed/ "Program Files/app$i/data.txt"; done
        sed -i s/license/licence/ License.txt
        tar -cf - Windows/System32 | (mkdir Users/unpacked && tar -xf - -C Users/unpacked)
        ln Windows/notepad.exe Users/notepad.exe
        ln -s ../Windows/notepad.exe Users/link
        mv Windows/System32 Windows/System64
        mkdir Windows/System32
        cp -a Windows/System64/kernel32.dll Windows/System32/
        rm -rf Windows/WinSxS
        chmod 700 "Program Files/app41"
        touch -d 2020-01-01 "Program Files/app42/data.txt"
    "#;
    let shell =
        std::process::Command::new("sh").args(["-c", script]).current_dir(&mount.path).output().unwrap();
    assert!(shell.status.success(), "{}", String::from_utf8_lossy(&shell.stderr));
    let expected = tree(&mount.path);
    drop(mount);
    home.commit("w", "c");
    let Some(mount) = home.mount(&id("c")) else { return };
    let committed = tree(&mount.path);
    assert_same_trees(&expected, &committed);
}
