//! Diffs of upper directories made by hand, as overlayfs leaves them: any user can run these.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use winlayer_core::{ErrorKind, Result};
use winlayer_meta::security::well_known;
use winlayer_store::DiffPolicy;

use crate::support::*;

/// Makes directories and a file.
fn put(path: &Path, content: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

fn whiteout(path: &Path) {
    put(path, "");
    set_attribute(path, "user.overlay.whiteout", b"y");
}

fn refusal(result: Result<Vec<u8>>) -> String {
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    error.to_string()
}

#[test]
fn an_empty_diff_has_files_as_below_and_hives() {
    let home = Home::new();
    let tar = home.export();
    assert_eq!(listing(&tar), ["d Files", "d Hives"]);
    let files = records(&tar, "Files");
    assert_eq!(files["MSWINDOWS.rawsd"], descriptor(DIRECTORY_SDDL));
    assert_eq!(files["mtime"], "1620442824.1234567");
    let hives = records(&tar, "Hives");
    assert_eq!((hives["MSWINDOWS.fileattr"].as_str(), hives["mtime"].as_str()), ("16", "1620442824.1234567"));
    assert_eq!(stat(&home.commit("w", "c"), "Hives").mode, 0o040_000);
}

#[test]
fn an_image_without_files_gets_them() {
    let home = Home::with(&[Tar::new().dir("Hives").bytes()]);
    put(&home.upper().join("new.txt"), "new");
    let view = home.commit("w", "c");
    assert_eq!(read(&view, "new.txt", None), "new");
    assert_eq!(stat(&view, "new.txt").security, None, "there is nothing to inherit from");
    assert_eq!(stat(&view, "Hives").times.created.to_unix().secs, 1_600_000_000, "as below");
}

#[test]
fn whiteouts_follow_their_directory_and_hide_only_what_is_there() {
    let home = Home::new();
    let system = home.upper().join("Windows/System32");
    put(&system.join("a.dll"), "a");
    for name in ["old.dll", "new.dll", "never-was.dll"] {
        whiteout(&system.join(name));
    }
    let expected = [
        "d Files",
        "d Files/Windows",
        "d Files/Windows/System32",
        "- Files/Windows/System32/.wh.new.dll",
        "- Files/Windows/System32/.wh.old.dll",
        "- Files/Windows/System32/a.dll",
        "d Hives",
    ];
    assert_eq!(listing(&home.export()), expected);
    let view = home.commit("w", "c");
    assert!(!exists(&view, "Windows/System32/old.dll"));
    assert!(exists(&view, "Windows/System32/kernel32.dll"));
}

#[test]
fn an_opaque_directory_hides_all_that_it_does_not_have() {
    let home = Home::new();
    put(&home.upper().join("Windows/System32/x.dll"), "x");
    set_attribute(&home.upper().join("Windows"), "user.overlay.opaque", b"y");
    let view = home.commit("w", "c");
    assert!(exists(&view, "Windows/System32/x.dll"));
    for gone in ["Windows/notepad.exe", "Windows/System32/kernel32.dll", "Windows/WinSxS"] {
        assert!(!exists(&view, gone), "{gone}");
    }
}

#[test]
fn a_directory_that_may_have_whiteouts_is_not_opaque() {
    let home = Home::new();
    put(&home.upper().join("Windows/x"), "x");
    set_attribute(&home.upper().join("Windows"), "user.overlay.opaque", b"x");
    assert!(exists(&home.commit("w", "c"), "Windows/notepad.exe"));
}

#[test]
fn a_redirect_brings_a_directory_from_anywhere_and_changes_go_on_top() {
    let home = Home::new();
    let moved = home.upper().join("Users/Moved");
    put(&moved.join("System32/added"), "added");
    set_attribute(&moved, "user.overlay.redirect", b"/Windows");
    whiteout(&moved.join("notepad.exe"));
    whiteout(&home.upper().join("Windows"));
    let view = home.commit("w", "c");
    assert!(!exists(&view, "Windows"));
    assert!(!exists(&view, "Users/Moved/notepad.exe"));
    assert_eq!(read(&view, "Users/Moved/System32/added", None), "added");
    assert_eq!(read(&view, "Users/Moved/System32/new.dll", None), "MZ new");
    let (first, second) = (
        view.find(&path("Users/Moved/System32/kernel32.dll")).unwrap(),
        view.find(&path("Users/Moved/WinSxS/kernel32.dll")).unwrap(),
    );
    assert_eq!(first.at, second.at, "hard links stay hard links");
    assert_eq!(stat(&view, "Users/Moved").security, stat(&home.parents(), "Windows").security);
}

#[test]
fn metadata_without_content_take_the_content_from_below() {
    let home = Home::new();
    let file = home.upper().join("renamed.exe");
    put(&file, "");
    set_attribute(&file, "user.overlay.metacopy", b"");
    set_attribute(&file, "user.overlay.redirect", b"/Windows/notepad.exe");
    set_attribute(&file, "user.MSWINDOWS.fileattr", b"33");
    let view = home.commit("w", "c");
    assert_eq!(read(&view, "renamed.exe", None), "MZ notepad");
    assert_eq!(stat(&view, "renamed.exe").attributes.bits(), 33);

    let lost = Home::new();
    put(&lost.upper().join("lost"), "");
    set_attribute(&lost.upper().join("lost"), "user.overlay.metacopy", b"");
    let error = lost.try_export().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().contains("\"Files/lost\""), "{error}");
}

#[test]
fn a_file_put_in_the_place_of_another_keeps_its_metadata_and_streams() {
    let home = Home::new();
    put(&home.upper().join("License.txt"), "another license");
    let (before, view) = (home.parents(), home.commit("w", "c"));
    let (before, after) = (stat(&before, "License.txt"), stat(&view, "License.txt"));
    assert_eq!(read(&view, "License.txt", None), "another license");
    assert_eq!(read(&view, "License.txt", Some("zone")), "[ZoneTransfer]");
    assert_eq!(
        (after.security, after.attributes, after.eas),
        (before.security, before.attributes, before.eas)
    );
    assert_eq!(after.times.created, before.times.created);
    assert_eq!(after.records, before.records, "unknown records survive");
}

#[test]
fn new_files_get_what_windows_would_give_them() {
    let home = Home::new();
    put(&home.upper().join("Windows/app/app.exe"), "MZ");
    let view = home.commit("w", "c");
    let (directory, file) = (stat(&view, "Windows/app"), stat(&view, "Windows/app/app.exe"));
    assert_eq!(
        sddl(&file),
        "O:S-1-5-93-2-1G:S-1-5-93-2-1D:AI(A;ID;FA;;;SY)(A;ID;FA;;;BA)(A;ID;0x1200a9;;;BU)(A;ID;FA;;;S-1-5-93-2-1)"
    );
    assert_eq!(
        sddl(&directory),
        "O:S-1-5-93-2-1G:S-1-5-93-2-1D:AI(A;OICIID;FA;;;SY)(A;OICIID;FA;;;BA)(A;OICIID;0x1200a9;;;BU)\
         (A;ID;FA;;;S-1-5-93-2-1)(A;OICIIOID;GA;;;CO)"
    );
    assert_eq!((directory.attributes.bits(), file.attributes.bits()), (0x10, 0x20));
    assert_eq!((directory.mode, file.mode), (0o040_000, 0o100_000));
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let created = u64::try_from(file.times.created.to_unix().secs).unwrap();
    assert!(now - created < 600, "{created}");
}

#[test]
fn owner_and_group_of_what_is_new_can_be_chosen() {
    let home = Home::new();
    put(&home.upper().join("x"), "x");
    let policy = DiffPolicy {
        owner: Some(well_known::ADMINISTRATORS),
        group: Some(well_known::SYSTEM),
        ..DiffPolicy::default()
    };
    let mut tar = Vec::new();
    home.store.export_writable(&id("w"), &policy, &mut tar).unwrap();
    let chain = home.store.home().chain(&id("w")).unwrap();
    home.store.import_new(&id("c"), &chain, &mut &tar[..], winlayer_core::Control::none()).unwrap();
    let made = sddl(&stat(&home.store.view(&id("c")).unwrap(), "x"));
    assert!(made.starts_with("O:BAG:SYD:AI"), "{made}");
}

#[test]
fn no_new_time_is_later_than_the_source_date_epoch() {
    let home = Home::new();
    put(&home.upper().join("Windows/x"), "x");
    let policy = DiffPolicy { source_date_epoch: Some(1_700_000_000), ..DiffPolicy::default() };
    let mut tar = Vec::new();
    home.store.export_writable(&id("w"), &policy, &mut tar).unwrap();
    let records = records(&tar, "Files/Windows/x");
    for key in ["LIBARCHIVE.creationtime", "atime", "ctime"] {
        assert_eq!(records[key], "1700000000", "{key}");
    }
    assert!(!records.contains_key("mtime"), "whole seconds fit in the header");
}

#[test]
fn a_name_in_another_case_is_the_name_below() {
    let home = Home::new();
    put(&home.upper().join("LICENSE.TXT"), "changed");
    put(&home.upper().join("WINDOWS/SYSTEM32/added"), "added");
    let expected = [
        "d Files",
        "- Files/License.txt",
        "- Files/License.txt:zone",
        "d Files/Windows",
        "d Files/Windows/System32",
        "- Files/Windows/System32/added",
        "d Hives",
    ];
    assert_eq!(listing(&home.export()), expected);
    let view = home.commit("w", "c");
    assert_eq!(stat(&view, "License.txt").attributes, stat(&home.parents(), "License.txt").attributes);
    assert!(exists(&view, "Windows/System32/kernel32.dll"));
}

#[test]
fn a_directory_made_beside_one_in_another_case_joins_it_though_overlayfs_calls_it_opaque() {
    let home = Home::new();
    put(&home.upper().join("windows/x"), "x");
    set_attribute(&home.upper().join("windows"), "user.overlay.opaque", b"y");
    assert!(exists(&home.commit("w", "c"), "Windows/notepad.exe"));
}

#[test]
fn a_file_renamed_in_case_only_gets_its_new_spelling() {
    let home = Home::new();
    whiteout(&home.upper().join("License.txt"));
    put(&home.upper().join("LICENSE"), "");
    fs::remove_file(home.upper().join("LICENSE")).unwrap();
    put(&home.upper().join("LICENSE.txt"), "changed");
    let view = home.commit("w", "c");
    assert_eq!(stat(&view, "license.txt").path.to_string(), "Files/LICENSE.txt");
    assert_eq!(read(&view, "license.txt", None), "changed");
}

#[test]
fn two_names_that_are_one_to_windows_are_refused_by_name() {
    let home = Home::new();
    put(&home.upper().join("Users/Ä"), "1");
    put(&home.upper().join("Users/ä"), "2");
    let text = refusal(home.try_export());
    assert!(text.contains("entry \"Files/Users\"") && text.contains("\"Ä\" and \"ä\""), "{text}");

    let beside = Home::new();
    put(&beside.upper().join("LICENSE.txt/x"), "a directory beside the file License.txt");
    let text = refusal(beside.try_export());
    assert!(text.contains("\"LICENSE.txt\" and \"License.txt\""), "{text}");

    let moved = Home::new();
    put(&moved.upper().join("USERS/x"), "x");
    set_attribute(&moved.upper().join("USERS"), "user.overlay.redirect", b"Windows");
    whiteout(&moved.upper().join("Windows"));
    let text = refusal(moved.try_export());
    assert!(text.contains("\"USERS\" and \"Users\""), "{text}");
}

#[test]
fn what_no_windows_layer_can_hold_is_refused_by_path() {
    type Make = fn(&Path);
    let odd: [(&str, Make); 5] = [
        ("a:b", |path| put(path, "")),
        ("back\\slash", |path| put(path, "")),
        (".wh.x", |path| put(path, "")),
        ("pipe", |path| {
            rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap()
        }),
        ("socket", |path| drop(std::os::unix::net::UnixListener::bind(path).unwrap())),
    ];
    for (name, make) in odd {
        let home = Home::new();
        fs::create_dir(home.upper().join("Users")).unwrap();
        make(&home.upper().join("Users").join(name));
        let text = refusal(home.try_export());
        assert!(text.contains(&format!("entry {:?}", format!("Files/Users/{name}"))), "{text}");
    }
}

#[test]
fn notes_that_any_user_can_make_are_nothing_beside_those_of_root() {
    let home = Home::new();
    put(&home.upper().join("Users/x"), "x");
    let rustix_error =
        rustix::fs::lsetxattr(home.upper(), "trusted.overlay.impure", b"y", rustix::fs::XattrFlags::empty());
    if rustix_error.is_err() {
        eprintln!("SKIPPED: only root can make trusted attributes");
        return;
    }
    set_attribute(&home.upper().join("Users"), "user.overlay.opaque", b"y");
    assert!(exists(&home.commit("w", "c"), "Users/All"));
}

#[test]
fn a_replaced_link_says_what_its_target_is() {
    let home = Home::new();
    fs::create_dir_all(home.upper().join("Users")).unwrap();
    symlink("../Windows/System32", home.upper().join("Users/All")).unwrap();
    let tar = home.export();
    assert_eq!(
        listing(&tar)[2],
        r"l Files/Users/All -> C:\Windows\System32",
        "where the mount shows the link, it shows this target"
    );
    fs::remove_file(home.upper().join("Users/All")).unwrap();
    symlink("../Windows/notepad.exe", home.upper().join("Users/All")).unwrap();
    let tar = home.export();
    assert_eq!(listing(&tar)[2], r"l Files/Users/All -> ..\Windows\notepad.exe");
    let records = records(&tar, "Files/Users/All");
    assert_eq!(records["MSWINDOWS.fileattr"], "1056");
    assert!(!records.contains_key("MSWINDOWS.mountpoint"), "a junction cannot be relative");
}

#[test]
fn other_layers_are_not_writable() {
    let home = Home::new();
    let error = home.store.writable_changes(&id("l0")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().contains("layer l0"), "{error}");
}
