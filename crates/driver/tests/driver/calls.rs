//! Which calls a driver makes, with which arguments, in which order, when nothing fails.

use std::io::Read;
use std::path::PathBuf;

use winlayer_core::{BaseImage, Control, ErrorKind, LayerBackend};
use winlayer_driver::{DiffRule, DriverKind, Settings, StorageOptions, WritableRule, open};

use crate::double::{Fixture, Quirk, id};
use crate::plain_tar;

const NO_OPTIONS: StorageOptions = StorageOptions { size: None };

fn default() -> Fixture {
    Fixture::new(Settings::default())
}

fn by_init_suffix() -> Fixture {
    Fixture::new(Settings { writable: WritableRule::ByInitSuffix, ..Settings::default() })
}

#[test]
fn a_read_only_layer_is_created_with_its_parent() {
    let f = default();
    f.driver.create(&id("top"), Some(&id("mid")), &NO_OPTIONS).unwrap();
    assert_eq!(f.double.take_calls(), "has_files(mid) create(top, mid)");
    f.driver.create(&id("other"), None, &NO_OPTIONS).unwrap();
    assert_eq!(f.double.take_calls(), "create(other, -)");
}

#[test]
fn a_writable_layer_is_created_on_its_chain_and_expanded_if_a_size_is_asked_for() {
    let f = default();
    f.driver.create_read_write(&id("a"), &id("mid"), &NO_OPTIONS).unwrap();
    assert_eq!(f.double.take_calls(), "has_files(mid) create_scratch(a, [mid base])");
    f.driver.create_read_write(&id("b"), &id("mid"), &StorageOptions { size: Some(0) }).unwrap();
    assert_eq!(f.double.take_calls(), "has_files(mid) create_scratch(b, [mid base])");
    let sized = StorageOptions::parse([("size", "1k")]).unwrap();
    f.driver.create_read_write(&id("c"), &id("mid"), &sized).unwrap();
    assert_eq!(f.double.take_calls(), "has_files(mid) create_scratch(c, [mid base]) expand_scratch(c, 1024)");
}

#[test]
fn the_default_size_goes_for_writable_layers_that_say_nothing() {
    let f = Fixture::new(Settings { defaults: StorageOptions { size: Some(7) }, ..Settings::default() });
    f.driver.create_read_write(&id("a"), &id("base"), &NO_OPTIONS).unwrap();
    assert_eq!(f.double.take_calls(), "has_files(base) create_scratch(a, [base]) expand_scratch(a, 7)");
    f.driver.create_read_write(&id("b"), &id("base"), &StorageOptions { size: Some(0) }).unwrap();
    assert_eq!(f.double.take_calls(), "has_files(base) create_scratch(b, [base])");
    f.driver.create(&id("c"), Some(&id("base")), &NO_OPTIONS).unwrap();
    assert_eq!(f.double.take_calls(), "has_files(base) create(c, base)");
}

#[test]
fn a_writable_layer_skips_a_parent_without_content() {
    let f = default();
    f.driver.create_read_write(&id("a"), &id("init"), &NO_OPTIONS).unwrap();
    assert_eq!(f.double.take_calls(), "has_files(init) create_scratch(a, [mid base])");
}

#[test]
fn a_writable_layer_without_any_content_below_it_is_refused() {
    let f = default();
    f.driver.create(&id("empty-init"), None, &NO_OPTIONS).unwrap();
    f.double.take_calls();
    let error = f.driver.create_read_write(&id("a"), &id("empty-init"), &NO_OPTIONS).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert_eq!(f.double.take_calls(), "has_files(empty-init)");
    let f = by_init_suffix();
    f.driver.create(&id("empty-init"), None, &NO_OPTIONS).unwrap();
    f.double.take_calls();
    let error = f.driver.create(&id("a"), Some(&id("empty-init")), &NO_OPTIONS).unwrap_err();
    assert_eq!(error.to_string(), "layer a: a writable layer needs a parent with content");
    assert_eq!(f.double.take_calls(), "");
}

#[test]
fn by_the_rule_of_2016_the_suffix_of_the_parent_makes_a_layer_writable() {
    let f = by_init_suffix();
    f.driver.create(&id("c-init"), Some(&id("mid")), &NO_OPTIONS).unwrap();
    f.driver.create(&id("c"), Some(&id("c-init")), &StorageOptions { size: Some(9) }).unwrap();
    assert_eq!(
        f.double.take_calls(),
        "create(c-init, mid) create_scratch(c, [mid base]) expand_scratch(c, 9)"
    );
    // `init` has no content, but only the suffix counts.
    f.driver.create(&id("d"), Some(&id("init")), &NO_OPTIONS).unwrap();
    assert_eq!(f.driver.layer_chain(&id("d")).unwrap().layers(), [id("init"), id("mid"), id("base")]);
}

#[test]
fn an_import_makes_and_fills_the_layer_in_one_step_of_the_engine() {
    let f = default();
    let tar = plain_tar::write(&[plain_tar::file("Files/x", "123")]);
    let imported = f.driver.import(&id("top"), Some(&id("mid")), &mut &tar[..], Control::none()).unwrap();
    assert_eq!((imported.entries, imported.file_bytes), (1, 3));
    assert_eq!(f.double.take_calls(), "has_files(mid) create(top, mid) import(top, [mid base])");
}

#[test]
fn apply_diff_imports_on_the_chain_of_the_parent() {
    let f = default();
    let tar = plain_tar::write(&[plain_tar::file("Files/x", "123")]);
    let size = f.driver.apply_diff(&id("init"), Some(&id("base")), &mut &tar[..], Control::none()).unwrap();
    assert_eq!(size, 3);
    assert_eq!(f.double.take_calls(), "has_files(base) import(init, [base])");
    assert_eq!(f.driver.layer_chain(&id("init")).unwrap().layers(), [id("base")]);
    let missing = f.driver.apply_diff(&id("never"), None, &mut &tar[..], Control::none()).unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound);
}

#[test]
fn the_first_get_mounts_the_last_put_unmounts_and_in_between_nothing_is_called() {
    let f = default();
    let mid = id("mid");
    assert_eq!(f.driver.get(&mid).unwrap(), PathBuf::from("/mnt/mid"));
    assert_eq!(f.double.take_calls(), "activate(mid) prepare(mid, [base]) mount_path(mid)");
    assert_eq!(f.driver.get(&mid).unwrap(), PathBuf::from("/mnt/mid"));
    f.driver.put(&mid).unwrap();
    assert_eq!(f.double.take_calls(), "");
    f.driver.put(&mid).unwrap();
    assert_eq!(f.double.take_calls(), "unprepare(mid) deactivate(mid)");
    assert_eq!(f.double.standing(), "");
}

#[test]
fn one_put_too_many_is_harmless() {
    let f = default();
    f.driver.put(&id("mid")).unwrap();
    f.driver.get(&id("mid")).unwrap();
    f.driver.put(&id("mid")).unwrap();
    f.double.take_calls();
    f.driver.put(&id("mid")).unwrap();
    assert_eq!(f.double.take_calls(), "");
    f.driver.get(&id("mid")).unwrap();
    assert_eq!(f.double.standing(), "mid:1+1");
}

#[test]
fn without_a_mount_path_get_gives_the_folder_of_the_layer_every_time() {
    let f = default();
    f.double.behave(Quirk::NoMountPath);
    let folder = f.double.home().folder(&id("mid"));
    assert_eq!(f.driver.get(&id("mid")).unwrap(), folder);
    assert_eq!(f.driver.get(&id("mid")).unwrap(), folder);
}

#[test]
fn gets_are_counted_by_the_id_that_the_engine_knows() {
    let f = default();
    f.driver.create(&id("alias"), None, &NO_OPTIONS).unwrap();
    f.driver.set_alternate_id(&id("alias"), &id("mid")).unwrap();
    f.double.take_calls();
    assert_eq!(f.driver.get(&id("alias")).unwrap(), PathBuf::from("/mnt/mid"));
    f.driver.get(&id("mid")).unwrap();
    f.driver.put(&id("alias")).unwrap();
    assert_eq!(f.double.take_calls(), "activate(mid) prepare(mid, [base]) mount_path(mid)");
    f.driver.put(&id("mid")).unwrap();
    assert_eq!(f.double.take_calls(), "unprepare(mid) deactivate(mid)");
}

#[test]
fn an_alternate_id_is_what_the_engine_is_called_with_and_children_are_built_on() {
    let f = default();
    f.driver.create(&id("alias"), None, &NO_OPTIONS).unwrap();
    f.driver.set_alternate_id(&id("alias"), &id("mid")).unwrap();
    f.double.take_calls();
    assert_eq!(f.driver.resolve_id(&id("alias")).unwrap(), id("mid"));
    assert!(f.driver.exists(&id("alias")));
    f.driver.create(&id("top"), Some(&id("alias")), &NO_OPTIONS).unwrap();
    assert_eq!(f.double.take_calls(), "exists(mid) has_files(mid) create(top, mid)");
    assert_eq!(f.driver.layer_chain(&id("top")).unwrap().layers(), [id("mid"), id("base")]);
    assert_eq!(f.driver.set_alternate_id(&id("never"), &id("mid")).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn a_diff_unprepares_exports_and_prepares_again_when_it_is_closed() {
    let f = default();
    f.driver.get(&id("mid")).unwrap();
    f.double.take_calls();
    let mut diff = f.driver.diff(&id("mid")).unwrap();
    assert_eq!(f.double.take_calls(), "unprepare(mid) export(mid, [base])");
    let mut tar = Vec::new();
    diff.tar().copy_to(&mut tar).unwrap();
    assert!(plain_tar::read(&tar).is_some());
    assert_eq!(f.double.take_calls(), "");
    diff.close().unwrap();
    assert_eq!(f.double.take_calls(), "prepare(mid, [base])");
    assert_eq!(f.double.standing(), "mid:1+1");
}

#[test]
fn a_diff_that_is_dropped_half_read_prepares_again_once() {
    let f = default();
    f.driver.get(&id("mid")).unwrap();
    let mut diff = f.driver.diff(&id("mid")).unwrap();
    diff.read_exact(&mut [0; 100]).unwrap();
    f.double.take_calls();
    drop(diff);
    assert_eq!(f.double.take_calls(), "prepare(mid, [base])");
    assert_eq!(f.double.standing(), "mid:1+1");
}

#[test]
fn a_diff_that_fails_while_it_is_read_prepares_again_once() {
    let f = default();
    f.double.behave(Quirk::TornExport);
    f.driver.get(&id("mid")).unwrap();
    let mut diff = f.driver.diff(&id("mid")).unwrap();
    diff.read_to_end(&mut Vec::new()).unwrap_err();
    f.double.take_calls();
    diff.close().unwrap();
    assert_eq!(f.double.take_calls(), "prepare(mid, [base])");
}

#[test]
fn a_layer_that_was_put_during_a_diff_is_not_prepared_again() {
    let f = default();
    f.driver.get(&id("mid")).unwrap();
    let diff = f.driver.diff(&id("mid")).unwrap();
    f.driver.put(&id("mid")).unwrap();
    f.double.take_calls();
    diff.close().unwrap();
    assert_eq!(f.double.take_calls(), "");
    assert_eq!(f.double.standing(), "");
}

#[test]
fn an_engine_that_cannot_mount_can_be_diffed_all_the_same() {
    let f = default();
    f.double.behave(Quirk::CannotMount);
    f.driver.diff(&id("mid")).unwrap().close().unwrap();
    assert_eq!(f.double.take_calls(), "unprepare(mid) export(mid, [base]) prepare(mid, [base])");
}

#[test]
fn by_the_rule_of_2016_a_diff_of_an_unmounted_layer_activates_and_deactivates() {
    let f = Fixture::new(Settings { diff: DiffRule::ActivateIfUnmounted, ..Settings::default() });
    f.driver.diff(&id("mid")).unwrap().close().unwrap();
    assert_eq!(f.double.take_calls(), "activate(mid) export(mid, [base]) deactivate(mid)");
    f.driver.get(&id("mid")).unwrap();
    f.double.take_calls();
    f.driver.diff(&id("mid")).unwrap().close().unwrap();
    assert_eq!(f.double.take_calls(), "unprepare(mid) export(mid, [base]) prepare(mid, [base])");
}

#[test]
fn changes_are_read_between_activate_and_deactivate() {
    let f = default();
    f.driver.changes(&id("mid")).unwrap();
    assert_eq!(f.double.take_calls(), "activate(mid) changes(mid, [base]) deactivate(mid)");
    assert_eq!(f.driver.diff_size(&id("mid")).unwrap(), 3);
    assert_eq!(f.double.take_calls(), "activate(mid) changes(mid, [base]) deactivate(mid)");
}

#[test]
fn a_file_getter_asks_the_engine_and_leaves_the_layer_as_it_stands() {
    let f = default();
    let getter = f.driver.diff_getter(&id("mid")).unwrap();
    getter.get(b"Files/a.txt").unwrap();
    assert_eq!(f.double.take_calls(), "open_file(mid, Files/a.txt)");
}

#[test]
fn remove_releases_renames_and_destroys_under_the_new_name() {
    let f = default();
    f.driver.remove(&id("init")).unwrap();
    assert_eq!(f.double.take_calls(), "release(init) destroy(init-removing)");
    assert_eq!(f.home_names(), ["base", "mid"]);
}

#[test]
fn an_id_can_be_removed_again_while_what_is_left_of_it_is_stuck() {
    let f = default();
    f.double.behave(Quirk::Stuck("init-removing"));
    f.driver.remove(&id("init")).unwrap();
    f.driver.create(&id("init"), None, &NO_OPTIONS).unwrap();
    f.double.take_calls();
    f.driver.remove(&id("init")).unwrap();
    assert_eq!(f.double.take_calls(), "release(init) destroy(init.1-removing)");
    assert_eq!(f.home_names(), ["base", "init-removing", "mid"]);
}

#[test]
fn removing_an_id_with_an_alternate_removes_the_layer_and_the_note() {
    let f = default();
    f.driver.create(&id("alias"), None, &NO_OPTIONS).unwrap();
    f.driver.set_alternate_id(&id("alias"), &id("init")).unwrap();
    f.double.take_calls();
    f.driver.remove(&id("alias")).unwrap();
    assert_eq!(
        f.double.take_calls(),
        "release(init) destroy(init-removing) release(alias) destroy(alias-removing)"
    );
    assert_eq!(f.home_names(), ["base", "mid"]);
}

#[test]
fn a_mounted_layer_is_not_removed() {
    let f = default();
    f.driver.get(&id("init")).unwrap();
    assert_eq!(f.driver.remove(&id("init")).unwrap_err().kind(), ErrorKind::InUse);
    f.driver.put(&id("init")).unwrap();
    f.driver.remove(&id("init")).unwrap();
}

#[test]
fn cleanup_destroys_what_removals_left_and_one_stuck_folder_does_not_stop_the_others() {
    let f = default();
    let root = f.double.home().root();
    for name in ["a-removing", "b-removing", "c-removing"] {
        std::fs::create_dir(root.join(name)).unwrap();
    }
    f.double.behave(Quirk::Stuck("b-removing"));
    let report = f.driver.cleanup().unwrap();
    assert_eq!(f.double.take_calls(), "destroy(a-removing) destroy(b-removing) destroy(c-removing)");
    assert_eq!(report.removed, ["a-removing", "c-removing"]);
    assert_eq!(report.stuck.len(), 1);
    assert_eq!(report.stuck[0].0, "b-removing");
    assert!(report.stuck[0].1.to_string().contains("is open"));
    assert_eq!(f.home_names(), ["b-removing", "base", "init", "mid"]);
}

#[test]
fn existence_that_cannot_be_told_reads_as_no_and_the_reason_can_be_asked_for() {
    let f = default();
    assert!(f.driver.exists(&id("mid")));
    std::fs::write(f.double.home().folder(&id("mid")).join("layerId"), "../mid").unwrap();
    assert!(!f.driver.exists(&id("mid")));
    assert_eq!(f.driver.try_exists(&id("mid")).unwrap_err().kind(), ErrorKind::Corrupt);
}

#[test]
fn windowsdiff_makes_the_same_calls_and_passes_its_flavour_on() {
    let f = default();
    let driver = open(DriverKind::WindowsDiff, Settings::default(), |flavour| {
        assert_eq!(flavour as i32, 0);
        Ok(f.double.clone())
    });
    let driver = driver.unwrap();
    driver.create(&id("top"), Some(&id("mid")), &NO_OPTIONS).unwrap();
    assert_eq!(f.double.take_calls(), "has_files(mid) create(top, mid)");
    assert_eq!(driver.name(), "windowsdiff");
    assert_eq!(driver.status()[0].1, "windowsdiff");
}

fn base_image(name: &str, version: &str, path: &str) -> BaseImage {
    BaseImage { name: name.to_owned(), version: version.to_owned(), path: path.into() }
}

#[test]
fn base_images_become_layers_that_lead_to_their_folders() {
    let f = default();
    f.double.behave(Quirk::BaseImages(vec![
        base_image(
            "windowsservercore",
            "10.0.14300.1000",
            "C:\\ProgramData\\Microsoft\\Windows\\Images\\CBase",
        ),
        base_image("nanoserver", "10.0.14300", "/images/nano"),
    ]));
    let images = f.driver.restore_base_images().unwrap();
    // The first 32 bytes of the SHA-384 of "CBase" and of "nano".
    let ids = images.iter().map(|image| image.id.as_str()).collect::<Vec<_>>();
    assert_eq!(ids, [CBASE, NANO]);
    assert_eq!(f.double.take_calls(), format!("base_images() create({CBASE}, -) create({NANO}, -)"));
    assert_eq!(images[0].os_version.as_deref(), Some("10.0.14300"));
    assert_eq!(images[0].os_features, ["win32k"]);
    assert_eq!(images[1].os_version, None);
    assert!(images[1].os_features.is_empty());
    assert_eq!(f.driver.resolve_id(&images[0].id).unwrap(), id("CBase"));
    assert_eq!(f.driver.restore_base_images().unwrap(), images);
    assert_eq!(f.double.take_calls(), "base_images()");
}

const CBASE: &str = "63e2433456b3b07e8c3bb35ba2597ae696854203309a4d5375bf4e20470476d1";
const NANO: &str = "e2b9b3a6cba4b35343824f47ed9e059b35dbbd5c1c933a69b9eeeabd4fd48577";
