//! The union of a chain against examples and against a slow model that applies layers one after the other.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a test may fail by panicking"
)]

mod support;

use std::collections::BTreeMap;

use proptest::prelude::*;
use support::{Entry, MemoryLayer};
use winlayer_core::union::{Descend, NodeKind};
use winlayer_core::{ChangeKind, EntryKind, LayerPath, LayerView, Union};

fn path(text: &str) -> LayerPath {
    LayerPath::from_user(text).unwrap()
}

/// All visible paths below Files, with `d`, `f` or `s` and the number of the layer that describes them, 0 being the
/// base.
fn shown(base_first: &[MemoryLayer]) -> Vec<String> {
    let union = Union::new(base_first.iter().rev().cloned().collect());
    let mut lines = Vec::new();
    union.walk(&path("Files"), |node| {
        let kind = match node.kind {
            NodeKind::Directory => 'd',
            NodeKind::File => 'f',
            NodeKind::Symlink => 's',
        };
        lines.push(format!("{kind} {} {}", node.path, base_first.len() - 1 - node.name_at.layer));
        assert_eq!(union.find(&node.path).as_ref(), Some(node), "walk and find disagree");
        Descend::Into
    });
    lines
}

fn changed(base_first: &[MemoryLayer]) -> Vec<String> {
    let union = Union::new(base_first.iter().rev().cloned().collect());
    union.changes().iter().map(ToString::to_string).collect()
}

#[test]
fn a_layer_in_another_case_changes_its_parents_file() {
    let base = MemoryLayer::of(&[
        "d Files",
        "d Files/Windows",
        "d Files/Windows/System32",
        "f Files/Windows/System32/A.dll",
    ]);
    let top = MemoryLayer::of(&[
        "d Files",
        "d Files/windows",
        "d Files/windows/system32",
        "f Files/windows/SYSTEM32/a.DLL",
    ]);
    assert_eq!(
        shown(&[base, top]),
        ["d Files 1", "d Files/Windows 1", "d Files/Windows/System32 1", "f Files/Windows/System32/a.DLL 1"]
    );
}

#[test]
fn a_whiteout_hides_what_is_below_and_what_lies_in_it() {
    let base = MemoryLayer::of(&["d Files", "d Files/d", "f Files/d/x", "f Files/y"]);
    let top = MemoryLayer::of(&["w Files/D", "f Files/new"]);
    assert_eq!(shown(&[base.clone(), top.clone()]), ["d Files 0", "f Files/new 1", "f Files/y 0"]);
    assert_eq!(changed(&[base, top]), ["D Files/D", "A Files/new"]);
}

#[test]
fn a_directory_that_is_removed_and_made_again_starts_empty() {
    let base = MemoryLayer::of(&["d Files", "d Files/d", "f Files/d/old"]);
    let top = MemoryLayer::of(&["w Files/d", "d Files/d", "f Files/d/new"]);
    assert_eq!(shown(&[base.clone(), top.clone()]), ["d Files 0", "d Files/d 1", "f Files/d/new 1"]);
    assert_eq!(changed(&[base, top]), ["C Files/d", "A Files/d/new"]);
}

#[test]
fn files_and_directories_replace_each_other() {
    let base = MemoryLayer::of(&["d Files", "d Files/a", "f Files/a/x", "f Files/b"]);
    let mid = MemoryLayer::of(&["f Files/a", "d Files/b", "f Files/b/y"]);
    let top = MemoryLayer::of(&["d Files/a", "f Files/a/z"]);
    assert_eq!(
        shown(&[base.clone(), mid.clone()]),
        ["d Files 0", "f Files/a 1", "d Files/b 1", "f Files/b/y 1"]
    );
    assert_eq!(
        shown(&[base, mid, top]),
        ["d Files 0", "d Files/a 2", "f Files/a/z 2", "d Files/b 1", "f Files/b/y 1"]
    );
}

#[test]
fn a_directory_without_an_entry_is_described_by_the_layer_below() {
    let base = MemoryLayer::of(&["d Files", "d Files/Program_Files"]);
    let top = MemoryLayer::of(&["f Files/program_files/x"]);
    assert_eq!(shown(&[base, top]), ["d Files 0", "d Files/Program_Files 0", "f Files/Program_Files/x 1"]);
}

#[test]
fn a_whiteout_in_a_directory_that_nobody_has_makes_no_directory() {
    let base = MemoryLayer::of(&["d Files"]);
    let top = MemoryLayer::of(&["w Files/ghost/x"]);
    assert_eq!(shown(&[base, top]), ["d Files 0"]);
}

#[test]
fn a_hard_link_finds_its_file_in_the_layer_or_in_those_below() {
    let base = MemoryLayer::of(&["d Files", "f Files/target 7"]);
    let top = MemoryLayer::of(&[
        "l Files/across Files/TARGET",
        "f Files/own 5",
        "l Files/here Files/own",
        "l Files/lost Files/none",
    ]);
    let union = Union::new(vec![top, base]);
    let size =
        |name: &str| union.find(&path(name)).map(|node| union.layers()[node.at.layer].size(node.at.row));
    assert_eq!(size("across"), Some(7));
    assert_eq!(size("here"), Some(5));
    assert_eq!(size("lost"), None);
    let across = union.find(&path("across")).unwrap();
    assert_eq!((across.name_at.layer, across.at.layer), (0, 1));
    let sizes: Vec<_> = union.changes().iter().map(|change| change.size).collect();
    assert_eq!(sizes, [7, 5, 0, 5]);
}

#[test]
fn links_through_hundreds_of_layers_are_followed_to_the_file() {
    let mut layers = vec![MemoryLayer::of(&["f Files/0 9"])];
    layers.extend((1..600).map(|n| MemoryLayer::of(&[&format!("l Files/{n} Files/{}", n - 1)])));
    let union = Union::new(layers.into_iter().rev().collect());
    let node = union.find(&path("599")).unwrap();
    assert_eq!((node.name_at.layer, node.at.layer), (0, 599));
}

#[test]
fn a_base_layer_adds_everything() {
    let base = MemoryLayer::of(&["d Files", "f Files/a 3"]);
    let union = Union::new(vec![base]);
    assert!(union.changes().iter().all(|change| change.kind == ChangeKind::Add));
}

#[test]
fn listing_shows_direct_children_in_order() {
    let base = MemoryLayer::of(&["d Files", "d Files/b", "f Files/b/x", "f Files/a.txt", "f Files/B-side"]);
    let union = Union::new(vec![base]);
    let names: Vec<_> = union.list(&path("/")).iter().map(|node| node.path.to_string()).collect();
    assert_eq!(names, ["Files/a.txt", "Files/b", "Files/B-side"]);
    assert!(union.list(&path("a.txt")).is_empty());
    assert!(union.find(&path("a.txt/x")).is_none());
}

/// What a path of the model is: spelling of its last component, kind, layer.
type Model = BTreeMap<String, (String, char, usize)>;

/// Applies one layer to the model: whiteouts first, as the OCI image specification says, then the rest.
fn apply(model: &mut Model, number: usize, entries: &[(char, String)]) {
    let below =
        |model: &mut Model, key: &str| model.retain(|other, _| !other.starts_with(&format!("{key}/")));
    for (_, path) in entries.iter().filter(|(kind, _)| *kind == 'w') {
        let key = path.to_uppercase();
        below(model, &key);
        model.remove(&key);
    }
    for (kind, path) in entries.iter().filter(|(kind, _)| *kind != 'w') {
        let key = path.to_uppercase();
        let name = path.rsplit('/').next().unwrap().to_owned();
        let old = model.get(&key).cloned();
        if *kind == 'd' {
            let spelled = old.filter(|(_, kind, _)| *kind == 'd').map_or(name, |(name, _, _)| name);
            model.insert(key, (spelled, 'd', number));
        } else {
            below(model, &key);
            model.insert(key, (name, 'f', number));
        }
    }
}

/// A layer as a list of distinct paths in which directories come before what lies in them and files hold nothing.
fn layer_strategy() -> impl Strategy<Value = Vec<(char, String)>> {
    let name = prop::sample::select(vec!["a", "A", "b", "Bb", "c.d"]);
    let entry = (prop::sample::select(vec!['d', 'f', 'w']), prop::collection::vec(name, 1..4));
    prop::collection::vec(entry, 0..12).prop_map(|wanted| {
        let mut kinds: BTreeMap<String, (char, String)> = BTreeMap::new();
        kinds.insert("FILES".to_owned(), ('d', "Files".to_owned()));
        for (kind, names) in wanted {
            let mut spelled = "Files".to_owned();
            for (depth, name) in names.iter().enumerate() {
                let in_file = kinds.get(&spelled.to_uppercase()).is_some_and(|(kind, _)| *kind != 'd');
                if in_file {
                    break;
                }
                spelled = format!("{spelled}/{name}");
                let kind = if depth + 1 == names.len() { kind } else { 'd' };
                let entry = kinds.entry(spelled.to_uppercase()).or_insert_with(|| (kind, spelled.clone()));
                spelled.clone_from(&entry.1);
            }
        }
        kinds.into_values().collect()
    })
}

proptest! {
    #[test]
    fn the_union_is_what_applying_layer_after_layer_gives(layers in prop::collection::vec(layer_strategy(), 1..5)) {
        let mut model = Model::new();
        let mut views = Vec::new();
        for (number, entries) in layers.iter().enumerate() {
            apply(&mut model, number, entries);
            let mut view = MemoryLayer::default();
            for (kind, path) in entries {
                let kind = match kind {
                    'd' => EntryKind::Directory,
                    'f' => EntryKind::File,
                    _ => EntryKind::Whiteout,
                };
                view.add(Entry { path: path.clone(), kind, link: None, replaces: false, size: 0 });
            }
            views.push(view);
        }
        let mut shown: Vec<_> = shown(&views);
        let mut expected: Vec<_> = model
            .iter()
            .map(|(key, (_, kind, layer))| {
                let ends = key.match_indices('/').map(|(at, _)| at).chain([key.len()]);
                let spelled: Vec<_> = ends.map(|end| model[&key[..end]].0.clone()).collect();
                format!("{kind} {} {layer}", spelled.join("/"))
            })
            .collect();
        shown.sort();
        expected.sort();
        prop_assert_eq!(shown, expected);
    }
}
