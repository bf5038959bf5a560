//! The index: what it gives back, that it is rebuilt at need, and that none, however damaged, does harm.

use std::collections::BTreeSet;
use std::io::Read;

use proptest::prelude::*;
use winlayer_core::union::Descend;
use winlayer_core::{LayerPath, LayerView, RowId, Union};
use winlayer_meta::name;
use winlayer_store::Index;

use crate::support::tar::{Entry, dir, file, junction, layer_tar, link, tar, whiteout};
use crate::support::{TestHome, layer, path};

/// The bytes of the index that an import makes of a tar.
fn index_of(tar: &[u8]) -> Vec<u8> {
    let home = TestHome::in_memory();
    home.import("x", &[], tar).unwrap();
    std::fs::read(home.path("x/layer.idx")).unwrap()
}

fn varied() -> Vec<u8> {
    layer_tar(&[
        dir("Files/Windows").record(
            "MSWINDOWS.rawsd",
            "AQAAgBQAAAAkAAAAAAAAAAAAAAABAgAAAAAABSAAAAAhAgAAAQIAAAAAAAUgAAAAIQIAAA==",
        ),
        file("Files/Windows/a.dll", "content")
            .record("mtime", "1600000000.5")
            .record("MSWINDOWS.fileattr", "32"),
        file("Files/Windows/a.dll:s", "stream"),
        file("Files/Windows/a.dll:t", "other"),
        link("Files/Windows/b.dll", "Files/Windows/A.DLL"),
        link("Files/c.dll", "Files/windows/b.dll"),
        junction("Files/j", r"C:\Windows"),
        whiteout("Files/.wh.gone"),
        whiteout("Files/deep/er/.wh.gone"),
        file("Files/implied/by/this", "x"),
        file("Hives/System_Delta", "regf"),
    ])
}

const HEADER: usize = 92;
const ROW: usize = 86;
/// Where a row has the first row behind its subtree, and its kind.
const ROW_END: usize = 72;
const ROW_KIND: usize = 84;

/// Makes the header's checksum right again after a change.
fn seal(index: &mut [u8]) {
    index[12..16].fill(0);
    let crc = crc32fast::hash(&index[..HEADER]);
    index[12..16].copy_from_slice(&crc.to_le_bytes());
}

fn rows_of(index: &[u8]) -> usize {
    u32::from_le_bytes(index[20..24].try_into().unwrap()) as usize
}

/// Uses everything that an index offers, alone and in unions with another.
fn exercise(index: Index, other: &[u8]) {
    for row in (0..index.len().min(2000)).chain([index.len(), u32::MAX]).map(RowId) {
        let _ = (index.path(row), index.kind(row), index.replaces(row), index.size(row));
        let _ = (index.subtree_end(row), index.link_target(row), index.shows_nothing(row));
        let _ = (index.mode(row), index.mtime(row), index.link_text(row).len());
        assert!(index.records(row).count() < 100_000);
        assert!(index.streams(row).all(|stream| stream.name.len() < 1 << 30));
        assert!(index.children(Some(row)).count() <= index.len() as usize);
    }
    let _ = (index.find(b"Files/Windows/a.dll"), index.body_is_whole(), index.diff_id(), index.file_bytes());
    let rows = index.len() as usize;
    let other = || Index::from_bytes(other.to_vec()).unwrap();
    let shared = std::sync::Arc::new(index);
    for layers in [
        vec![shared.clone()],
        vec![shared.clone(), other().into()],
        vec![other().into(), shared.clone()],
        vec![shared.clone(), shared],
    ] {
        let most = layers.iter().map(|layer| layer.len() as usize).sum::<usize>().max(rows);
        let union = Union::new(layers);
        let mut nodes = 0;
        for root in union.roots() {
            union.walk(&root.path, |node| {
                nodes += 1;
                let _ = union.find(&node.path);
                Descend::Into
            });
        }
        assert!(nodes <= most, "{nodes} nodes of {most} rows");
        let _ = union.find(&path("windows/A.dll"));
        let _ = union.list(&path("windows"));
        assert!(union.changes().len() <= union.layers()[0].len() as usize);
    }
}

/// Names that differ in case and length, some of which fold alike.
fn names() -> impl Strategy<Value = Vec<String>> {
    let part = prop::sample::select(vec!["a", "A", "b", "é", "É", "ɐ", "Ɐ", "long name.txt", "a.b", "z"]);
    let name = prop::collection::vec(part, 1..4).prop_map(|parts| format!("Files/{}", parts.join("/")));
    prop::collection::vec(name, 1..25)
}

/// Entries of a layer that can be: each path once by folding, nothing in a file.
fn layer_entries() -> impl Strategy<Value = Vec<(String, bool)>> {
    names().prop_map(|names| {
        let fold = |text: &str| {
            let mut folded = Vec::new();
            name::write_folded(text.as_bytes(), &mut folded);
            folded
        };
        let mut directories = BTreeSet::new();
        for name in &names {
            for (at, _) in name.match_indices('/') {
                directories.insert(fold(&name[..at]));
            }
        }
        let mut seen = BTreeSet::new();
        names
            .into_iter()
            .filter(|name| seen.insert(fold(name)))
            .map(|name| (name.clone(), directories.contains(&fold(&name))))
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn looking_up_finds_what_a_search_from_front_to_back_finds(entries in layer_entries(), asked in names()) {
        let tar = tar(&entries.iter().map(|(name, is_directory)| {
            if *is_directory { dir(name) } else { file(name, name) }
        }).collect::<Vec<Entry>>());
        let index = Index::from_bytes(index_of(&tar)).unwrap();
        let rows = || (0..index.len()).map(RowId);
        for name in asked.iter().chain(entries.iter().map(|(name, _)| name)) {
            let wanted = name.as_bytes();
            let linear = rows().find(|row| name::fold_eq(index.path(*row), wanted));
            prop_assert_eq!(index.find(wanted), linear, "{}", name);
            let prefixes: Vec<_> = winlayer_core::path::component_ends(wanted)
                .map_while(|end| rows().find(|row| name::fold_eq(index.path(*row), &wanted[..end])))
                .collect();
            prop_assert_eq!(index.find_prefixes(wanted), prefixes, "{}", name);
        }
        for (name, is_directory) in &entries {
            let row = index.find(name.as_bytes()).unwrap();
            prop_assert_eq!(index.path(row), name.as_bytes());
            prop_assert_eq!(index.size(row), if *is_directory { 0 } else { name.len() as u64 });
        }
        for row in rows() {
            let lies_in = |child: RowId, parent: &[u8]| {
                let (path, depth) = (index.path(child), parent.split(|&b| b == b'/').count());
                let ends: Vec<usize> = path.iter().enumerate().filter(|(_, b)| **b == b'/').map(|(at, _)| at).collect();
                ends.get(depth - 1).filter(|end| name::fold_eq(&path[..**end], parent)).map(|_| ends.len() == depth)
            };
            let below: Vec<_> = rows().filter(|child| lies_in(*child, index.path(row)).is_some()).collect();
            let children: Vec<_> = rows().filter(|child| lies_in(*child, index.path(row)) == Some(true)).collect();
            prop_assert_eq!(index.children(Some(row)).collect::<Vec<_>>(), children);
            prop_assert_eq!(index.subtree_end(row).0, row.0 + 1 + below.len() as u32);
        }
    }

    #[test]
    fn records_streams_and_links_come_back_as_the_tar_had_them(
        records in prop::collection::btree_map("[a-z.A-Z]{1,12}", prop::collection::vec(1u8.., 0..300), 0..6),
        streams in prop::collection::btree_map("[a-z]{1,9}", 0usize..700, 0..5),
        target in "[a-z\\\\]{1,150}",
    ) {
        let times = [("mtime", "1600000000.25"), ("LIBARCHIVE.creationtime", "-5.5"), ("MSWINDOWS.fileattr", "32")];
        let mut with_records = file("Files/a", "main");
        for (key, value) in times {
            with_records = with_records.record(key, value);
        }
        for (key, value) in &records {
            with_records = with_records.record(format!("x.{key}"), value);
        }
        let mut entries = vec![dir("Files"), with_records];
        entries.extend(streams.iter().map(|(name, size)| file(format!("Files/a:{name}"), vec![1; *size])));
        entries.push(junction("Files/j", &target));
        entries.push(link("Files/l", "Files/A"));
        let index = Index::from_bytes(index_of(&tar(&entries))).unwrap();
        let row = index.find(b"files/A").unwrap();
        let kept: Vec<_> = index.records(row).map(|(key, value)| (key.to_vec(), value.to_vec())).collect();
        let given = times.iter().map(|(key, value)| (key.as_bytes().to_vec(), value.as_bytes().to_vec()));
        let given: Vec<_> = given
            .chain(records.iter().map(|(key, value)| (format!("x.{key}").into_bytes(), value.clone())))
            .collect();
        prop_assert_eq!(kept, given);
        let found: Vec<_> = index.streams(row).map(|s| (s.name.to_vec(), s.size)).collect();
        let given: Vec<_> = streams.iter().map(|(name, size)| (name.clone().into_bytes(), *size as u64)).collect();
        prop_assert_eq!(found, given);
        prop_assert_eq!(index.link_text(index.find(b"Files/j").unwrap()), target.as_bytes());
        let linked = index.link_target(index.find(b"Files/l").unwrap());
        prop_assert_eq!(linked, Some(winlayer_core::view::LinkTarget::Here(row)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn an_index_with_any_bytes_changed_is_used_without_harm(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..40),
        in_rows in any::<bool>(),
    ) {
        static GOOD: std::sync::LazyLock<Vec<u8>> = std::sync::LazyLock::new(|| index_of(&varied()));
        let mut bytes = GOOD.clone();
        let region = if in_rows { HEADER..HEADER + rows_of(&bytes) * ROW } else { 0..bytes.len() };
        for (at, value) in changes {
            let at = region.start + at.index(region.len());
            bytes[at] = value;
        }
        seal(&mut bytes);
        if let Ok(index) = Index::from_bytes(bytes) {
            exercise(index, &GOOD);
        }
    }

    #[test]
    fn rows_with_arbitrary_ends_are_walked_once_each(ends in prop::collection::vec(0u32..40, 30)) {
        static GOOD: std::sync::LazyLock<Vec<u8>> = std::sync::LazyLock::new(|| {
            index_of(&tar(&(0..29).map(|n| file(format!("Files/{n}"), "")).collect::<Vec<_>>()))
        });
        let mut bytes = GOOD.clone();
        for (row, end) in ends.iter().enumerate() {
            let at = HEADER + row * ROW;
            bytes[at + ROW_END..at + ROW_END + 4].copy_from_slice(&end.to_le_bytes());
            // All of them directories.
            bytes[at + ROW_KIND] = 1;
        }
        seal(&mut bytes);
        exercise(Index::from_bytes(bytes).unwrap(), &GOOD);
    }

    #[test]
    fn arbitrary_bytes_are_no_index_or_are_used_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        static GOOD: std::sync::LazyLock<Vec<u8>> = std::sync::LazyLock::new(|| index_of(&varied()));
        let _ = Index::from_bytes(bytes.clone());
        // With a header that says that all of it is rows and heap.
        let mut index = GOOD[..HEADER].to_vec();
        let rows = bytes.len() / ROW;
        index[20..24].copy_from_slice(&(rows as u32).to_le_bytes());
        index[24..32].fill(0);
        index[36..44].copy_from_slice(&((bytes.len() - rows * ROW) as u64).to_le_bytes());
        index.extend_from_slice(&bytes);
        seal(&mut index);
        exercise(Index::from_bytes(index).unwrap(), &GOOD);
    }
}

#[test]
fn a_view_over_a_damaged_index_reads_what_it_can_and_fails_where_it_cannot() {
    let home = TestHome::in_memory();
    home.import("x", &[], &varied()).unwrap();
    let good = std::fs::read(home.path("x/layer.idx")).unwrap();
    let mut seed = 7u64;
    for _ in 0..300 {
        let mut bytes = good.clone();
        for _ in 0..6 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let at = HEADER + (seed >> 33) as usize % (bytes.len() - HEADER);
            bytes[at] = (seed >> 20) as u8;
        }
        std::fs::remove_file(home.path("x/layer.idx")).unwrap();
        std::fs::write(home.path("x/layer.idx"), bytes).unwrap();
        let view = home.view("x");
        for root in view.roots() {
            view.walk(&root.path, |node| {
                let _ = (view.size(node), view.meta(node));
                let streams = view.stat(node).map(|stat| stat.streams).unwrap_or_default();
                for stream in [None].into_iter().chain(streams.iter().map(|stream| Some(&stream.name[..]))) {
                    if let Ok(reader) = view.open(node, stream) {
                        // A damaged size may say that there is no end.
                        let _ = reader.take(1 << 20).read_to_end(&mut Vec::new());
                    }
                }
                Descend::Into
            });
        }
    }
}

#[test]
fn an_index_that_is_missing_damaged_or_of_another_version_is_made_again_to_the_byte() {
    let home = TestHome::in_memory();
    home.import("base", &[], &layer_tar(&[file("Files/below", "b")])).unwrap();
    let mut entries = vec![link("Files/across", "Files/below")];
    entries.extend(
        (0..200).map(|n| file(format!("Files/d{}/f{n}", n % 7), "x").record("comment", format!("{}", n % 3))),
    );
    home.import("x", &["base"], &layer_tar(&entries)).unwrap();
    let place = home.path("x/layer.idx");
    let good = std::fs::read(&place).unwrap();
    let version_9 = {
        let mut bytes = good.clone();
        bytes[8] = 9;
        seal(&mut bytes);
        bytes
    };
    let damaged_header = [&good[..30], &[1], &good[31..]].concat();
    for bytes in [
        None,
        Some(Vec::new()),
        Some(good[..50].to_vec()),
        Some(good[..good.len() - 1].to_vec()),
        Some([&good[..], b"more"].concat()),
        Some(version_9),
        Some(damaged_header),
        Some(b"not an index".repeat(20)),
    ] {
        std::fs::remove_file(&place).unwrap();
        if let Some(bytes) = bytes {
            std::fs::write(&place, bytes).unwrap();
        }
        assert!(home.store.check_index(&layer("x")).is_err());
        let index = home.store.index(&layer("x")).unwrap();
        assert!(index.find(b"Files/across").is_some());
        assert!(std::fs::read(&place).unwrap() == good);
        assert!(home.store.check_index(&layer("x")).is_ok());
    }
    let left: Vec<_> = std::fs::read_dir(home.path("x")).unwrap().collect();
    assert_eq!(left.len(), 4, "{left:?}");
}

#[test]
fn the_index_does_not_depend_on_how_the_tar_came_in() {
    let tar = varied();
    let plain = index_of(&tar);
    assert!(index_of(&crate::compression::gzip(&tar)) == plain);
    assert!(index_of(&crate::compression::zstd(&tar)) == plain);
}

#[test]
fn the_layout_that_these_tests_change_is_the_one_that_is_written() {
    let index = index_of(&varied());
    assert_eq!(&index[..8], b"WLINDEX\0");
    let good = Index::from_bytes(index.clone()).unwrap();
    assert_eq!(good.len() as usize, rows_of(&index));
    assert!(good.body_is_whole());
    assert_eq!(LayerPath::from_checked(good.path(RowId(0)).to_vec()), path("Files"));
    let first_end = u32::from_le_bytes(index[HEADER + ROW_END..HEADER + ROW_END + 4].try_into().unwrap());
    assert_eq!(first_end, good.subtree_end(RowId(0)).0);
}
