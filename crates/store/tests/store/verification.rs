//! Damage that verify finds, what it calls it, and what layers take on the disk.

use winlayer_core::{CancelToken, Control, ErrorKind, LayerBackend};
use winlayer_store::Problem;

use crate::support::tar::{dir, file, layer_tar, link, roots};
use crate::support::{TestHome, chain, layer};

fn two_layers() -> TestHome {
    let home = TestHome::with_base(&[dir("Files"), file("Files/below", [3; 100_000])]);
    home.import("top", &["base"], &layer_tar(&[file("Files/a", [1; 5000]), link("Files/l", "Files/below")]))
        .unwrap();
    assert_eq!(home.problems("top"), []);
    home
}

/// Changes a file of a home.
fn change(home: &TestHome, name: &str, how: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = std::fs::read(home.path(name)).unwrap();
    how(&mut bytes);
    // Mapped files are never changed in place.
    std::fs::remove_file(home.path(name)).unwrap();
    std::fs::write(home.path(name), bytes).unwrap();
}

#[test]
fn a_flipped_bit_anywhere_in_the_tar_is_found() {
    let len = two_layers().store.open_tar(&layer("top")).unwrap().metadata().unwrap().len() as usize;
    let home = two_layers();
    for at in [0, 600, 1600, 4000, len - 1] {
        change(&home, "top/layer.tar", |tar| tar[at] ^= 4);
        let problems = home.problems("top");
        assert!(matches!(problems[..], [Problem::TarChanged { .. }]), "{at}: {problems:?}");
        change(&home, "top/layer.tar", |tar| tar[at] ^= 4);
        assert_eq!(home.problems("top"), []);
    }
}

#[test]
fn a_tar_that_lost_or_gained_bytes_is_found() {
    for how in [
        |tar: &mut Vec<u8>| tar.truncate(3000),
        Vec::clear,
        |tar: &mut Vec<u8>| tar.extend_from_slice(b"more"),
    ] {
        let home = two_layers();
        change(&home, "top/layer.tar", how);
        assert!(matches!(home.problems("top")[..], [Problem::TarChanged { .. }]));
    }
}

#[test]
fn a_damaged_tar_without_a_record_of_what_it_was_is_still_found_where_it_is_no_layer() {
    let home = two_layers();
    std::fs::remove_file(home.path("top/layer.json")).unwrap();
    assert!(matches!(home.problems("top")[..], [Problem::Record(_)]));
    change(&home, "top/layer.tar", |tar| tar.truncate(3000));
    assert!(matches!(home.problems("top")[..], [Problem::Record(_), Problem::Tar(_)]));
}

#[test]
fn a_damaged_record_is_found() {
    for how in [
        |json: &mut Vec<u8>| json.truncate(10),
        |json: &mut Vec<u8>| {
            *json = String::from_utf8(json.clone())
                .unwrap()
                .replace("\"entries\":4", "\"entries\":5")
                .into_bytes()
        },
        Vec::clear,
    ] {
        let home = two_layers();
        change(&home, "top/layer.json", how);
        assert!(matches!(home.problems("top")[..], [Problem::Record(_)]), "{:?}", home.problems("top"));
    }
}

#[test]
fn an_index_that_is_missing_damaged_or_anothers_is_found_and_harmless() {
    let home = two_layers();
    std::fs::copy(home.path("base/layer.idx"), home.path("top/layer.idx")).unwrap();
    let problems = home.problems("top");
    assert_eq!(problems, [Problem::Index("differs from its tar".to_owned())]);
    assert!(problems[0].to_string().contains("rebuilt when needed"));
    home.store.rebuild_index(&layer("top")).unwrap();
    assert_eq!(home.problems("top"), []);
    change(&home, "top/layer.idx", |index| {
        let last = index.len() - 1;
        index[last] ^= 1;
    });
    assert!(matches!(home.problems("top")[..], [Problem::Index(_)]));
    change(&home, "top/layer.idx", |index| index[20] ^= 1);
    assert!(matches!(home.problems("top")[..], [Problem::Index(_)]));
    std::fs::remove_file(home.path("top/layer.idx")).unwrap();
    assert!(matches!(home.problems("top")[..], [Problem::Index(_)]));
    home.view("top");
    assert_eq!(home.problems("top"), []);
}

#[test]
fn a_missing_parent_is_named_and_the_layer_itself_is_found_whole() {
    let home = two_layers();
    std::fs::remove_dir_all(home.path("base")).unwrap();
    assert_eq!(home.problems("top"), [Problem::MissingParent(layer("base"))]);
    let error = home.store.view(&layer("top")).err().unwrap();
    assert_eq!(error.to_string(), "layer top: its parent layer base is missing");
}

#[test]
fn a_layer_whose_chain_is_damaged_can_still_be_checked_and_its_index_made_again() {
    for damage in [&b"[\"/a/b/c\""[..], &[0; 40], b"[\"/home/..\"]"] {
        let home = two_layers();
        std::fs::write(home.path("top/layerchain.json"), damage).unwrap();
        assert!(matches!(home.problems("top")[..], [Problem::Chain(_)]), "{:?}", home.problems("top"));
        let before = std::fs::read(home.path("top/layer.idx")).unwrap();
        std::fs::remove_file(home.path("top/layer.idx")).unwrap();
        home.store.rebuild_index(&layer("top")).unwrap();
        assert!(std::fs::read(home.path("top/layer.idx")).unwrap() == before);
    }
}

#[test]
fn a_layer_without_content_has_nothing_to_be_wrong_but_its_chain() {
    let home = two_layers();
    home.store.create(&layer("init"), None).unwrap();
    home.store.home().set_chain(&layer("init"), &chain(&["top", "gone", "base"])).unwrap();
    assert_eq!(home.problems("init"), [Problem::MissingParent(layer("gone"))]);
}

#[test]
fn verifying_what_is_not_there_says_so_and_can_be_cancelled() {
    let home = two_layers();
    let missing = home.store.verify(&layer("none"), Control::none()).unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound);
    let token = CancelToken::new();
    token.cancel();
    let control = Control { progress: &(), cancel: &token };
    assert_eq!(home.store.verify(&layer("top"), control).unwrap_err().kind(), ErrorKind::Cancelled);
}

#[test]
fn a_removal_that_was_interrupted_is_finished_by_cleanup() {
    let home = two_layers();
    std::fs::rename(home.path("top"), home.path("top-removing")).unwrap();
    home.import("top", &["base"], &layer_tar(&roots()[..0])).unwrap();
    home.store.remove(&layer("top")).unwrap();
    assert!(home.path("top-removing").exists(), "the earlier removal is not this one's concern");
    assert_eq!(home.store.cleanup().unwrap().removed, ["top-removing"]);
    assert_eq!(home.store.home().layers().unwrap(), [layer("base")]);
}

#[test]
fn usage_counts_what_is_allocated_each_byte_once() {
    let home = two_layers();
    home.import("other", &["base"], &layer_tar(&[])).unwrap();
    let usage = home.store.usage().unwrap();
    let of = |id: &str| usage.iter().find(|usage| usage.id == layer(id)).unwrap();
    assert!(of("base").exclusive >= 100_000, "{usage:?}");
    assert_eq!((of("base").shared, of("base").used_by), (0, 2));
    assert_eq!(of("top").shared, of("base").exclusive);
    assert_eq!(of("top").used_by, 0);
    let before: u64 = usage.iter().map(|usage| usage.exclusive).sum();
    let other = of("other").exclusive;
    home.store.remove(&layer("other")).unwrap();
    let after: u64 = home.store.usage().unwrap().iter().map(|usage| usage.exclusive).sum();
    assert_eq!(after, before - other);
}
