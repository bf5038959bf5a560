//! Who holds a mount, and what is left when nobody does.

use std::fs;

use winlayer_core::ErrorKind;
use winlayer_store::{MountRequest, Strategy, Unmounted};

use super::{by, home_with_chain, mount, strategies};
use crate::support::layer;

#[test]
fn a_mount_stays_until_its_last_holder_leaves() {
    let home = home_with_chain();
    let id = layer("top");
    for strategy in strategies(&home) {
        let first = mount(&home, "top", strategy);
        let second = home.store.mount(&id, &MountRequest::default()).unwrap();
        assert_eq!((first.holders, second.holders), (1, 2));
        assert_eq!(first.path, second.path);
        assert_eq!(home.store.unmount(&id).unwrap(), Unmounted::StillHeld(1));
        assert!(first.path.join("new.txt").exists());
        assert_eq!(home.store.unmount(&id).unwrap(), Unmounted::Gone);
        assert!(!first.path.exists());
        assert_eq!(home.store.unmount(&id).unwrap(), Unmounted::WasNot);
        assert_eq!(fs::read_dir(home.path(".mounts")).unwrap().count(), 0, "{strategy}");
    }
}

#[test]
fn a_mount_is_not_made_a_second_time_in_another_way() {
    let home = home_with_chain();
    let id = layer("top");
    mount(&home, "top", Strategy::Copy);
    let elsewhere = MountRequest { at: Some("/nowhere".into()), strategy: None };
    for request in [elsewhere, by(Strategy::Erofs)] {
        let error = home.store.mount(&id, &request).unwrap_err();
        assert!(error.to_string().contains("mounted already"), "{error}");
    }
    assert_eq!(home.store.unmount(&id).unwrap(), Unmounted::Gone);
}

#[test]
fn a_mounted_layer_is_not_removed() {
    let home = home_with_chain();
    let id = layer("top");
    for strategy in strategies(&home) {
        let mounted = mount(&home, "top", strategy);
        let error = home.store.remove(&id).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InUse);
        assert!(error.to_string().contains(&mounted.path.display().to_string()), "{error}");
        home.store.unmount(&id).unwrap();
    }
    home.store.remove(&id).unwrap();
}

#[test]
fn a_mount_in_use_is_not_torn_down() {
    let home = home_with_chain();
    if !strategies(&home).contains(&Strategy::Erofs) {
        return;
    }
    let id = layer("top");
    let mounted = mount(&home, "top", Strategy::Erofs);
    let open = fs::File::open(mounted.path.join("new.txt")).unwrap();
    assert_eq!(home.store.unmount(&id).unwrap_err().kind(), ErrorKind::InUse);
    assert_eq!(home.store.mounted(&id).unwrap().unwrap().holders, 1);
    drop(open);
    assert_eq!(home.store.unmount(&id).unwrap(), Unmounted::Gone);
}

#[test]
fn what_a_crash_or_a_reboot_left_is_cleared_by_the_next_mount() {
    let home = home_with_chain();
    let id = layer("top");
    for strategy in strategies(&home) {
        let mounted = mount(&home, "top", strategy);
        // The mount goes, as in a reboot; the state stays.
        match strategy {
            Strategy::Erofs => {
                rustix::mount::unmount(&mounted.path, rustix::mount::UnmountFlags::empty()).unwrap()
            }
            Strategy::Copy => fs::remove_dir_all(&mounted.path).unwrap(),
        }
        assert_eq!(home.store.mounted(&id).unwrap(), None);
        assert_eq!(mount(&home, "top", strategy).holders, 1);
        home.store.unmount(&id).unwrap();
    }
    for leftover in [&b""[..], b"{", b"{\"strategy\":\"erofs\"}"] {
        fs::create_dir_all(home.path(".mounts")).unwrap();
        fs::write(home.path(".mounts/top.json~"), leftover).unwrap();
        assert_eq!(mount(&home, "top", Strategy::Copy).holders, 1);
        home.store.unmount(&id).unwrap();
    }
}

#[test]
fn a_crowd_that_mounts_and_unmounts_ends_with_nothing_mounted() {
    let home = home_with_chain();
    let id = layer("top");
    for strategy in strategies(&home) {
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..20 {
                        let mounted = home.store.mount(&id, &by(strategy)).unwrap();
                        assert_eq!(fs::read(mounted.path.join("new.txt")).unwrap(), b"new");
                        home.store.unmount(&id).unwrap();
                    }
                });
            }
        });
        assert_eq!(home.store.mounted(&id).unwrap(), None);
        assert_eq!(fs::read_dir(home.path(".mounts")).unwrap().count(), 0, "{strategy}");
    }
}
