//! Tars that somebody made to do harm, or by mistake: each is refused with its reason, or taken for a reason that
//! `docs/hostile-tars.md` gives. The document is the table that is tested.

use std::collections::BTreeMap;

use winlayer_core::{Control, ErrorKind};

use crate::support::tar::{Entry, dir, file, junction, layer_tar, link, of_type, symlink, tar, whiteout};
use crate::support::{TestHome, layer};

/// A self-relative descriptor of owner and group alone (BUILTIN\Users), in base64.
const DESCRIPTOR: &str = "AQAAgBQAAAAkAAAAAAAAAAAAAAABAgAAAAAABSAAAAAhAgAAAQIAAAAAAAUgAAAAIQIAAA==";

fn x(name: impl AsRef<[u8]>) -> Entry {
    file(name, "x").record("MSWINDOWS.fileattr", "32")
}

fn plain(name: impl AsRef<[u8]>) -> Entry {
    file(name, "x")
}

fn attributed(attributes: &str) -> Vec<u8> {
    layer_tar(&[plain("Files/a").record("MSWINDOWS.fileattr", attributes)])
}

fn described(base64: &str) -> Vec<u8> {
    layer_tar(&[x("Files/a").record("MSWINDOWS.rawsd", base64)])
}

fn created(time: &str) -> Vec<u8> {
    layer_tar(&[x("Files/a").record("LIBARCHIVE.creationtime", time)])
}

/// An extended attribute whose value is this many `v`.
fn ea(name_len: usize, value_len: usize) -> Vec<u8> {
    let key = format!("MSWINDOWS.xattr.{}", "N".repeat(name_len));
    // "vvv" is "dnZ2" in base64.
    let mut value = "dnZ2".repeat(value_len / 3);
    value.push_str(["", "dg==", "dnY="][value_len % 3]);
    layer_tar(&[x("Files/a").record(key, value)])
}

fn names() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("dotdot", layer_tar(&[x("Files/../../evil.txt")])),
        ("dotdot-backslash", layer_tar(&[x("Files/a\\..\\..\\..\\evil.txt")])),
        ("absolute", layer_tar(&[x("/Files/abs.txt")])),
        ("drive", layer_tar(&[x("C:/Windows/evil.dll")])),
        ("files-drive", layer_tar(&[x("Files/C:/evil.txt")])),
        ("outside-roots", layer_tar(&[x("Other/x.txt")])),
        ("root-file", layer_tar(&[file("layout", "{}")])),
        ("root-not-directory", tar(&[file("Files", "x")])),
        ("root-other-case", layer_tar(&[x("files/a")])),
        (
            "reserved-names",
            layer_tar(&["CON", "nul.txt", "aux", "COM1.log", "LPT9"].map(|n| x(format!("Files/{n}")))),
        ),
        ("trailing-dot-space", layer_tar(&[x("Files/dot."), x("Files/space "), x("Files/dot")])),
        ("bad-chars", layer_tar(&[x("Files/a<b")])),
        ("bad-chars-control", layer_tar(&[x("Files/tab\tx")])),
        ("component-255", layer_tar(&[x(format!("Files/{}", "n".repeat(255)))])),
        ("component-256", layer_tar(&[x(format!("Files/{}", "n".repeat(256)))])),
        ("path-too-long", layer_tar(&[x(format!("Files{}", "/n".repeat(16_400)))])),
        ("not-utf8", layer_tar(&[x(b"Files/\xff\xfe.txt")])),
        ("lone-surrogate", layer_tar(&[x(b"Files/\xed\xa0\x80.txt")])),
        ("duplicate", layer_tar(&[file("Files/a", "1"), file("Files/a", "22")])),
        ("duplicate-case", layer_tar(&[file("Files/a", "1"), file("Files/A", "22")])),
        ("duplicate-unicode-case", layer_tar(&[file("Files/é", "1"), file("Files/É", "22")])),
        ("duplicate-directory", layer_tar(&[dir("Files/d"), dir("Files/D")])),
        ("file-then-directory", layer_tar(&[x("Files/a"), dir("Files/a")])),
        ("file-then-under", layer_tar(&[x("Files/a"), x("Files/a/b")])),
        ("no-parent", layer_tar(&[x("Files/p/q/r")])),
        ("uvm-without-root", layer_tar(&[x("UtilityVM/Files/a")])),
        ("uvm-other", layer_tar(&[dir("UtilityVM"), file("UtilityVM/SystemTemplate.vhdx", "vhdxfile")])),
        ("hive-not-regf", layer_tar(&[file("Hives/System_Delta", "not a hive")])),
        ("hive-empty", layer_tar(&[file("Hives/System_Delta", "")])),
        ("hive-unknown", layer_tar(&[file("Hives/Other_Delta", "regf")])),
    ]
}

fn whiteouts_and_links() -> Vec<(&'static str, Vec<u8>)> {
    let d = || dir("Files/d");
    vec![
        ("whiteout-root", layer_tar(&[whiteout(".wh.Files")])),
        ("whiteout-hives", layer_tar(&[whiteout("Hives/.wh.System_Delta")])),
        ("whiteout-dotdot", layer_tar(&[whiteout("Files/.wh...")])),
        ("whiteout-empty", layer_tar(&[whiteout("Files/.wh.")])),
        ("whiteout-opaque", layer_tar(&[dir("Files/Windows"), whiteout("Files/Windows/.wh..wh..opq")])),
        ("whiteout-then-add", layer_tar(&[whiteout("Files/.wh.a.txt"), x("Files/a.txt")])),
        ("add-then-whiteout", layer_tar(&[x("Files/a.txt"), whiteout("Files/.wh.a.txt")])),
        ("whiteout-with-data", layer_tar(&[file("Files/.wh.a.txt", "data in a whiteout")])),
        ("whiteout-directory", layer_tar(&[dir("Files/.wh.d")])),
        ("whiteout-of-stream", layer_tar(&[whiteout("Files/.wh.a.txt:s")])),
        ("link-outside", layer_tar(&[link("Files/l", "../../etc/passwd")])),
        ("link-forward", layer_tar(&[link("Files/l", "Files/z"), x("Files/z")])),
        ("link-missing", layer_tar(&[link("Files/l", "Files/none")])),
        ("link-self", layer_tar(&[link("Files/l", "Files/l")])),
        ("link-circle", layer_tar(&[link("Files/l", "Files/m"), link("Files/m", "Files/L")])),
        ("link-dir", layer_tar(&[d(), link("Files/l", "Files/d")])),
        ("link-hives", layer_tar(&[link("Files/l", "Hives/System_Delta")])),
        ("symlink-then-inside", layer_tar(&[junction("Files/s", "C:\\"), x("Files/s/evil.txt")])),
        ("reparse-target-empty", layer_tar(&[symlink("Files/s", "")])),
        ("reparse-target-8k", layer_tar(&[symlink("Files/s", format!("C:\\{}", "x".repeat(8000)))])),
        ("reparse-target-32k", layer_tar(&[symlink("Files/s", format!("C:\\{}", "x".repeat(32_760)))])),
        ("mountpoint-on-file", layer_tar(&[x("Files/a").record("MSWINDOWS.mountpoint", "1")])),
        ("device", layer_tar(&[of_type(b'3', "Files/null")])),
        ("fifo", layer_tar(&[of_type(b'6', "Files/pipe")])),
        ("ads-orphan", layer_tar(&[file("Files/none.txt:stream", "s")])),
        ("ads-separated", layer_tar(&[x("Files/a.txt"), x("Files/b.txt"), file("Files/a.txt:s", "s")])),
        ("ads-on-dir", layer_tar(&[d(), file("Files/d:s", "s")])),
        ("ads-on-link", layer_tar(&[x("Files/a"), link("Files/l", "Files/a"), file("Files/l:s", "s")])),
        ("ads-twice", layer_tar(&[x("Files/a"), file("Files/a:s", "s"), file("Files/a:S", "s")])),
        ("ads-default", layer_tar(&[x("Files/a.txt"), file("Files/a.txt::$DATA", "over")])),
        ("ads-index", layer_tar(&[d(), file("Files/d:$I30:$INDEX_ALLOCATION", "over")])),
        ("ads-directory", layer_tar(&[x("Files/a"), dir("Files/a:s")])),
    ]
}

fn metadata() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("attr-junk", attributed("zz")),
        ("attr-too-big", attributed("8589934592")),
        ("attr-dir-on-file", attributed("16")),
        ("attr-none", layer_tar(&[plain("Files/a")])),
        ("sd-not-base64", described("!!")),
        ("sd-truncated", described("AQAAgBQAAAAkAAAAAAAAAAA=")),
        ("sd-empty", described("")),
        (
            "sd-offset-past-end",
            described("AQAAgP///38kAAAAAAAAAAAAAAABAgAAAAAABSAAAAAhAgAAAQIAAAAAAAUgAAAAIQIAAA=="),
        ),
        ("sd-good", described(DESCRIPTOR)),
        ("sd-sddl-old", layer_tar(&[x("Files/a").record("MSWINDOWS.sd", "O:BAG:SYD:(A;;FA;;;BA)")])),
        ("sd-sddl-bad", layer_tar(&[x("Files/a").record("MSWINDOWS.sd", "O:NOBODY")])),
        ("ea-long-name", ea(255, 1)),
        ("ea-name-256", ea(256, 1)),
        ("ea-64k", ea(3, 65_535)),
        ("ea-over-64k", ea(3, 65_536)),
        ("ea-empty-value", ea(1, 0)),
        ("creationtime-junk", created("12.34.56")),
        ("creationtime-negative", created("-1500000000")),
        ("time-1601", layer_tar(&[x("Files/a").record("mtime", "-11644473601")])),
        ("time-overflow", created("99999999999999999999")),
    ]
}

fn broken() -> Vec<(&'static str, Vec<u8>)> {
    let whole = layer_tar(&[file("Files/a", "1"), file("Files/b", [7; 700])]);
    let mut bad_checksum = whole.clone();
    bad_checksum[1024 + 150] ^= 1;
    let mut lone_zero_block = tar(&[dir("Files")]);
    lone_zero_block.truncate(1024);
    lone_zero_block.extend_from_slice(&tar(&[file("Files/a", "1")]));
    let unrecorded = tar(&[dir("Files"), file("Files/a", "1")]);
    vec![
        ("cut-in-header", whole[..700].to_vec()),
        ("cut-in-extension", whole[..512 + 5].to_vec()),
        ("cut-behind-extension", whole[..1024].to_vec()),
        ("cut-in-data", whole[..whole.len() - 1024 - 512].to_vec()),
        ("cut-in-padding", whole[..whole.len() - 1024 - 100].to_vec()),
        ("no-end-blocks", whole[..whole.len() - 1024].to_vec()),
        ("one-end-block", whole[..whole.len() - 512].to_vec()),
        ("lone-zero-block", lone_zero_block),
        ("bad-checksum", bad_checksum),
        ("behind-the-end", [&unrecorded[..], b"anything at all"].concat()),
        ("empty", Vec::new()),
        ("only-end", vec![0; 1024]),
        ("text", b"Files and folders, but no tar\n".repeat(100)),
        ("pax-record-broken", {
            let mut tar = layer_tar(&[]);
            tar[512] = b'9';
            tar
        }),
    ]
}

fn cases() -> Vec<(&'static str, Vec<u8>)> {
    [names(), whiteouts_and_links(), metadata(), broken()].concat()
}

/// What the document says of a tar.
struct Row {
    outcome: String,
    reason: String,
}

/// A cell without the marks that make it code: one tick on each side, or two and a space.
fn without_ticks(cell: &str) -> &str {
    let inner = |mark: &str| {
        let end: String = mark.chars().rev().collect();
        cell.strip_prefix(mark)?.strip_suffix(end.as_str())
    };
    inner("`` ").or_else(|| inner("`")).unwrap_or(cell)
}

/// Whether a message is the one of the document, in which `…` stands for anything.
fn is_like(message: &str, documented: &str) -> bool {
    match documented.split_once('…') {
        Some((start, end)) => message.starts_with(start) && message.ends_with(end),
        None => message == documented,
    }
}

/// The rows of the tables in the document, by the name of the tar.
fn document() -> BTreeMap<String, Row> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/hostile-tars.md");
    let text = std::fs::read_to_string(path).unwrap();
    let mut rows = BTreeMap::new();
    for line in text.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let [name, _, outcome, reason] = cells[..] else { panic!("not four cells: {line}") };
        let row = Row { outcome: outcome.to_owned(), reason: without_ticks(reason).to_owned() };
        assert!(rows.insert(name.trim_matches('`').to_owned(), row).is_none(), "twice: {name}");
    }
    rows
}

#[test]
fn every_hostile_tar_is_refused_or_taken_as_the_document_says_and_leaves_nothing_behind() {
    let mut document = document();
    let home = TestHome::in_memory();
    home.import("base", &[], &tar(&[dir("Files"), file("Files/below", "b")])).unwrap();
    let before = home.snapshot();
    for (name, tar) in cases() {
        let row = document.remove(name).unwrap_or_else(|| panic!("{name} is not in the document"));
        match (row.outcome.as_str(), home.import("hostile", &["base"], &tar)) {
            ("taken", Ok(_)) => {
                assert!(!row.reason.is_empty(), "{name}: no reason given");
                assert_eq!(home.store.verify(&layer("hostile"), Control::none()).unwrap(), [], "{name}");
                home.store.remove(&layer("hostile")).unwrap();
            }
            ("refused", Err(error)) => {
                assert_eq!(error.kind(), ErrorKind::InvalidInput, "{name}: {error}");
                let expected = format!("layer hostile: import: {}", row.reason);
                assert!(is_like(&error.to_string(), &expected), "{name}: {error}\nnot {expected}");
                assert!(error.to_string().len() < 700, "{name}: too long to read");
            }
            (outcome, result) => panic!("{name} should be {outcome}: {result:?}"),
        }
        assert!(home.snapshot() == before, "{name} left something behind");
    }
    assert!(document.is_empty(), "only in the document: {:?}", document.keys());
}
