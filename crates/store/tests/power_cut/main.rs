//! Power cuts: everything that the store writes is recorded, and any prefix of it is replayed onto a model of a disk that
//! loses, keeps or tears whatever was not synced. Whatever comes out must hold whole layers only.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    reason = "a test may fail by panicking, works with small numbers, and says how many states it saw"
)]

mod model;
#[path = "../support/mod.rs"]
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::sync::{Arc, Mutex};

use model::{Content, ModelDisk};
use support::tar::{dir, file, layer_tar, link, tar};
use support::{chain, layer};
use winlayer_core::durable::{Disk, Op, Recorder};
use winlayer_core::{Control, LayerBackend};
use winlayer_store::Store;

#[derive(Default)]
struct Log(Mutex<Vec<Op>>);

impl Recorder for Log {
    fn record(&self, op: Op) {
        self.0.lock().unwrap().push(op);
    }
}

/// What the store promises of a layer at a point of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Promise {
    /// It is there, whole.
    Whole,
    /// It is there, and empty or whole.
    EmptyOrWhole,
    /// It is whole, or empty, or not there.
    Anything,
    /// It is not there.
    Gone,
}

/// What was done: all operations, and from which of them on what holds.
struct Story {
    ops: Vec<Op>,
    promises: BTreeMap<&'static str, Vec<(usize, Promise)>>,
}

/// Does things in a recorded home and notes what they promise.
struct Teller {
    log: Arc<Log>,
    store: Store,
    promises: BTreeMap<&'static str, Vec<(usize, Promise)>>,
}

impl Teller {
    fn new(root: &Path) -> Self {
        let log = Arc::new(Log::default());
        let store = Store::on_disk(root.to_owned(), Disk::recorded(log.clone()));
        Self { log, store, promises: BTreeMap::new() }
    }

    /// Does something with a layer, which promises nothing until it is done.
    fn tell(&mut self, id: &'static str, then: Promise, what: impl FnOnce(&Store)) {
        self.promise(id, Promise::Anything);
        what(&self.store);
        self.promise(id, then);
    }

    fn promise(&mut self, id: &'static str, promise: Promise) {
        let now = self.log.0.lock().unwrap().len();
        self.promises.entry(id).or_default().push((now, promise));
    }

    fn end(self) -> Story {
        Story { ops: std::mem::take(&mut *self.log.0.lock().unwrap()), promises: self.promises }
    }
}

fn import(store: &Store, id: &str, parents: &[&str], content: u8) {
    let tar = match parents {
        [] => tar(&[dir("Files"), file("Files/base", [content; 9000])]),
        _ => layer_tar(&[file("Files/a", [content; 7000]), link("Files/l", "Files/base")]),
    };
    store.import_new(&layer(id), &chain(parents), &mut &tar[..], Control::none()).unwrap();
}

/// Layers come in by both ways, are refused, removed, and made again.
fn imports_and_removals(root: &Path) -> Story {
    let mut teller = Teller::new(root);
    teller.tell("base", Promise::Whole, |store| import(store, "base", &[], 1));
    teller.tell("child", Promise::Whole, |store| import(store, "child", &["base"], 2));
    teller.tell("driver", Promise::EmptyOrWhole, |store| {
        store.create(&layer("driver"), Some(&layer("base"))).unwrap();
        store.home().set_chain(&layer("driver"), &chain(&["base"])).unwrap();
    });
    teller.promise("driver", Promise::EmptyOrWhole);
    let content = layer_tar(&[file("Files/d", [3; 8000])]);
    let into = |store: &Store| {
        store.import_into(&layer("driver"), &chain(&["base"]), &mut &content[..], Control::none()).unwrap();
    };
    into(&teller.store);
    teller.promise("driver", Promise::Whole);
    teller.tell("refused", Promise::Gone, |store| {
        let cut = &content[..content.len() - 5000];
        store.import_new(&layer("refused"), &chain(&["base"]), &mut &cut[..], Control::none()).unwrap_err();
    });
    teller.tell("top", Promise::Whole, |store| import(store, "top", &["child", "base"], 7));
    teller.tell("top", Promise::Gone, |store| store.remove(&layer("top")).unwrap());
    teller.tell("child", Promise::Gone, |store| store.remove(&layer("child")).unwrap());
    teller.tell("child", Promise::Whole, |store| import(store, "child", &["base"], 4));
    teller.end()
}

/// An interrupted import and an interrupted removal are cleaned up, and an index is made again.
fn recovery(root: &Path) -> Story {
    let mut teller = Teller::new(root);
    teller.tell("base", Promise::Whole, |store| import(store, "base", &[], 1));
    let disk = teller.store.home().disk().clone();
    disk.create_dir(&root.join(".import-lost")).unwrap();
    disk.write_file(&root.join(".import-lost/layer.tar"), &[5; 3000]).unwrap();
    disk.create_dir(&root.join("old-removing")).unwrap();
    disk.write_file(&root.join("old-removing/layer.tar"), &[6; 3000]).unwrap();
    disk.remove_file(&root.join("base/layer.idx")).unwrap();
    disk.sync_dir(&root.join("base")).unwrap();
    teller.promise("base", Promise::Whole);
    teller.store.index(&layer("base")).unwrap();
    teller.store.cleanup().unwrap();
    teller.tell("child", Promise::Whole, |store| import(store, "child", &["base"], 2));
    teller.end()
}

/// A deterministic source of choices.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> bool {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 & 8 != 0
    }
}

/// States that a power cut after these operations may leave: extremes, each unsynced name by itself lost or kept, and
/// some at random.
fn states_after(disk: &ModelDisk, dice: &mut Dice) -> Vec<Content> {
    let names = disk.unsynced_names();
    let mut states = vec![
        disk.cut(|_| false, || false),
        disk.cut(|_| true, || true),
        disk.cut(|_| true, || false),
        disk.cut(|_| false, || true),
    ];
    for only in 0..names {
        states.push(disk.cut(|name| name != only, || false));
        states.push(disk.cut(|name| name == only, || dice.roll()));
    }
    for _ in 0..24 {
        let kept: Vec<bool> = (0..names).map(|_| dice.roll()).collect();
        states.push(disk.cut(|name| kept[name], || dice.roll()));
    }
    states
}

/// Writes a state out, opens it, and checks what was promised, before and after recovery.
fn check(state: &Content, promised: &BTreeMap<&str, Promise>, index_is_missing: bool) {
    let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let root = dir.path().join("home");
    state.write_to(&root);
    let store = Store::new(root.clone());
    check_layers(&store, promised, index_is_missing);
    let first = store.cleanup().unwrap();
    assert!(first.stuck.is_empty(), "{:?}", first.stuck);
    check_layers(&store, promised, index_is_missing);
    let after = support::snapshot(&root);
    assert!(after.keys().all(|path| {
        let name = path.to_str().unwrap();
        !name.starts_with(".import-") && !name.contains("-removing") && !name.starts_with(".lock-")
    }));
    let second = store.cleanup().unwrap();
    assert!(second.removed.is_empty() && second.stuck.is_empty());
    assert!(support::snapshot(&root) == after, "cleaning up twice is not as once");
}

fn check_layers(store: &Store, promised: &BTreeMap<&str, Promise>, index_is_missing: bool) {
    for id in store.home().layers().unwrap() {
        assert!(promised.contains_key(id.as_str()), "{id} was never made");
    }
    for (id, promise) in promised {
        let (id, exists) = (layer(id), store.home().folder(&layer(id)).is_dir());
        let has_content = store.has_content(&id);
        match promise {
            Promise::Whole => assert!(exists && has_content, "{id} was acknowledged and is not there"),
            Promise::EmptyOrWhole => assert!(exists, "{id} was created and is not there"),
            Promise::Gone => assert!(!exists, "{id} is gone and yet there"),
            Promise::Anything => {}
        }
        if has_content {
            let problems = store.verify(&id, Control::none()).unwrap();
            let is_harmless = |problem: &winlayer_store::Problem| {
                index_is_missing && matches!(problem, winlayer_store::Problem::Index(_))
            };
            assert!(problems.iter().all(is_harmless), "{id} is not whole: {problems:?}");
        }
    }
}

/// Replays a story up to every operation; gives how many different states there were.
fn replay(story: &Story, root: &Path, index_may_be_missing: bool) -> usize {
    let mut disk = ModelDisk::default();
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let mut seen = BTreeSet::new();
    for done in 0..=story.ops.len() {
        if let Some(op) = done.checked_sub(1).and_then(|last| story.ops.get(last)) {
            disk.apply(op, root);
        }
        let promised: BTreeMap<&str, Promise> = story
            .promises
            .iter()
            .map(|(id, promises)| {
                let holds = promises.iter().rev().find(|(from, _)| *from <= done);
                (*id, holds.map_or(Promise::Gone, |(_, promise)| *promise))
            })
            .collect();
        for state in states_after(&disk, &mut dice) {
            let mut hasher = DefaultHasher::new();
            (done, &state).hash(&mut hasher);
            if seen.insert(hasher.finish()) {
                check(&state, &promised, index_may_be_missing);
            }
        }
    }
    seen.len()
}

#[test]
fn a_power_cut_at_any_moment_leaves_whole_layers_only() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("home");
    let states = replay(&imports_and_removals(&root), &root, false);
    println!("{states} states");
    assert!(states > 1000, "{states} states");
}

#[test]
fn a_power_cut_during_recovery_can_be_recovered_from() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("home");
    let states = replay(&recovery(&root), &root, true);
    println!("{states} states");
    assert!(states > 300, "{states} states");
}

#[test]
fn the_model_loses_what_is_not_synced_and_keeps_what_is() {
    let root = Path::new("/h");
    let file = root.join("f");
    let mut disk = ModelDisk::default();
    disk.apply(&Op::CreateDir(root.to_owned()), root);
    disk.apply(&Op::SyncDir(Path::new("/").to_owned()), root);
    disk.apply(&Op::CreateFile(file.clone()), root);
    disk.apply(&Op::Write { path: file.clone(), offset: 0, bytes: vec![1; 1024] }, root);
    assert_eq!(disk.cut(|_| false, || true).files().len(), 0);
    assert_eq!(disk.cut(|_| true, || false).files()["f"], [0; 0]);
    let mut first = true;
    let torn = disk.cut(|_| true, || !std::mem::replace(&mut first, false));
    assert_eq!(torn.files()["f"], [vec![0; 512], vec![1; 512]].concat());
    disk.apply(&Op::SyncFile(file.clone()), root);
    assert_eq!(disk.cut(|_| true, || false).files()["f"], [1; 1024]);
    assert_eq!(disk.cut(|_| false, || false).files().len(), 0, "the name is not durable yet");
    disk.apply(&Op::SyncDir(root.to_owned()), root);
    disk.apply(&Op::Rename { from: file, to: root.join("g") }, root);
    assert_eq!(disk.cut(|_| false, || false).files().into_keys().collect::<Vec<_>>(), ["f"]);
    assert_eq!(disk.cut(|_| true, || false).files().into_keys().collect::<Vec<_>>(), ["g"]);
    disk.apply(&Op::RemoveFile(root.join("g")), root);
    disk.apply(&Op::SyncDir(root.to_owned()), root);
    assert_eq!(disk.cut(|_| true, || true).files().len(), 0);
}
