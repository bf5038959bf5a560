//! What happens when a call fails: each call of each operation in turn, and then all that follow it too.

use winlayer_core::{Control, ErrorKind, LayerBackend, Result};
use winlayer_driver::{GraphDriver, Settings, StorageOptions};

use crate::double::{Failing, Fixture, Quirk, id};
use crate::plain_tar;

const NO_OPTIONS: StorageOptions = StorageOptions { size: None };

/// Does something on fresh fixtures, failing its first call, then its second, and so on. Gives the calls made each time
/// and how it ended. What must hold after each failure is checked by `check`.
fn fail_each_call(
    prepare: fn(&Fixture),
    act: fn(&dyn GraphDriver) -> Result<()>,
    check: fn(&Fixture),
) -> Vec<String> {
    let mut runs = Vec::new();
    for n in 1.. {
        let run = |failing: Failing| {
            let fixture = Fixture::new(Settings::default());
            prepare(&fixture);
            fixture.double.take_calls();
            fixture.double.fail(failing);
            let result = act(fixture.driver.as_ref());
            fixture.double.fail(Failing::None);
            (fixture, result)
        };
        let (fixture, result) = run(Failing::Nth(n));
        let calls = fixture.double.take_calls();
        let Some(failed) = calls.split_inclusive(')').find(|call| calls.contains(&format!("{call}!"))) else {
            return runs;
        };
        let expected = format!("the double fails {}", failed.trim_start_matches(['!', ' ']));
        if let Err(error) = &result {
            assert!(error.to_string().ends_with(&expected), "{error} / {expected}");
        }
        check(&fixture);
        // The failure that led to it is told even if the clean-up fails as well.
        let (_, from_then_on) = run(Failing::From(n));
        assert_eq!(
            result.as_ref().map_err(ToString::to_string),
            from_then_on.as_ref().map_err(ToString::to_string)
        );
        runs.push(format!("{calls} => {}", if result.is_ok() { "done" } else { "failed" }));
    }
    runs
}

fn nothing(_: &Fixture) {}

fn only_what_was_there(f: &Fixture) {
    assert_eq!(f.home_names(), ["base", "init", "mid"]);
    assert_eq!(f.double.standing(), "");
}

fn tar() -> Vec<u8> {
    plain_tar::write(&[plain_tar::file("Files/x", "123")])
}

#[test]
fn a_failed_create_leaves_nothing_behind() {
    let runs = fail_each_call(
        nothing,
        |driver| driver.create(&id("top"), Some(&id("mid")), &NO_OPTIONS),
        only_what_was_there,
    );
    assert_eq!(runs, ["has_files(mid)! => failed", "has_files(mid) create(top, mid)! => failed"]);
}

#[test]
fn a_failed_expand_destroys_the_writable_layer() {
    let runs = fail_each_call(
        nothing,
        |driver| driver.create_read_write(&id("top"), &id("mid"), &StorageOptions { size: Some(5) }),
        only_what_was_there,
    );
    assert_eq!(
        runs,
        [
            "has_files(mid)! => failed",
            "has_files(mid) create_scratch(top, [mid base])! => failed",
            "has_files(mid) create_scratch(top, [mid base]) expand_scratch(top, 5)! destroy(top) => failed",
        ]
    );
}

#[test]
fn a_chain_that_cannot_be_written_destroys_the_layer() {
    let f = Fixture::new(Settings::default());
    f.double.behave(Quirk::ChainInTheWay);
    f.driver.create(&id("top"), Some(&id("mid")), &NO_OPTIONS).unwrap_err();
    assert_eq!(f.double.take_calls(), "has_files(mid) create(top, mid) destroy(top)");
    f.driver.create_read_write(&id("top"), &id("mid"), &NO_OPTIONS).unwrap_err();
    assert_eq!(f.double.take_calls(), "has_files(mid) create_scratch(top, [mid base]) destroy(top)");
    f.driver.import(&id("top"), Some(&id("mid")), &mut &tar()[..], Control::none()).unwrap_err();
    assert_eq!(f.double.take_calls(), "has_files(mid) create(top, mid) destroy(top)");
    only_what_was_there(&f);
}

#[test]
fn a_parent_that_vanishes_while_a_layer_is_made_destroys_the_layer() {
    let f = Fixture::new(Settings::default());
    f.double.behave(Quirk::LosesParent(f.double.home().folder(&id("init"))));
    let error = f.driver.create(&id("top"), Some(&id("init")), &NO_OPTIONS).unwrap_err();
    assert_eq!(error.to_string(), "layer top: its parent layer init does not exist");
    assert_eq!(f.double.take_calls(), "has_files(init) create(top, init) destroy(top)");
    assert_eq!(f.home_names(), ["base", "mid"]);
}

#[test]
fn a_failed_import_leaves_no_layer() {
    let runs = fail_each_call(
        nothing,
        |driver| driver.import(&id("top"), Some(&id("mid")), &mut &tar()[..], Control::none()).map(drop),
        only_what_was_there,
    );
    assert_eq!(
        runs,
        [
            "has_files(mid)! => failed",
            "has_files(mid) create(top, mid)! => failed",
            "has_files(mid) create(top, mid) import(top, [mid base])! destroy(top) => failed",
        ]
    );
}

#[test]
fn a_failed_apply_diff_leaves_the_layer_with_the_chain_it_had() {
    let runs = fail_each_call(
        nothing,
        |driver| {
            driver.apply_diff(&id("init"), Some(&id("base")), &mut &tar()[..], Control::none()).map(drop)
        },
        |f| {
            only_what_was_there(f);
            assert_eq!(f.driver.layer_chain(&id("init")).unwrap().layers(), [id("mid"), id("base")]);
        },
    );
    assert_eq!(runs, ["has_files(base)! => failed", "has_files(base) import(init, [base])! => failed"]);
}

#[test]
fn a_failed_first_get_is_undone_in_reverse_and_does_not_count() {
    let runs = fail_each_call(
        nothing,
        |driver| driver.get(&id("mid")).map(drop),
        |f| {
            only_what_was_there(f);
            f.driver.put(&id("mid")).unwrap();
            assert_eq!(f.double.take_calls(), "");
            f.driver.get(&id("mid")).unwrap();
            assert_eq!(f.double.take_calls(), "activate(mid) prepare(mid, [base]) mount_path(mid)");
        },
    );
    assert_eq!(
        runs,
        [
            "activate(mid)! => failed",
            "activate(mid) prepare(mid, [base])! deactivate(mid) => failed",
            "activate(mid) prepare(mid, [base]) mount_path(mid)! unprepare(mid) deactivate(mid) => failed",
        ]
    );
}

#[test]
fn a_get_on_a_damaged_chain_calls_nothing_and_does_not_count() {
    let f = Fixture::new(Settings::default());
    let chain = f.double.home().folder(&id("mid")).join("layerchain.json");
    let good = std::fs::read(&chain).unwrap();
    std::fs::write(&chain, [0; 20]).unwrap();
    let error = f.driver.get(&id("mid")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.advice().is_some_and(|advice| advice.contains("JSON array")));
    assert_eq!(f.double.take_calls(), "");
    std::fs::write(&chain, good).unwrap();
    f.driver.get(&id("mid")).unwrap();
    assert_eq!(f.double.standing(), "mid:1+1");
}

#[test]
fn a_failed_put_is_tried_again_by_the_next() {
    let runs = fail_each_call(
        |f| drop(f.driver.get(&id("mid")).unwrap()),
        |driver| driver.put(&id("mid")),
        |f| {
            f.driver.put(&id("mid")).unwrap();
            assert_eq!(f.double.take_calls(), "unprepare(mid) deactivate(mid)");
            only_what_was_there(f);
            f.driver.put(&id("mid")).unwrap();
            assert_eq!(f.double.take_calls(), "");
        },
    );
    assert_eq!(runs, ["unprepare(mid)! => failed", "unprepare(mid) deactivate(mid)! => failed"]);
}

#[test]
fn a_get_after_a_failed_put_mounts_again() {
    let f = Fixture::new(Settings::default());
    f.driver.get(&id("mid")).unwrap();
    f.double.fail(Failing::Nth(2));
    f.driver.put(&id("mid")).unwrap_err();
    f.double.take_calls();
    f.driver.get(&id("mid")).unwrap();
    assert_eq!(f.double.take_calls(), "activate(mid) prepare(mid, [base]) mount_path(mid)");
}

#[test]
fn a_failed_export_prepares_the_layer_again() {
    let runs = fail_each_call(
        |f| drop(f.driver.get(&id("mid")).unwrap()),
        |driver| driver.diff(&id("mid"))?.close(),
        nothing,
    );
    assert_eq!(
        runs,
        [
            "unprepare(mid)! => failed",
            "unprepare(mid) export(mid, [base])! prepare(mid, [base]) => failed",
            "unprepare(mid) export(mid, [base]) prepare(mid, [base])! => failed",
        ]
    );
}

#[test]
fn failed_changes_deactivate_the_layer_and_a_failed_deactivate_loses_no_changes() {
    let runs = fail_each_call(nothing, |driver| driver.changes(&id("mid")).map(drop), nothing);
    assert_eq!(
        runs,
        [
            "activate(mid)! => failed",
            "activate(mid) changes(mid, [base])! deactivate(mid) => failed",
            "activate(mid) changes(mid, [base]) deactivate(mid)! => done",
        ]
    );
}

#[test]
fn a_removal_that_cannot_destroy_is_done_and_left_to_cleanup() {
    let runs = fail_each_call(
        nothing,
        |driver| driver.remove(&id("init")),
        |f| {
            let left = f.home_names();
            if left == ["base", "init", "mid"] {
                return;
            }
            assert_eq!(left, ["base", "init-removing", "mid"]);
            assert!(!f.driver.exists(&id("init")));
            assert_eq!(f.driver.cleanup().unwrap().removed, ["init-removing"]);
            assert_eq!(f.home_names(), ["base", "mid"]);
        },
    );
    assert_eq!(runs, ["release(init)! => failed", "release(init) destroy(init-removing)! => done"]);
}

#[test]
fn restoring_base_images_stops_at_the_first_failure() {
    let runs = fail_each_call(
        |f| {
            f.double.behave(Quirk::BaseImages(vec![winlayer_core::BaseImage {
                name: "nanoserver".to_owned(),
                version: "10.0.14300.1".to_owned(),
                path: "C:\\images\\nano".into(),
            }]));
        },
        |driver| driver.restore_base_images().map(drop),
        only_what_was_there,
    );
    assert_eq!(runs.len(), 2);
    assert!(runs[1].ends_with("! => failed"), "{runs:?}");
}
