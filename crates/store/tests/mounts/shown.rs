//! What a mount shows.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use winlayer_core::union::{Descend, NodeKind};
use winlayer_store::{MountRequest, Strategy};

use super::{home, home_with_chain, mount, strategies};
use crate::support::tar::{dir, file, pax_sparse, tar};
use crate::support::{layer, path};

#[test]
fn every_strategy_shows_what_the_view_shows() {
    let home = home_with_chain();
    for strategy in strategies(&home) {
        for id in ["base", "top"] {
            let mounted = mount(&home, id, strategy);
            let seen = walk(&mounted.path);
            let view = home.view(id);
            let mut expected = Vec::new();
            view.walk(&path("/"), |node| {
                let name = String::from_utf8(node.path.in_files().unwrap().to_vec()).unwrap();
                let mtime = view.stat(node).unwrap().times.modified.to_unix().secs;
                let what = match node.kind {
                    NodeKind::Directory => "directory".to_owned(),
                    NodeKind::Symlink => "link".to_owned(),
                    NodeKind::File => {
                        let mut content = Vec::new();
                        std::io::Read::read_to_end(&mut view.open(node, None).unwrap(), &mut content)
                            .unwrap();
                        format!("file {content:?}")
                    }
                };
                let time = if node.kind == NodeKind::Symlink { 0 } else { mtime };
                expected.push(format!("{name}: {what}, {time}"));
                Descend::Into
            });
            expected.sort();
            assert_eq!(seen, expected, "{id} by {strategy}");
            home.store.unmount(&layer(id)).unwrap();
        }
    }
}

/// Every path below a mount with what is there, sorted.
fn walk(top: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![top.to_owned()];
    while let Some(at) = open.pop() {
        let metadata = fs::symlink_metadata(&at).unwrap();
        let name = at.strip_prefix(top).unwrap().to_str().unwrap().to_owned();
        let what = if metadata.is_symlink() {
            "link".to_owned()
        } else if metadata.is_dir() {
            open.extend(fs::read_dir(&at).unwrap().map(|entry| entry.unwrap().path()));
            "directory".to_owned()
        } else {
            format!("file {:?}", fs::read(&at).unwrap())
        };
        let time = if metadata.is_symlink() { 0 } else { metadata.mtime() };
        found.push(format!("{name}: {what}, {time}"));
    }
    found.sort();
    found
}

#[test]
fn links_resolve_inside_the_mount_in_any_case_and_lead_nowhere_outside() {
    let home = home_with_chain();
    for strategy in strategies(&home) {
        let mounted = mount(&home, "top", strategy);
        let at = |name: &str| mounted.path.join(name);
        assert_eq!(fs::read_link(at("Documents and Settings")).unwrap().as_os_str(), "Users");
        assert_eq!(fs::read_link(at("Windows/relative")).unwrap().as_os_str(), "System32/A.DLL");
        assert_eq!(fs::read(at("Windows/relative")).unwrap(), b"new");
        assert!(fs::metadata(at("elsewhere")).is_err());
        home.store.unmount(&layer("top")).unwrap();
    }
}

#[test]
fn hard_links_share_an_inode() {
    let home = home_with_chain();
    for strategy in strategies(&home) {
        let mounted = mount(&home, "base", strategy);
        let inode = |name: &str| fs::metadata(mounted.path.join(name)).unwrap().ino();
        assert_eq!(inode("Windows/a.dll"), inode("Windows/System32/a.dll"));
        home.store.unmount(&layer("base")).unwrap();
    }
}

#[test]
fn windows_metadata_are_extended_attributes_with_the_records_own_values() {
    let home = home_with_chain();
    for strategy in strategies(&home) {
        let mounted = mount(&home, "base", strategy);
        let file = mounted.path.join("Windows/System32/a.dll");
        let mut value = [0; 64];
        let len = rustix::fs::getxattr(&file, "user.LIBARCHIVE.creationtime", &mut value).unwrap();
        assert_eq!(&value[..len], b"1600000000.5", "{strategy}");
        if rustix::process::geteuid().is_root() {
            let link = mounted.path.join("Documents and Settings");
            let len = rustix::fs::lgetxattr(&link, "trusted.linkpath", &mut value).unwrap();
            assert_eq!(&value[..len], br"C:\users", "{strategy}");
        }
        home.store.unmount(&layer("base")).unwrap();
    }
}

#[test]
fn sparse_files_are_filled_out() {
    let home = home();
    let sparse = pax_sparse("Files/sparse", 4096, &[(1024, &[1; 512]), (3072, &[2; 512])]);
    home.import("sparse", &[], &tar(&[dir("Files"), sparse])).unwrap();
    let mut expected = vec![0; 4096];
    expected[1024..1536].fill(1);
    expected[3072..3584].fill(2);
    for strategy in strategies(&home) {
        let mounted = mount(&home, "sparse", strategy);
        assert!(fs::read(mounted.path.join("sparse")).unwrap() == expected, "{strategy}");
        home.store.unmount(&layer("sparse")).unwrap();
    }
}

#[test]
fn a_damaged_or_missing_image_is_made_again() {
    let home = home_with_chain();
    if !strategies(&home).contains(&Strategy::Erofs) {
        return;
    }
    let images = home.path(".chains");
    let image = || fs::read_dir(&images).unwrap().next().unwrap().unwrap().path();
    mount(&home, "top", Strategy::Erofs);
    home.store.unmount(&layer("top")).unwrap();
    let whole = fs::read(image()).unwrap();
    let damages: [fn(&Path); 3] = [
        |path| fs::remove_file(path).unwrap(),
        |path| fs::write(path, b"short").unwrap(),
        |path| fs::File::options().write(true).open(path).unwrap().set_len(2048).unwrap(),
    ];
    for damage in damages {
        damage(&image());
        let mounted = mount(&home, "top", Strategy::Erofs);
        assert_eq!(fs::read(mounted.path.join("new.txt")).unwrap(), b"new");
        home.store.unmount(&layer("top")).unwrap();
        assert!(fs::read(image()).unwrap() == whole);
    }
    home.store.remove(&layer("top")).unwrap();
    assert_eq!(fs::read_dir(&images).unwrap().count(), 0, "removing a layer removes its chain's image");
}

#[test]
fn a_mount_can_be_put_anywhere_that_is_empty() {
    let home = home_with_chain();
    for strategy in strategies(&home) {
        let place = home.path("../place");
        let request = MountRequest { at: Some(place.clone()), strategy: Some(strategy) };
        let mounted = home.store.mount(&layer("top"), &request).unwrap();
        assert_eq!(mounted.path, place);
        assert_eq!(fs::read(place.join("new.txt")).unwrap(), b"new");
        home.store.unmount(&layer("top")).unwrap();
        fs::create_dir_all(place.join("full")).unwrap();
        let error = home.store.mount(&layer("top"), &request).unwrap_err();
        assert!(error.to_string().contains("is not empty"), "{error}");
        fs::remove_dir_all(&place).unwrap();
    }
}

#[test]
fn six_hundred_layers_are_one_mount() {
    let home = home();
    if !strategies(&home).contains(&Strategy::Erofs) {
        return;
    }
    let import = |number: usize, below: &[&str]| {
        let (id, name) = (format!("layer{number}"), format!("Files/{number}.txt"));
        home.import(&id, below, &tar(&[dir("Files"), file(&name, &id)])).unwrap();
    };
    std::thread::scope(|scope| {
        for first in 0..8 {
            scope.spawn(move || (first..599).step_by(8).for_each(|number| import(number, &[])));
        }
    });
    let below: Vec<String> = (0..599).rev().map(|number| format!("layer{number}")).collect();
    import(599, &below.iter().map(String::as_str).collect::<Vec<_>>());
    let mounted = mount(&home, "layer599", Strategy::Erofs);
    for number in [0, 300, 599] {
        let content = fs::read(mounted.path.join(format!("{number}.txt"))).unwrap();
        assert_eq!(content, format!("layer{number}").as_bytes());
    }
    let names = fs::read_dir(&mounted.path)
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().file_name().as_bytes().ends_with(b".txt"));
    assert_eq!(names.count(), 600);
    home.store.unmount(&layer("layer599")).unwrap();
}
