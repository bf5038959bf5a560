//! Looking into a chain: every kind of entry, found by every spelling, with all that is known of it.

use std::io::Read;

use winlayer_core::union::{Descend, NodeKind};
use winlayer_core::{ErrorKind, LayerBackend, LayerPath, Node};
use winlayer_meta::security::SecurityDescriptor;
use winlayer_store::ChainView;

use crate::support::tar::{
    Entry, dir, file, junction, layer_tar, link, old_gnu_sparse, pax_sparse, roots, symlink, tar, whiteout,
};
use crate::support::{TestHome, chain, layer, path};

fn read(view: &ChainView, text: &str, stream: Option<&str>) -> Vec<u8> {
    let node = view.find(&path(text)).unwrap();
    let mut content = Vec::new();
    view.open(&node, stream.map(str::as_bytes)).unwrap().read_to_end(&mut content).unwrap();
    content
}

fn shown(nodes: &[Node]) -> Vec<String> {
    nodes.iter().map(|node| node.path.to_string()).collect()
}

fn chain_of_three() -> TestHome {
    let home = TestHome::with_base(&[
        dir("Files"),
        dir("Files/Windows"),
        dir("Files/Windows/System32"),
        file("Files/Windows/System32/A.dll", "base a"),
        file("Files/Windows/System32/b.dll", "base b"),
        file("Files/old.txt", "old"),
        dir("UtilityVM"),
        dir("UtilityVM/Files"),
        link("UtilityVM/Files/A.dll", "Files/Windows/System32/a.DLL"),
    ]);
    let mid = [
        dir("Files/windows"),
        dir("Files/windows/SYSTEM32"),
        file("Files/windows/SYSTEM32/a.dll", "mid a"),
        whiteout("Files/.wh.OLD.txt"),
        file("Hives/System_Delta", "regf and so on"),
    ];
    home.import("mid", &["base"], &layer_tar(&mid)).unwrap();
    let top = [link("Files/Linked.dll", "Files/WINDOWS/system32/B.DLL"), file("Files/new.txt", "new")];
    home.import("top", &["mid", "base"], &layer_tar(&top)).unwrap();
    home
}

#[test]
fn every_spelling_of_a_path_finds_the_nearest_layers_file() {
    let home = chain_of_three();
    let view = home.view("top");
    for text in [
        r"C:\windows\system32\A.DLL",
        "/Windows/System32/a.dll",
        "Files/WINDOWS/SYSTEM32/a.dll",
        "windows/system32/a.dll",
    ] {
        assert_eq!(read(&view, text, None), b"mid a", "{text}");
        assert_eq!(view.find(&path(text)).unwrap().path.to_string(), "Files/Windows/System32/a.dll");
    }
    assert_eq!(view.stat(&view.find(&path("windows/system32/a.dll")).unwrap()).unwrap().layer, layer("mid"));
    assert_eq!(view.find(&path("old.txt")).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn listing_and_walking_show_the_merged_tree_in_order() {
    let home = chain_of_three();
    let view = home.view("top");
    assert_eq!(
        shown(&view.list(&path("/")).unwrap()),
        ["Files/Linked.dll", "Files/new.txt", "Files/Windows"]
    );
    assert_eq!(shown(&view.roots()), ["Files", "Hives", "UtilityVM"]);
    let mut walked = Vec::new();
    view.walk(&path("windows"), |node| {
        walked.push(node.path.to_string());
        Descend::Into
    });
    let below = [
        "Files/Windows",
        "Files/Windows/System32",
        "Files/Windows/System32/a.dll",
        "Files/Windows/System32/b.dll",
    ];
    assert_eq!(walked, below);
    let error = view.list(&path("new.txt")).unwrap_err();
    assert_eq!(error.to_string(), "not a directory: Files/new.txt");
}

#[test]
fn the_other_roots_are_there_beside_files() {
    let view = chain_of_three().view("top");
    assert_eq!(view.list(&path("Hives")).unwrap().len(), 1);
    let home = chain_of_three();
    let view = home.view("top");
    assert_eq!(read(&view, "hives/system_delta", None), b"regf and so on");
    assert_eq!(read(&view, "UtilityVM/Files/a.dll", None), b"base a", "a link finds its own layer's file");
}

#[test]
fn a_hard_link_across_layers_has_the_files_content_and_metadata() {
    let home = chain_of_three();
    let view = home.view("top");
    assert_eq!(read(&view, "linked.DLL", None), b"base b");
    let stat = view.stat(&view.find(&path("linked.dll")).unwrap()).unwrap();
    assert_eq!((stat.kind, stat.size, stat.layer.as_str()), (NodeKind::File, 6, "top"));
    assert_eq!(stat.link_of, Some((path("Windows/System32/b.dll"), layer("base"))));
}

#[test]
fn a_layer_alone_knows_nothing_of_its_chain() {
    let home = chain_of_three();
    let mut content = Vec::new();
    home.store.open_file(&layer("top"), &path("NEW.txt")).unwrap().read_to_end(&mut content).unwrap();
    assert_eq!(content, b"new");
    let not_own = home.store.open_file(&layer("top"), &path("windows/system32/a.dll"));
    assert_eq!(not_own.err().unwrap().kind(), ErrorKind::NotFound);
}

#[test]
fn a_layer_without_content_in_a_chain_takes_no_part() {
    let home = chain_of_three();
    home.store.create(&layer("x-init"), None).unwrap();
    home.store.home().set_chain(&layer("x-init"), &chain(&["top", "mid", "base"])).unwrap();
    home.import("x", &["x-init", "top", "mid", "base"], &layer_tar(&[file("Files/x", "x")])).unwrap();
    for id in ["x-init", "x"] {
        let view = home.view(id);
        assert_eq!(read(&view, "windows/system32/a.dll", None), b"mid a");
        let stat = view.stat(&view.find(&path("new.txt")).unwrap()).unwrap();
        assert_eq!(stat.layer, layer("top"));
    }
    let error = home.store.open_tar(&layer("x-init")).unwrap_err();
    assert_eq!(error.to_string(), "layer x-init: the layer has no content");
    let changes = home.store.changes(&layer("x"), &chain(&["x-init", "top", "mid", "base"])).unwrap();
    let lines: Vec<_> = changes.iter().map(ToString::to_string).collect();
    assert_eq!(lines, ["C Files", "A Files/x", "C Hives"]);
}

/// SDDL: O:BAG:SYD:(A;;FA;;;SY)
fn descriptor() -> (Vec<u8>, &'static str) {
    let bytes = [
        &[1, 0, 4, 0x80, 48, 0, 0, 0, 64, 0, 0, 0, 0, 0, 0, 0, 20, 0, 0, 0][..],
        &[2, 0, 28, 0, 1, 0, 0, 0, 0, 0, 20, 0, 0xff, 1, 0x1f, 0],
        &[1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0],
        &[1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 32, 2, 0, 0],
        &[1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0],
    ]
    .concat();
    (
        bytes,
        "AQAEgDAAAABAAAAAAAAAABQAAAACABwAAQAAAAAAFAD/AR8AAQEAAAAAAAUSAAAAAQIAAAAAAAUgAAAAIAIAAAEBAAAAAAAFEgAAAA==",
    )
}

#[test]
fn stat_tells_all_that_the_tar_says() {
    let (bytes, base64) = descriptor();
    let entries = [
        dir("Files"),
        file("Files/a", "content")
            .mode(0o100_644)
            .mtime(1_600_000_000)
            .record("mtime", "1600000000.1234567")
            .record("atime", "1600000001")
            .record("ctime", "1600000002.5")
            .record("LIBARCHIVE.creationtime", "1500000000")
            .record("MSWINDOWS.fileattr", "33")
            .record("MSWINDOWS.rawsd", base64)
            .record("MSWINDOWS.xattr.$Kernel.Purge", "AQID")
            .record("comment", "kept"),
        file("Files/a:Zone.Identifier", "[ZoneTransfer]"),
        file("Files/a:second", ""),
    ];
    let home = TestHome::with_base(&entries);
    let view = home.view("base");
    let stat = view.stat(&view.find(&path("A")).unwrap()).unwrap();
    assert_eq!((stat.size, stat.mode, stat.attributes.bits()), (7, 0o100_644, 33));
    let unix = |time: winlayer_meta::filetime::FileTime| {
        let unix = time.to_unix();
        (unix.secs, unix.nanos)
    };
    assert_eq!(unix(stat.times.modified), (1_600_000_000, 123_456_700));
    assert_eq!(unix(stat.times.accessed), (1_600_000_001, 0));
    assert_eq!(unix(stat.times.changed), (1_600_000_002, 500_000_000));
    assert_eq!(unix(stat.times.created), (1_500_000_000, 0));
    assert_eq!(stat.security.as_deref(), Some(&bytes[..]));
    let sddl = SecurityDescriptor::parse(&bytes).unwrap().to_sddl().unwrap();
    assert_eq!(sddl, "O:BAG:SYD:(A;;FA;;;SY)");
    assert_eq!((&stat.eas[0].name[..], &stat.eas[0].value[..]), (&b"$Kernel.Purge"[..], &[1, 2, 3][..]));
    let streams: Vec<_> = stat.streams.iter().map(|s| (&s.name[..], s.size)).collect();
    assert_eq!(streams, [(&b"Zone.Identifier"[..], 14), (b"second", 0)]);
    assert_eq!(stat.records, [(b"comment".to_vec(), b"kept".to_vec())]);
    assert!(stat.reparse.is_none() && stat.link_of.is_none());
}

#[test]
fn streams_are_opened_by_name_in_any_case_on_files_and_directories() {
    let entries = [
        dir("Files"),
        dir("Files/d"),
        file("Files/d:notes", "about d"),
        file("Files/a", "main"),
        file("Files/a:Zone.Identifier", "zone"),
        file("Files/a:é:$DATA", "accent"),
    ];
    let home = TestHome::with_base(&entries);
    let view = home.view("base");
    assert_eq!(read(&view, "a", None), b"main");
    assert_eq!(read(&view, "a", Some("zone.identifier")), b"zone");
    assert_eq!(read(&view, "a", Some("É")), b"accent");
    assert_eq!(read(&view, "d", Some("NOTES")), b"about d");
    let node = view.find(&path("a")).unwrap();
    let error = view.open(&node, Some(b"none")).err().unwrap();
    assert_eq!(error.to_string(), "Files/a has no stream \"none\"");
    let error = view.open(&view.find(&path("d")).unwrap(), None).err().unwrap();
    assert_eq!(error.to_string(), "not a file: Files/d");
}

#[test]
fn a_new_version_of_a_file_has_its_own_streams_only() {
    let home = TestHome::with_base(&[dir("Files"), file("Files/a", "1"), file("Files/a:s", "old")]);
    home.import("top", &["base"], &layer_tar(&[file("Files/A", "2")])).unwrap();
    let view = home.view("top");
    assert!(view.stat(&view.find(&path("a")).unwrap()).unwrap().streams.is_empty());
}

#[test]
fn links_of_windows_are_told_apart_and_not_followed() {
    let entries = [
        dir("Files"),
        junction("Files/j", r"C:\Users"),
        symlink("Files/s", r"..\x"),
        symlink("Files/abs", r"C:\x"),
    ];
    let home = TestHome::with_base(&entries);
    let view = home.view("base");
    let tag = |name: &str| {
        let stat = view.stat(&view.find(&path(name)).unwrap()).unwrap();
        assert_eq!(stat.kind, NodeKind::Symlink);
        stat.reparse.unwrap().to_bytes().unwrap()[..4].to_vec()
    };
    assert_eq!(tag("j"), 0xA000_0003_u32.to_le_bytes());
    assert_eq!(tag("s"), 0xA000_000C_u32.to_le_bytes());
    assert_eq!(tag("abs"), 0xA000_000C_u32.to_le_bytes());
    assert!(view.find(&path("j/x")).is_err());
}

#[test]
fn files_with_holes_are_read_with_their_zeros_in_every_format() {
    let many: Vec<(u64, &[u8])> = (0..60).map(|n| (n * 1000, &b"data"[..])).collect();
    for ranges in [&[(512, &b"middle"[..]), (100_000, b"end")][..], &[], &many] {
        let mut expected = vec![0; 200_000];
        for (offset, data) in ranges {
            expected[*offset as usize..][..data.len()].copy_from_slice(data);
        }
        let (gnu, map) = old_gnu_sparse("Files/gnu", 200_000, ranges);
        let mut bytes = dir("Files").bytes();
        bytes.extend(gnu.bytes_with(&map));
        bytes.extend(tar(&[pax_sparse("Files/pax", 200_000, ranges), file("Files/behind", "x")]));
        let home = TestHome::new();
        home.import("base", &[], &bytes).unwrap();
        let view = home.view("base");
        for name in ["gnu", "pax"] {
            let node = view.find(&path(name)).unwrap();
            assert_eq!(view.size(&node), 200_000);
            assert!(read(&view, name, None) == expected, "{name}");
        }
        assert_eq!(read(&view, "behind", None), b"x");
        assert_eq!(home.problems("base"), []);
    }
}

#[test]
fn names_beyond_ascii_and_half_pairs_are_found_and_shown() {
    let lone: &[u8] = b"Files/x\xed\xa0\x80";
    let entries =
        [dir("Files"), file("Files/Ünïcode.txt", "u"), file(lone, "lone"), file("Files/日本.txt", "j")];
    let home = TestHome::with_base(&entries);
    let view = home.view("base");
    assert_eq!(read(&view, "üNÏCODE.TXT", None), b"u");
    assert_eq!(read(&view, "日本.txt", None), b"j");
    assert!(view.find(&LayerPath::from_tar(lone).unwrap()).is_ok());
}

#[test]
fn a_path_below_a_file_or_in_a_missing_root_is_not_there() {
    let home = TestHome::with_base(&[dir("Files"), file("Files/a", "x")]);
    let view = home.view("base");
    for text in ["a/b", "b", "Hives", "Hives/x", "UtilityVM"] {
        let error = view.find(&path(text)).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert_eq!(error.to_string(), format!("layer base: no such path: {}", path(text)));
    }
}

#[test]
fn a_chain_of_many_layers_with_links_through_all_of_them_is_followed() {
    let home = TestHome::in_memory();
    let mut parents: Vec<String> = Vec::new();
    for n in 0..60 {
        let entry: Entry = match n {
            0 => file("Files/0", "the end"),
            _ => link(format!("Files/{n}"), format!("Files/{}", n - 1)),
        };
        let id = format!("l{n}");
        let names: Vec<&str> = parents.iter().map(String::as_str).collect();
        home.import(&id, &names, &tar(&[dir("Files"), entry])).unwrap();
        parents.insert(0, id);
    }
    let view = home.view("l59");
    assert_eq!(read(&view, "59", None), b"the end");
    assert_eq!(view.list(&path("/")).unwrap().len(), 60);
}

#[test]
fn changes_tell_added_modified_and_deleted_apart() {
    let home = chain_of_three();
    let lines = |id: &str, below: &[&str]| -> Vec<String> {
        home.store.changes(&layer(id), &chain(below)).unwrap().iter().map(ToString::to_string).collect()
    };
    assert_eq!(
        lines("mid", &["base"]),
        [
            "C Files",
            "D Files/OLD.txt",
            "C Files/windows",
            "C Files/windows/SYSTEM32",
            "C Files/windows/SYSTEM32/a.dll",
            "A Hives",
            "A Hives/System_Delta"
        ]
    );
    assert_eq!(
        lines("top", &["mid", "base"]),
        ["C Files", "A Files/Linked.dll", "A Files/new.txt", "C Hives"]
    );
    assert_eq!(lines("base", &[]).len(), 9);
    assert_eq!(roots().len(), 2);
}
