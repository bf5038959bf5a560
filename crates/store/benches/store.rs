//! How fast an index is made and looked into, and how fast chains of layers are merged.
#![allow(clippy::unwrap_used, reason = "a benchmark stops at what it does not expect")]

use std::sync::{Arc, LazyLock};

use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use tempfile::TempDir;
use winlayer_core::union::Descend;
use winlayer_core::{Chain, Control, LayerId, LayerPath, LayerView, Union};
use winlayer_store::{ChainView, Index, Store};
use winlayer_tar::{Header, Writer};

const ENTRIES: usize = 100_000;
const LAYERS: usize = 10;

/// A home with one layer of 100,000 files and nine small ones on top of it, each of which changes a thousand of them.
static HOME: LazyLock<(TempDir, Store)> = LazyLock::new(|| {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::new(dir.path().join("home"));
    import(&store, 0, &tar(ENTRIES, 0));
    (1..LAYERS).for_each(|number| import(&store, number, &tar(1000, number)));
    (dir, store)
});
static TAR: LazyLock<Vec<u8>> = LazyLock::new(|| tar(ENTRIES, 0));

fn main() {
    divan::main();
}

fn id(number: usize) -> LayerId {
    LayerId::new(format!("layer{number}")).unwrap()
}

fn import(store: &Store, number: usize, tar: &[u8]) {
    let chain = Chain::new((0..number).rev().map(id).collect());
    store.import_new(&id(number), &chain, &mut &tar[..], Control::none()).unwrap();
}

fn name(number: usize) -> String {
    format!("Files/Program Files/product/directory {:04}/file {:07}.dll", number % 1000, number)
}

/// A layer of files whose names all layers share.
fn tar(files: usize, layer: usize) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new());
    for number in 0..files {
        let header = Header::file(name(number * layer.max(1)), 0)
            .with_record("LIBARCHIVE.creationtime", format!("1600000000.{:07}", number + 1))
            .with_record("MSWINDOWS.fileattr", "32");
        writer.write_header(&header).unwrap();
    }
    writer.finish().unwrap()
}

fn top() -> ChainView {
    HOME.1.view(&id(LAYERS - 1)).unwrap()
}

fn indexes() -> Vec<Arc<Index>> {
    (0..LAYERS).rev().map(|number| HOME.1.index(&id(number)).unwrap()).collect()
}

/// Parses the tar of the large layer and makes its index, as when one is missing.
#[divan::bench]
fn make_the_index_of_100000_entries(bencher: Bencher<'_, '_>) {
    let bytes = BytesCount::new(TAR.len());
    bencher.counter(bytes).counter(ItemsCount::new(ENTRIES)).bench(|| HOME.1.rebuild_index(&id(0)).unwrap());
}

#[divan::bench]
fn open_an_index_of_100000_entries(bencher: Bencher<'_, '_>) {
    LazyLock::force(&HOME);
    bencher.bench(|| HOME.1.index(&id(0)).unwrap());
}

#[divan::bench]
fn look_up_a_path_among_100000(bencher: Bencher<'_, '_>) {
    let index = HOME.1.index(&id(0)).unwrap();
    let names: Vec<String> =
        (0..1000).map(|n| name(n * 97).to_uppercase().replacen("FILES", "Files", 1)).collect();
    bencher
        .counter(ItemsCount::new(names.len()))
        .bench(|| names.iter().filter(|name| index.find(name.as_bytes()).is_some()).count());
}

#[divan::bench]
fn find_a_path_in_10_layers(bencher: Bencher<'_, '_>) {
    let view = top();
    let paths: Vec<LayerPath> = (0..1000).map(|n| LayerPath::from_user(&name(n * 97)).unwrap()).collect();
    bencher
        .counter(ItemsCount::new(paths.len()))
        .bench(|| paths.iter().filter(|path| view.find(path).is_ok()).count());
}

#[divan::bench]
fn walk_10_layers(bencher: Bencher<'_, '_>) {
    let view = top();
    let files = LayerPath::from_user("/").unwrap();
    bencher.counter(ItemsCount::new(ENTRIES)).bench(|| {
        let mut nodes = 0;
        view.walk(&files, |_| {
            nodes += 1;
            Descend::Into
        });
        nodes
    });
}

/// What the top layer changes against the nine below.
#[divan::bench]
fn changes_of_1000_files_against_9_layers(bencher: Bencher<'_, '_>) {
    let union = Union::new(indexes());
    bencher.counter(ItemsCount::new(1000usize)).bench(|| union.changes().len());
}

/// From nothing to the metadata of one file, as a `stat` on the command line does it.
#[divan::bench]
fn stat_of_one_path_from_a_cold_start(bencher: Bencher<'_, '_>) {
    LazyLock::force(&HOME);
    let path = LayerPath::from_user(&name(777)).unwrap();
    bencher.bench(|| {
        let view = top();
        view.stat(&view.find(&path).unwrap()).unwrap()
    });
}
