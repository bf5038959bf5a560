//! Writable layers that are mounted, several at once and after accidents.

use std::fs;
use std::process::Command;

use winlayer_core::ErrorKind;
use winlayer_store::Strategy;

use super::{home_with_chain, mount, strategies};
use crate::support::{chain, layer};

#[test]
fn writable_layers_over_one_chain_are_mounted_at_the_same_time() {
    let home = home_with_chain();
    if !strategies(&home).contains(&Strategy::Erofs) {
        return;
    }
    let names: Vec<String> = (0..8).map(|number| format!("work{number}")).collect();
    for name in &names {
        home.store.create_writable(&layer(name), &chain(&["top", "base"])).unwrap();
    }
    for _ in 0..10 {
        // No image yet: all want it made.
        fs::remove_dir_all(home.path(".chains")).unwrap_or_default();
        std::thread::scope(|scope| {
            for name in &names {
                scope.spawn(|| {
                    let mounted = mount(&home, name, Strategy::Erofs);
                    assert_eq!(fs::read(mounted.path.join("new.txt")).unwrap(), b"new");
                    home.store.unmount(&layer(name)).unwrap();
                });
            }
        });
        assert_eq!(fs::read_dir(home.path(".chains")).unwrap().count(), 1, "one image and nothing else");
    }
}

#[test]
fn a_disk_that_a_killed_diff_left_mounted_does_not_keep_its_layer() {
    let home = home_with_chain();
    if !strategies(&home).contains(&Strategy::Erofs) {
        return;
    }
    let id = layer("work");
    home.store.create_writable(&id, &chain(&["top", "base"])).unwrap();
    home.store.expand_writable(&id, 32 << 20).unwrap();
    let (image, disk) = (home.path("work/scratch/disk.img"), home.path("work/scratch/disk"));
    fs::create_dir_all(&disk).unwrap();
    let left = Command::new("mount").args(["-o", "loop"]).arg(image).arg(&disk).status().unwrap();
    assert!(left.success());
    home.store.remove(&id).unwrap();
    assert!(!home.path("work").exists() && !home.path("work-removing").exists());
}

#[test]
fn a_mounted_layer_is_neither_resized_nor_mounted_while_somebody_works_on_it() {
    let home = home_with_chain();
    if !strategies(&home).contains(&Strategy::Erofs) {
        return;
    }
    let id = layer("work");
    home.store.create_writable(&id, &chain(&["top", "base"])).unwrap();
    mount(&home, "work", Strategy::Erofs);
    assert_eq!(home.store.expand_writable(&id, 32 << 20).unwrap_err().kind(), ErrorKind::InUse);
    home.store.unmount(&id).unwrap();
    let held = home.store.home().lock(&id, winlayer_core::lock::LockMode::Exclusive).unwrap();
    let error = home.store.mount(&id, &super::by(Strategy::Erofs)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Busy, "{error}");
    drop(held);
}
