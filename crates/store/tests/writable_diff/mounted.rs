//! Diffs of layers that were really mounted and changed; needs root.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use winlayer_core::{ChangeKind, LayerBackend};

use crate::support::*;

/// Mounts `w`, lets `edit` change it, and checks that the committed layer shows the same. Gives the home, with the
/// committed layer `c` in it, and the tar.
fn edited(edit: impl FnOnce(&Path)) -> Option<(Home, Vec<u8>)> {
    let home = Home::new();
    let expected = {
        let mount = home.mount(&id("w"))?;
        edit(&mount.path);
        tree(&mount.path)
    };
    let tar = home.export();
    assert_eq!(tar, home.export(), "the same bytes every time");
    home.commit("w", "c");
    let committed = home.mount(&id("c"))?;
    assert_same_trees(&expected, &tree(&committed.path));
    drop(committed);
    Some((home, tar))
}

pub fn assert_same_trees(
    mounted: &std::collections::BTreeMap<String, Seen>,
    committed: &std::collections::BTreeMap<String, Seen>,
) {
    let names = |tree: &std::collections::BTreeMap<String, Seen>| tree.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(mounted), names(committed));
    for (name, expected) in mounted {
        let found = &committed[name];
        let mut found = found.clone();
        // What is new, and the top, has attributes that the mount does not show; they are tested elsewhere.
        found.attributes.retain(|key, _| expected.attributes.contains_key(key));
        // A link from below keeps what it says to Windows; the mount shows where that led before it was moved.
        if expected.attributes.contains_key("trusted.linkpath") {
            found.content.clone_from(&expected.content);
        }
        assert_eq!(expected, &found, "{name}");
    }
}

fn append(path: &Path, text: &str) {
    fs::OpenOptions::new().append(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
}

#[test]
fn a_layer_that_was_only_looked_at_has_no_changes() {
    let Some((home, tar)) = edited(|top| {
        tree(top);
    }) else {
        return;
    };
    assert_eq!(listing(&tar), ["d Files", "d Hives"]);
    assert_eq!(home.store.writable_changes(&id("w")).unwrap(), []);
}

#[test]
fn a_file_that_was_written_to_keeps_all_but_its_times() {
    let Some((home, tar)) = edited(|top| append(&top.join("License.txt"), ", longer")) else { return };
    let (before, after) =
        (stat(&home.parents(), "License.txt"), stat(&home.store.view(&id("c")).unwrap(), "License.txt"));
    assert_eq!(listing(&tar), ["d Files", "- Files/License.txt", "- Files/License.txt:zone", "d Hives"]);
    assert_eq!(read(&home.store.view(&id("c")).unwrap(), "License.txt", None), "a license, longer");
    assert_eq!(read(&home.store.view(&id("c")).unwrap(), "License.txt", Some("zone")), "[ZoneTransfer]");
    assert_eq!(after.security, before.security);
    assert_eq!(after.attributes, before.attributes);
    assert_eq!(after.eas, before.eas);
    assert_eq!(after.times.created, before.times.created);
    assert_eq!(after.mode, before.mode);
    assert!(after.times.modified > before.times.modified);
    assert_eq!(after.times.accessed, after.times.modified);
    let keys: Vec<String> = records(&tar, "Files/License.txt").into_keys().collect();
    let expected = [
        "LIBARCHIVE.creationtime",
        "MSWINDOWS.fileattr",
        "MSWINDOWS.rawsd",
        "MSWINDOWS.xattr.CI",
        "VENDOR.unknown",
        "atime",
        "ctime",
        "mtime",
    ];
    assert_eq!(keys, expected);
}

#[test]
fn directories_on_the_way_to_a_change_say_what_they_say_below() {
    let Some((home, tar)) = edited(|top| append(&top.join("Windows/System32/old.dll"), "er")) else { return };
    let below = home.store.open_tar(&id("l0")).unwrap();
    let mut l0 = Vec::new();
    std::io::Read::read_to_end(&mut { below }, &mut l0).unwrap();
    for name in ["Files/Windows", "Files/Windows/System32"] {
        let view = home.parents();
        assert_eq!(stat(&view, name).times, stat(&home.store.view(&id("c")).unwrap(), name).times, "{name}");
        assert_eq!(records(&tar, name), records(&l0, name), "{name}");
    }
}

#[test]
fn a_change_under_one_name_of_a_file_shows_under_all_of_them() {
    let edit = |top: &Path| append(&top.join("Windows/System32/kernel32.dll"), " patched");
    let Some((home, tar)) = edited(edit) else { return };
    let view = home.store.view(&id("c")).unwrap();
    assert_eq!(read(&view, "Windows/WinSxS/kernel32.dll", None), "MZ kernel patched");
    let link = "h Files/Windows/WinSxS/kernel32.dll -> Files/Windows/System32/kernel32.dll";
    assert!(listing(&tar).contains(&link.to_owned()), "{:?}", listing(&tar));
}

#[test]
fn a_new_name_for_a_file_below_is_a_link_without_content() {
    let edit = |top: &Path| {
        fs::hard_link(top.join("Windows/notepad.exe"), top.join("Users/editor.exe")).unwrap();
        fs::hard_link(top.join("Windows/WinSxS/kernel32.dll"), top.join("Users/kernel.dll")).unwrap();
    };
    let Some((_, tar)) = edited(edit) else { return };
    let expected = [
        "d Files",
        "d Files/Users",
        "h Files/Users/editor.exe -> Files/Windows/notepad.exe",
        "h Files/Users/kernel.dll -> Files/Windows/WinSxS/kernel32.dll",
        "d Hives",
    ];
    assert_eq!(listing(&tar), expected);
}

#[test]
fn several_names_of_a_new_file_have_its_content_once() {
    let edit = |top: &Path| {
        fs::write(top.join("Users/b"), "content").unwrap();
        fs::hard_link(top.join("Users/b"), top.join("Users/a")).unwrap();
        fs::hard_link(top.join("Users/b"), top.join("c")).unwrap();
    };
    let Some((_, tar)) = edited(edit) else { return };
    let expected = [
        "d Files",
        "d Files/Users",
        "- Files/Users/a",
        "h Files/Users/b -> Files/Users/a",
        "h Files/c -> Files/Users/a",
        "d Hives",
    ];
    assert_eq!(listing(&tar), expected);
}

#[test]
fn a_renamed_directory_is_deleted_and_added_as_it_is() {
    let edit = |top: &Path| {
        fs::rename(top.join("Windows/System32"), top.join("Users/System64")).unwrap();
        append(&top.join("Users/System64/old.dll"), "er");
        fs::remove_file(top.join("Users/System64/new.dll")).unwrap();
        fs::write(top.join("Users/System64/extra"), "extra").unwrap();
    };
    let Some((home, tar)) = edited(edit) else { return };
    let expected = [
        "d Files",
        "d Files/Users",
        "d Files/Users/System64",
        "- Files/Users/System64/extra",
        "h Files/Users/System64/kernel32.dll -> Files/Windows/WinSxS/kernel32.dll",
        "- Files/Users/System64/old.dll",
        "d Files/Windows",
        "- Files/Windows/.wh.System32",
        "d Hives",
    ];
    assert_eq!(listing(&tar), expected);
    let view = home.store.view(&id("c")).unwrap();
    assert_eq!(sddl(&stat(&view, "Users/System64")), sddl(&stat(&home.parents(), "Windows/System32")));
}

#[test]
fn directories_can_be_renamed_within_renamed_ones_and_replaced() {
    let edit = |top: &Path| {
        fs::create_dir(top.join("Users/d")).unwrap();
        fs::rename(top.join("Windows/WinSxS"), top.join("Users/d/x")).unwrap();
        fs::rename(top.join("Windows"), top.join("Winnt")).unwrap();
        fs::create_dir(top.join("Windows")).unwrap();
        fs::create_dir(top.join("Windows/System32")).unwrap();
        fs::write(top.join("Windows/System32/mine.dll"), "mine").unwrap();
        fs::rename(top.join("Winnt/System32"), top.join("Winnt/sys")).unwrap();
        fs::rename(top.join("Users/d"), top.join("Winnt/sys/d")).unwrap();
    };
    edited(edit);
}

#[test]
fn what_was_removed_and_made_again_is_new() {
    let edit = |top: &Path| {
        fs::remove_dir_all(top.join("Windows/System32")).unwrap();
        fs::create_dir(top.join("Windows/System32")).unwrap();
        fs::write(top.join("Windows/System32/old.dll"), "new").unwrap();
    };
    let Some((_, tar)) = edited(edit) else { return };
    let expected = [
        "d Files",
        "d Files/Windows",
        "d Files/Windows/System32",
        "- Files/Windows/System32/.wh.kernel32.dll",
        "- Files/Windows/System32/.wh.new.dll",
        "- Files/Windows/System32/old.dll",
        "d Hives",
    ];
    assert_eq!(listing(&tar), expected);
}

#[test]
fn a_directory_becomes_a_file_and_a_file_a_directory() {
    let edit = |top: &Path| {
        fs::remove_dir_all(top.join("Windows/System32")).unwrap();
        fs::write(top.join("Windows/System32"), "a file").unwrap();
        fs::remove_file(top.join("License.txt")).unwrap();
        fs::create_dir(top.join("License.txt")).unwrap();
        fs::write(top.join("License.txt/inside"), "x").unwrap();
    };
    let Some((_, tar)) = edited(edit) else { return };
    let expected = [
        "d Files",
        "d Files/License.txt",
        "- Files/License.txt/inside",
        "d Files/Windows",
        "- Files/Windows/System32",
        "d Hives",
    ];
    assert_eq!(listing(&tar), expected);
}

#[test]
fn a_file_that_was_written_to_and_then_renamed_keeps_its_streams() {
    let edit = |top: &Path| {
        append(&top.join("License.txt"), "!");
        fs::rename(top.join("License.txt"), top.join("Windows/notepad.exe")).unwrap();
    };
    let Some((home, tar)) = edited(edit) else { return };
    assert!(listing(&tar).contains(&"- Files/Windows/notepad.exe:zone".to_owned()));
    assert_eq!(records(&tar, "Files/Windows/notepad.exe")["VENDOR.unknown"], "Files/License.txt");
    drop(home);
    // And the other way round: the streams of what was there before are gone.
    let edit = |top: &Path| {
        append(&top.join("Windows/notepad.exe"), "!");
        fs::rename(top.join("Windows/notepad.exe"), top.join("License.txt")).unwrap();
    };
    let Some((_, tar)) = edited(edit) else { return };
    assert!(!listing(&tar).contains(&"- Files/License.txt:zone".to_owned()), "{:?}", listing(&tar));
}

#[test]
fn metadata_are_changed_without_the_content() {
    let sddl_after = "O:BAG:BAD:(A;;FA;;;BA)";
    let edit = |top: &Path| {
        let path = top.join("Windows/notepad.exe");
        set_attribute(&path, "user.MSWINDOWS.rawsd", descriptor(sddl_after).as_bytes());
        set_attribute(&path, "user.LIBARCHIVE.creationtime", b"1500000000");
        fs::set_permissions(top.join("Windows/WinSxS/manifest"), fs::Permissions::from_mode(0o755)).unwrap();
        set_attribute(top, "user.MSWINDOWS.fileattr", b"18");
    };
    let Some((home, tar)) = edited(edit) else { return };
    let view = home.store.view(&id("c")).unwrap();
    let (before, after) = (stat(&home.parents(), "Windows/notepad.exe"), stat(&view, "Windows/notepad.exe"));
    assert_eq!(sddl(&after), sddl_after);
    assert_eq!(after.times.created.to_unix().secs, 1_500_000_000);
    assert_eq!(after.times.modified, before.times.modified);
    assert_eq!(after.attributes, before.attributes);
    assert_eq!(records(&tar, "Files/Windows/notepad.exe")["VENDOR.unknown"], "Files/Windows/notepad.exe");
    assert_eq!(stat(&view, "Windows/WinSxS/manifest").mode, 0o100_755);
    assert_eq!(stat(&view, "/").attributes.bits(), 18);
    assert_eq!(stat(&view, "/").security, stat(&home.parents(), "/").security);
}

#[test]
fn links_keep_their_text_and_new_ones_get_windows_text() {
    let edit = |top: &Path| {
        fs::rename(top.join("Users/All"), top.join("Users/Everyone")).unwrap();
        symlink("../Windows/System32", top.join("Users/sys")).unwrap();
        symlink("/Windows/notepad.exe", top.join("Users/edit")).unwrap();
        symlink("nowhere", top.join("Users/dangling")).unwrap();
        fs::hard_link(top.join("Windows/relative"), top.join("Windows/relative2")).unwrap();
    };
    let home = Home::new();
    let Some(mount) = home.mount(&id("w")) else { return };
    edit(&mount.path);
    drop(mount);
    let tar = home.export();
    let view = home.commit("w", "c");
    let expected = [
        "d Files",
        "d Files/Users",
        "- Files/Users/.wh.All",
        r"l Files/Users/Everyone -> C:\Windows\System32",
        r"l Files/Users/dangling -> nowhere",
        r"l Files/Users/edit -> C:\Windows\notepad.exe",
        r"l Files/Users/sys -> ..\Windows\System32",
        "d Files/Windows",
        "h Files/Windows/relative2 -> Files/Windows/relative",
        "d Hives",
    ];
    assert_eq!(listing(&tar), expected);
    assert!(records(&tar, "Files/Users/Everyone").contains_key("MSWINDOWS.mountpoint"));
    let attributes = |name: &str| stat(&view, name).attributes.bits();
    assert_eq!(attributes("Users/Everyone"), 0x410);
    assert_eq!(attributes("Users/sys"), 0x410);
    assert_eq!(attributes("Users/edit"), 0x420);
    assert_eq!(attributes("Users/dangling"), 0x420);
}

#[test]
fn the_changes_of_a_layer_with_a_size_limit_are_read_mounted_or_not() {
    let home = Home::new();
    if home.mount(&id("w")).is_none() {
        return;
    }
    let layer = home.writable("limited");
    if let Err(why) = home.store.expand_writable(&layer, 32 << 20) {
        eprintln!("SKIPPED: no size limits here: {why}");
        return;
    }
    let mount = home.mount(&layer).unwrap();
    fs::write(mount.path.join("new"), "new").unwrap();
    let lines =
        || home.store.writable_changes(&layer).unwrap().iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(lines(), ["A Files/new"]);
    drop(mount);
    assert_eq!(lines(), ["A Files/new"]);
    let disk = home.store.home().folder(&layer).join("scratch/disk/upper");
    assert!(!disk.exists(), "the disk is mounted only while it is read");
}

#[test]
fn changes_are_those_of_the_layer_that_is_committed() {
    let edit = |top: &Path| {
        append(&top.join("License.txt"), "!");
        fs::remove_file(top.join("Windows/System32/new.dll")).unwrap();
        fs::create_dir(top.join("Users/me")).unwrap();
        fs::write(top.join("Users/me/x"), "12345").unwrap();
    };
    let Some((home, _)) = edited(edit) else { return };
    let changes = home.store.writable_changes(&id("w")).unwrap();
    let lines: Vec<String> =
        changes.iter().filter(|change| change.kind != ChangeKind::Modify).map(ToString::to_string).collect();
    assert_eq!(lines, ["A Files/Users/me", "A Files/Users/me/x", "D Files/Windows/System32/new.dll"]);
    let chain = home.store.home().chain(&id("c")).unwrap();
    let committed = home.store.changes(&id("c"), &chain).unwrap();
    let committed: Vec<_> = committed.into_iter().filter(|change| !change.path.is_root()).collect();
    assert_eq!(changes, committed);
}
