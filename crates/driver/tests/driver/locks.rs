//! Which locks a driver takes, and that it never waits for one.

use winlayer_core::lock::LockMode;
use winlayer_core::{Control, ErrorKind, LayerBackend};
use winlayer_driver::{Settings, StorageOptions};

use crate::double::{Fixture, id};
use crate::plain_tar;

const NO_OPTIONS: StorageOptions = StorageOptions { size: None };

#[test]
fn a_layer_that_somebody_works_on_is_not_removed() {
    let f = Fixture::new(Settings::default());
    for mode in [LockMode::Shared, LockMode::Exclusive] {
        let held = f.double.home().lock(&id("init"), mode).unwrap();
        assert_eq!(f.driver.remove(&id("init")).unwrap_err().kind(), ErrorKind::Busy);
        assert_eq!(f.double.take_calls(), "");
        drop(held);
    }
    f.driver.remove(&id("init")).unwrap();
}

#[test]
fn nothing_is_built_on_a_layer_that_is_being_removed() {
    let f = Fixture::new(Settings::default());
    let _held = f.double.home().lock(&id("mid"), LockMode::Exclusive).unwrap();
    let (top, mid) = (id("top"), id("mid"));
    let tar = plain_tar::write(&[]);
    let results = [
        f.driver.create(&top, Some(&mid), &NO_OPTIONS),
        f.driver.create_read_write(&top, &mid, &NO_OPTIONS),
        f.driver.import(&top, Some(&mid), &mut &tar[..], Control::none()).map(drop),
        f.driver.apply_diff(&id("init"), Some(&mid), &mut &tar[..], Control::none()).map(drop),
    ];
    for result in results {
        assert_eq!(result.unwrap_err().kind(), ErrorKind::Busy);
    }
    assert_eq!(f.double.take_calls(), "");
}

#[test]
fn several_layers_are_built_on_one_parent_at_the_same_time() {
    let f = Fixture::new(Settings::default());
    let _other = f.double.home().lock(&id("mid"), LockMode::Shared).unwrap();
    f.driver.create(&id("top"), Some(&id("mid")), &NO_OPTIONS).unwrap();
}

#[test]
fn removing_and_building_at_once_never_leaves_a_layer_without_its_parent() {
    let f = Fixture::new(Settings::default());
    let driver = f.driver.as_ref();
    for round in 0..50 {
        let (parent, child) = (id(&format!("p{round}")), id(&format!("c{round}")));
        let tar = plain_tar::write(&[plain_tar::file("Files/x", "1")]);
        driver.import(&parent, None, &mut &tar[..], Control::none()).unwrap();
        let (removed, built) = std::thread::scope(|scope| {
            let removing = scope.spawn(|| driver.remove(&parent));
            let building = scope.spawn(|| driver.create(&child, Some(&parent), &NO_OPTIONS));
            (removing.join().unwrap(), building.join().unwrap())
        });
        assert!(!(removed.is_ok() && built.is_ok()), "round {round}");
        assert_eq!(driver.exists(&parent), removed.is_err());
        assert_eq!(driver.exists(&child), built.is_ok());
    }
}
