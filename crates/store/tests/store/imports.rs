//! What an import takes, what it says of it, and that it leaves nothing behind when it does not come to its end.

use std::io::Read;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use winlayer_core::{
    CancelToken, Control, DiffId, ErrorKind, LayerBackend, Progress, ProgressSink, Sha256Digest,
};
use winlayer_store::{Compression, Store};

use crate::support::readers::{cancelling, failing};
use crate::support::tar::{Entry, dir, file, layer_tar, link, roots, tar, whiteout};
use crate::support::volume::Volume;
use crate::support::{TestHome, chain, layer, path};

fn digest(bytes: &[u8]) -> DiffId {
    DiffId(Sha256Digest(Sha256::digest(bytes).into()))
}

fn small() -> Vec<u8> {
    layer_tar(&[
        dir("Files/d"),
        file("Files/d/a", [1; 700]),
        file("Files/d/a:s", "stream"),
        whiteout("Files/.wh.b"),
    ])
}

/// A tar of a few MiB that does not compress to nothing.
fn large() -> Vec<u8> {
    let mut state = 1u32;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    })
    .take(3 << 20)
    .collect();
    layer_tar(&[file("Files/noise", noise), file("Files/last", "x")])
}

#[test]
fn a_layer_comes_out_bit_for_bit_and_with_the_digest_of_what_came_in() {
    for tar in [small(), large(), [&small()[..], &[7; 5000]].concat(), vec![0; 1024]] {
        let home = TestHome::new();
        let imported = home.import("x", &[], &tar).unwrap();
        assert_eq!(imported.diff_id, Some(digest(&tar)));
        assert_eq!(imported.blob.unwrap().0, digest(&tar).0);
        assert_eq!(imported.tar_bytes, tar.len() as u64);
        let mut out = Vec::new();
        home.store.open_tar(&layer("x")).unwrap().read_to_end(&mut out).unwrap();
        assert!(out == tar);
        assert_eq!(home.problems("x"), []);
    }
}

#[test]
fn the_record_counts_entries_with_streams_and_whiteouts_but_bytes_of_files_only() {
    let home = TestHome::new();
    let imported = home.import("x", &[], &small()).unwrap();
    assert_eq!((imported.entries, imported.file_bytes), (6, 700));
    let record = home.store.record(&layer("x")).unwrap();
    assert_eq!((record.entries, record.file_bytes), (6, 700));
    assert_eq!(record.compression, Compression::None);
    assert_eq!(home.store.index(&layer("x")).unwrap().tar_entries(), 6);
}

#[test]
fn an_id_that_exists_is_refused_whatever_it_holds() {
    let home = TestHome::with_base(&roots());
    std::fs::create_dir(home.path("empty")).unwrap();
    let before = home.snapshot();
    for id in ["base", "empty"] {
        let error = home.import(id, &[], &small()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AlreadyExists);
        assert_eq!(error.to_string(), format!("layer {id}: import: a layer with this id exists"));
    }
    assert!(home.snapshot() == before);
}

#[test]
fn a_parent_that_does_not_exist_is_named() {
    let home = TestHome::with_base(&roots());
    let before = home.snapshot();
    for parents in [&["none"][..], &["base", "none"]] {
        let error = home.import("x", parents, &small()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert_eq!(error.to_string(), "layer x: import: its parent layer none does not exist");
    }
    assert!(home.snapshot() == before);
}

#[test]
fn a_folder_that_a_driver_made_is_filled_once() {
    let home = TestHome::new();
    let fill = |tar: &[u8]| home.store.import_into(&layer("x"), &chain(&[]), &mut &tar[..], Control::none());
    assert_eq!(fill(&small()).unwrap_err().kind(), ErrorKind::NotFound);
    home.store.create(&layer("x"), None).unwrap();
    let empty = home.snapshot();
    assert!(fill(&small()[..1000]).is_err());
    assert!(home.snapshot() == empty, "a failed import leaves the folder as it was");
    fill(&small()).unwrap();
    let filled = home.snapshot();
    assert_eq!(fill(&small()).unwrap_err().kind(), ErrorKind::AlreadyExists);
    assert!(home.snapshot() == filled);
    assert_eq!(home.problems("x"), []);
}

#[test]
fn the_home_is_made_when_the_first_layer_comes() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::new(dir.path().join("a/b/home"));
    store.import_new(&layer("x"), &chain(&[]), &mut &small()[..], Control::none()).unwrap();
    assert_eq!(store.home().layers().unwrap(), [layer("x")]);
}

#[test]
fn a_hard_link_may_lead_to_a_file_of_any_layer_below_in_any_case() {
    let home = TestHome::with_base(&[
        dir("Files"),
        file("Files/Target", "below"),
        link("Files/second", "Files/target"),
    ]);
    home.import("mid", &["base"], &layer_tar(&[])).unwrap();
    home.import(
        "top",
        &["mid", "base"],
        &layer_tar(&[link("Files/a", "Files/TARGET"), link("Files/b", "Files/Second")]),
    )
    .unwrap();
    let view = home.view("top");
    for name in ["a", "b"] {
        let mut text = String::new();
        let node = view.find(&path(name)).unwrap();
        view.open(&node, None).unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "below");
    }
}

#[test]
fn a_hard_link_to_what_a_layer_in_between_removed_is_refused() {
    let home = TestHome::with_base(&[dir("Files"), file("Files/target", "below")]);
    home.import("mid", &["base"], &layer_tar(&[whiteout("Files/.wh.TARGET")])).unwrap();
    let error =
        home.import("top", &["mid", "base"], &layer_tar(&[link("Files/a", "Files/target")])).unwrap_err();
    assert!(error.to_string().contains("Files/target, is neither in this layer nor below"), "{error}");
}

#[test]
fn a_hard_link_to_a_directory_below_is_refused() {
    let home = TestHome::with_base(&[dir("Files"), dir("Files/d")]);
    let error = home.import("top", &["base"], &layer_tar(&[link("Files/a", "Files/D")])).unwrap_err();
    assert!(error.to_string().ends_with("a hard link to the directory Files/D"), "{error}");
}

#[test]
fn a_long_chain_of_hard_links_costs_no_more_than_many_short_ones() {
    let count = 20_000;
    let mut entries: Vec<Entry> =
        (0..count).map(|n| link(format!("Files/{n:05}"), format!("Files/{:05}", n + 1))).collect();
    entries.push(file(format!("Files/{count:05}"), "end"));
    let home = TestHome::new();
    let start = Instant::now();
    home.import("x", &[], &layer_tar(&entries)).unwrap();
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    let view = home.view("x");
    let stat = view.stat(&view.find(&path("00000")).unwrap()).unwrap();
    assert_eq!(stat.link_of, Some((path("20000"), layer("x"))));
}

#[test]
fn very_deep_paths_cost_no_more_than_their_length() {
    let deep = |n: usize| format!("Files{}/{n}{}", "/d".repeat(6000), "/d".repeat(6000));
    let entries: Vec<Entry> = (0..60).map(|n| file(deep(n), "x")).collect();
    let home = TestHome::new();
    let start = Instant::now();
    home.import("x", &[], &tar(&entries)).unwrap();
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}

#[test]
fn links_to_very_deep_paths_below_cost_no_more_than_their_length() {
    let home = TestHome::with_base(&[dir("Files"), file(format!("Files{}/file", "/d".repeat(12_000)), "x")]);
    let target = format!("Files{}/FILE", "/D".repeat(12_000));
    let links: Vec<Entry> = (0..20).map(|n| link(format!("Files/{n}"), &target)).collect();
    let start = Instant::now();
    home.import("x", &["base"], &layer_tar(&links)).unwrap();
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}

#[test]
fn a_tar_that_implies_far_more_directories_than_it_has_entries_is_refused() {
    let entries: Vec<Entry> =
        (0..70).map(|n| file(format!("Files/{n}{}", "/d".repeat(16_000)), "")).collect();
    let home = TestHome::new();
    let error = home.import("x", &[], &tar(&entries)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded);
    assert_eq!(home.snapshot().len(), 0);
}

#[test]
fn a_reader_that_fails_is_told_and_leaves_nothing_behind() {
    let home = TestHome::new();
    for (tar, after) in [(small(), 0), (small(), 3), (small(), 2000), (large(), 2 << 20)] {
        for compress in [false, true] {
            let input = if compress { crate::compression::gzip(&tar) } else { tar.clone() };
            let after = after.min(input.len() - 1);
            let error = home
                .store
                .import_new(&layer("x"), &chain(&[]), &mut failing(&input, after), Control::none())
                .unwrap_err();
            assert_eq!(
                error.to_string(),
                "layer x: import: cannot read the input: the cable was pulled",
                "after {after}"
            );
            assert_eq!(home.snapshot().len(), 0);
        }
    }
}

#[test]
fn cancelling_at_any_moment_leaves_nothing_behind() {
    let home = TestHome::with_base(&roots());
    let before = home.snapshot();
    for input in [large(), crate::compression::gzip(&large()), crate::compression::zstd(&large())] {
        for part in 0..=8 {
            let token = CancelToken::new();
            let mut reader = cancelling(&input, input.len() * part / 8, token.clone());
            let control = Control { progress: &(), cancel: &token };
            let error =
                home.store.import_new(&layer("x"), &chain(&["base"]), &mut reader, control).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Cancelled, "{error}");
            assert!(home.snapshot() == before);
        }
    }
}

#[test]
fn progress_counts_the_bytes_of_the_input_up_to_its_end() {
    #[derive(Default)]
    struct Seen(Mutex<Vec<u64>>);
    impl ProgressSink for Seen {
        fn update(&self, progress: Progress) {
            assert_eq!(progress.stage, "import");
            self.0.lock().unwrap().push(progress.done);
        }
    }
    for input in [large(), crate::compression::gzip(&large())] {
        let (home, seen, token) = (TestHome::new(), Seen::default(), CancelToken::new());
        let control = Control { progress: &seen, cancel: &token };
        home.store.import_new(&layer("x"), &chain(&[]), &mut &input[..], control).unwrap();
        let seen = seen.0.into_inner().unwrap();
        assert!(seen.is_sorted() && seen.last() == Some(&(input.len() as u64)), "{seen:?}");
    }
}

#[test]
fn a_full_disk_is_told_with_advice_and_nothing_is_left_on_it() {
    let Some(volume) = Volume::new("a_full_disk", 2 << 20) else { return };
    let store = Store::new(volume.path().join("home"));
    store.import_new(&layer("base"), &chain(&[]), &mut &small()[..], Control::none()).unwrap();
    let before = crate::support::snapshot(volume.path());
    for input in [large(), crate::compression::gzip(&large()), crate::compression::zstd(&large())] {
        let result = store.import_new(&layer("x"), &chain(&["base"]), &mut &input[..], Control::none());
        let error = result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NoSpace, "{error}");
        assert!(error.to_string().starts_with("layer x: import: cannot write "), "{error}");
        assert!(error.advice().is_some());
        assert!(crate::support::snapshot(volume.path()) == before);
    }
}

#[test]
fn a_home_that_cannot_be_written_to_can_be_read_but_not_imported_to() {
    let Some(volume) = Volume::new("a_read_only_home", 8 << 20) else { return };
    let store = Store::new(volume.path().join("home"));
    store.import_new(&layer("base"), &chain(&[]), &mut &small()[..], Control::none()).unwrap();
    std::fs::remove_file(volume.path().join("home/base/layer.idx")).unwrap();
    let before = crate::support::snapshot(volume.path());
    volume.make_read_only();
    let error =
        store.import_new(&layer("x"), &chain(&["base"]), &mut &small()[..], Control::none()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
    assert!(error.to_string().contains("Read-only file system"), "{error}");
    assert_eq!(store.remove(&layer("base")).unwrap_err().kind(), ErrorKind::PermissionDenied);
    let view = store.view(&layer("base")).unwrap();
    let mut content = Vec::new();
    view.open(&view.find(&path("d/a")).unwrap(), None).unwrap().read_to_end(&mut content).unwrap();
    assert_eq!(content, [1; 700]);
    assert!(crate::support::snapshot(volume.path()) == before);
    volume.make_writable();
    store.index(&layer("base")).unwrap();
    assert!(volume.path().join("home/base/layer.idx").exists());
}
