//! The contract that every engine is held to, as seen from outside the driver: the historical behaviour and what is
//! better. `holds_over!` makes a test of each promise for one engine.

use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;

use tempfile::TempDir;
use winlayer_core::{ChangeKind, Control, ErrorKind, LayerBackend, LayerId};
use winlayer_driver::{DriverKind, GraphDriver, Settings, StorageOptions, open};

use crate::plain_tar::{self, directory, file};

/// A driver over an engine with an empty home, and the tars of two layers.
pub(crate) struct Bench {
    _dir: TempDir,
    driver: Box<dyn GraphDriver>,
    backend: Arc<dyn LayerBackend>,
    base: Vec<u8>,
    /// On `base`: changes a file, removes one, brings a new one.
    child: Vec<u8>,
}

impl Bench {
    pub(crate) fn new(engine: impl Fn(PathBuf) -> Arc<dyn LayerBackend>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let backend = engine(dir.path().join("home"));
        let driver = open(DriverKind::WindowsFilter, Settings::default(), |_| Ok(backend.clone())).unwrap();
        let base = [directory("Files"), file("Files/gone.txt", "12345"), file("Files/kept.txt", "old")];
        let child = [
            directory("Files"),
            file("Files/.wh.gone.txt", ""),
            file("Files/kept.txt", "changed"),
            file("Files/new.txt", "brand new"),
        ];
        Self { _dir: dir, driver, backend, base: plain_tar::write(&base), child: plain_tar::write(&child) }
    }

    /// Imports `base` and `top` on it.
    fn import_both(&self) {
        self.driver.import(&id("base"), None, &mut &self.base[..], Control::none()).unwrap();
        self.driver.import(&id("top"), Some(&id("base")), &mut &self.child[..], Control::none()).unwrap();
    }

    fn create(&self, name: &str, parent: Option<&str>) -> winlayer_core::Result<()> {
        self.driver.create(&id(name), parent.map(id).as_ref(), &StorageOptions::default())
    }

    fn chain_of(&self, name: &str) -> Vec<String> {
        let chain = self.driver.layer_chain(&id(name)).unwrap();
        chain.layers().iter().map(LayerId::to_string).collect()
    }

    fn tar_of(&self, name: &str) -> Vec<u8> {
        let mut tar = Vec::new();
        self.driver.diff(&id(name)).unwrap().read_to_end(&mut tar).unwrap();
        tar
    }

    fn names_in_home(&self) -> usize {
        std::fs::read_dir(self.backend.home().root()).unwrap().count()
    }
}

fn id(name: &str) -> LayerId {
    LayerId::new(name).unwrap()
}

pub(crate) fn a_created_layer_exists_until_it_is_removed(bench: &Bench) {
    assert!(!bench.driver.exists(&id("a")));
    bench.create("a", None).unwrap();
    assert!(bench.driver.exists(&id("a")));
    bench.driver.remove(&id("a")).unwrap();
    assert!(!bench.driver.exists(&id("a")));
    assert_eq!(bench.names_in_home(), 0);
}

pub(crate) fn the_home_is_made_with_the_first_layer_for_its_owner_alone(bench: &Bench) {
    let home = bench.backend.home().root();
    bench.driver.remove(&id("a")).unwrap();
    assert!(bench.driver.cleanup().unwrap().removed.is_empty());
    assert!(!home.exists());
    bench.create("a", None).unwrap();
    assert!(home.is_dir());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(home.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    }
}

pub(crate) fn a_missing_parent_is_refused_before_anything_is_made(bench: &Bench) {
    let missing = id("missing");
    let results = [
        bench.create("a", Some("missing")),
        bench.driver.create_read_write(&id("a"), &missing, &StorageOptions::default()),
        bench.driver.import(&id("a"), Some(&missing), &mut &bench.child[..], Control::none()).map(drop),
    ];
    for result in results {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.to_string().contains("missing"), "{error}");
    }
    assert_eq!(bench.names_in_home(), 0);
}

pub(crate) fn a_second_layer_with_the_same_id_is_refused_and_the_first_is_kept(bench: &Bench) {
    bench.import_both();
    let again = bench.driver.import(&id("top"), Some(&id("base")), &mut &bench.base[..], Control::none());
    assert_eq!(again.unwrap_err().kind(), ErrorKind::AlreadyExists);
    assert_eq!(bench.create("top", None).unwrap_err().kind(), ErrorKind::AlreadyExists);
    assert!(bench.tar_of("top") == bench.child);
    assert_eq!(bench.chain_of("top"), ["base"]);
}

pub(crate) fn the_chain_of_a_layer_is_its_parent_and_what_is_below_that(bench: &Bench) {
    bench.import_both();
    bench.create("upper", Some("top")).unwrap();
    assert_eq!(bench.chain_of("base"), [""; 0]);
    assert_eq!(bench.chain_of("top"), ["base"]);
    assert_eq!(bench.chain_of("upper"), ["top", "base"]);
}

pub(crate) fn a_parent_without_content_is_left_out_of_the_chain(bench: &Bench) {
    bench.import_both();
    bench.create("container-init", Some("top")).unwrap();
    bench.create("container", Some("container-init")).unwrap();
    assert_eq!(bench.chain_of("container"), ["top", "base"]);
}

pub(crate) fn a_layer_cannot_be_its_own_parent(bench: &Bench) {
    bench.create("a", None).unwrap();
    let own = bench.driver.apply_diff(&id("a"), Some(&id("a")), &mut &bench.base[..], Control::none());
    assert_eq!(own.unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(bench.chain_of("a"), [""; 0]);
}

pub(crate) fn apply_diff_fills_a_created_layer_and_gives_the_sum_of_its_file_sizes(bench: &Bench) {
    bench.create("base", None).unwrap();
    bench.create("top", Some("base")).unwrap();
    let (base, none) = (id("base"), Control::none());
    assert_eq!(bench.driver.apply_diff(&base, None, &mut &bench.base[..], none).unwrap(), 8);
    // The base had no content when `top` was created, so it was left out of its chain; now it is in it.
    assert_eq!(bench.chain_of("top"), [""; 0]);
    assert_eq!(bench.driver.apply_diff(&id("top"), Some(&base), &mut &bench.child[..], none).unwrap(), 16);
    assert_eq!(bench.chain_of("top"), ["base"]);
    assert!(bench.tar_of("top") == bench.child);
}

pub(crate) fn a_cut_off_tar_leaves_a_created_layer_empty_and_makes_no_new_one(bench: &Bench) {
    bench.create("top", None).unwrap();
    let cut = &bench.base[..700];
    bench.driver.apply_diff(&id("top"), None, &mut &cut[..], Control::none()).unwrap_err();
    bench.driver.import(&id("new"), None, &mut &cut[..], Control::none()).unwrap_err();
    assert!(!bench.driver.exists(&id("new")));
    assert_eq!(bench.names_in_home(), 1);
    assert!(!bench.backend.has_files(&id("top")).unwrap());
    bench.driver.apply_diff(&id("top"), None, &mut &bench.base[..], Control::none()).unwrap();
}

pub(crate) fn a_diff_gives_back_the_tar_that_was_imported(bench: &Bench) {
    bench.import_both();
    assert!(bench.tar_of("base") == bench.base);
    assert!(bench.tar_of("top") == bench.child);
}

pub(crate) fn changes_tell_present_paths_from_deleted_ones(bench: &Bench) {
    bench.import_both();
    let changes = bench.driver.changes(&id("top")).unwrap();
    let kind = |path: &str| changes.iter().find(|c| c.path.as_bytes() == path.as_bytes()).map(|c| c.kind);
    assert_eq!(kind("Files/gone.txt"), Some(ChangeKind::Delete));
    assert_eq!(kind("Files/kept.txt"), Some(ChangeKind::Modify));
    // An engine that cannot tell says that a new path was modified.
    assert!(matches!(kind("Files/new.txt"), Some(ChangeKind::Add | ChangeKind::Modify)));
}

pub(crate) fn the_size_of_a_diff_is_the_sum_of_its_changed_files(bench: &Bench) {
    bench.import_both();
    assert_eq!(bench.driver.diff_size(&id("top")).unwrap(), 16);
    assert_eq!(bench.driver.diff_size(&id("base")).unwrap(), 8);
}

pub(crate) fn a_file_of_the_diff_is_opened_by_its_name_in_the_tar(bench: &Bench) {
    bench.import_both();
    let getter = bench.driver.diff_getter(&id("top")).unwrap();
    let mut text = String::new();
    getter.get(b"Files/kept.txt").unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(text, "changed");
    let kind = |name: &[u8]| getter.get(name).map(drop).unwrap_err().kind();
    assert_eq!(kind(b"Files/gone.txt"), ErrorKind::NotFound);
    assert_eq!(kind(b"../base/Files/kept.txt"), ErrorKind::InvalidInput);
}

pub(crate) fn removing_a_layer_that_is_missing_is_success(bench: &Bench) {
    bench.driver.remove(&id("never")).unwrap();
    bench.create("a", None).unwrap();
    bench.driver.remove(&id("never")).unwrap();
    assert_eq!(bench.names_in_home(), 1);
}

pub(crate) fn a_layer_that_others_are_built_on_is_not_removed_and_they_are_named(bench: &Bench) {
    bench.import_both();
    bench.create("other", Some("base")).unwrap();
    let error = bench.driver.remove(&id("base")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InUse);
    assert!(error.to_string().contains("other, top"), "{error}");
    for name in ["other", "top", "base"] {
        bench.driver.remove(&id(name)).unwrap();
    }
    assert_eq!(bench.names_in_home(), 0);
}

pub(crate) fn a_parent_cannot_be_removed_while_a_layer_is_imported_on_it(bench: &Bench) {
    bench.import_both();
    let mut tar = Meddler { tar: &bench.child, driver: bench.driver.as_ref(), seen: None };
    bench.driver.import(&id("new"), Some(&id("base")), &mut tar, Control::none()).unwrap();
    assert_eq!(tar.seen, Some(ErrorKind::Busy));
    assert_eq!(bench.chain_of("new"), ["base"]);
}

/// A tar whose reader tries to remove the layer `base` while it is read.
struct Meddler<'a> {
    tar: &'a [u8],
    driver: &'a dyn GraphDriver,
    seen: Option<ErrorKind>,
}

impl Read for Meddler<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.seen.is_none() {
            self.seen = self.driver.remove(&id("base")).err().map(|e| e.kind());
        }
        self.tar.read(buffer)
    }
}

pub(crate) fn metadata_have_folder_backend_size_and_chain_length(bench: &Bench) {
    bench.import_both();
    let facts = bench.driver.metadata(&id("top")).unwrap();
    let fact = |key| facts.iter().find(|(k, _)| *k == key).map(|(_, value)| value.as_str()).unwrap();
    assert_eq!(fact("dir"), bench.backend.home().folder(&id("top")).to_str().unwrap());
    assert_eq!(fact("backend"), bench.backend.name());
    assert_eq!(fact("chain"), "1");
    assert!(fact("size").parse::<u64>().unwrap() >= 16);
    assert_eq!(bench.driver.metadata(&id("never")).unwrap_err().kind(), ErrorKind::NotFound);
}

pub(crate) fn status_begins_with_the_driver_and_goes_on_with_the_engine(bench: &Bench) {
    let status = bench.driver.status();
    assert_eq!(status[0], ("Driver".to_owned(), "windowsfilter".to_owned()));
    assert_eq!(status[1..], bench.backend.status());
    assert!(bench.driver.additional_image_stores().is_empty());
}

/// Makes a test of every promise, over the engine of the [`Bench`] that this function makes.
macro_rules! holds_over {
    ($bench:expr) => {
        $crate::contract::holds_over! { $bench =>
            a_created_layer_exists_until_it_is_removed
            the_home_is_made_with_the_first_layer_for_its_owner_alone
            a_missing_parent_is_refused_before_anything_is_made
            a_second_layer_with_the_same_id_is_refused_and_the_first_is_kept
            the_chain_of_a_layer_is_its_parent_and_what_is_below_that
            a_parent_without_content_is_left_out_of_the_chain
            a_layer_cannot_be_its_own_parent
            apply_diff_fills_a_created_layer_and_gives_the_sum_of_its_file_sizes
            a_cut_off_tar_leaves_a_created_layer_empty_and_makes_no_new_one
            a_diff_gives_back_the_tar_that_was_imported
            changes_tell_present_paths_from_deleted_ones
            the_size_of_a_diff_is_the_sum_of_its_changed_files
            a_file_of_the_diff_is_opened_by_its_name_in_the_tar
            removing_a_layer_that_is_missing_is_success
            a_layer_that_others_are_built_on_is_not_removed_and_they_are_named
            a_parent_cannot_be_removed_while_a_layer_is_imported_on_it
            metadata_have_folder_backend_size_and_chain_length
            status_begins_with_the_driver_and_goes_on_with_the_engine
        }
    };
    ($bench:expr => $($promise:ident)*) => {
        $(#[test]
        fn $promise() {
            $crate::contract::$promise(&$bench());
        })*
    };
}
pub(crate) use holds_over;
