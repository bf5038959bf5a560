//! Several threads and processes on one home: who wins, who is told what, and that nothing is left in the way.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use winlayer_core::lock::LockMode;
use winlayer_core::{Control, ErrorKind, Result};
use winlayer_store::Store;

use crate::support::readers::waiting;
use crate::support::tar::{file, layer_tar, roots};
use crate::support::{TestHome, chain, layer, path};

fn content() -> Vec<u8> {
    layer_tar(&[file("Files/a", vec![b'x'; 300_000])])
}

fn import(store: &Store, id: &str, parents: &[&str]) -> Result<()> {
    store.import_new(&layer(id), &chain(parents), &mut &content()[..], Control::none()).map(drop)
}

/// Names in the home that begin with a dot: locks, staging folders.
fn hidden(home: &TestHome) -> Vec<String> {
    let names =
        std::fs::read_dir(home.root()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with('.')).collect()
}

const CHILD_HOME: &str = "WINLAYER_TEST_CHILD_HOME";
const CHILD_ID: &str = "WINLAYER_TEST_CHILD_ID";

/// Not a test by itself: what the processes of the tests below run.
#[test]
fn a_child_process_imports_the_layer_that_it_was_started_for() {
    let (Some(home), Ok(id)) = (std::env::var_os(CHILD_HOME), std::env::var(CHILD_ID)) else { return };
    match import(&Store::new(home.into()), &id, &["base"]) {
        Ok(()) => println!("outcome: imported"),
        Err(error) => println!("outcome: {:?}", error.kind()),
    }
}

fn start_child(home: &TestHome, id: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "concurrency::a_child_process_imports_the_layer_that_it_was_started_for",
            "--nocapture",
        ])
        .env(CHILD_HOME, home.root())
        .env(CHILD_ID, id)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

fn outcome(child: Child) -> String {
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let found = text.split_once("outcome: ").and_then(|(_, rest)| rest.lines().next());
    found.unwrap_or_else(|| panic!("{text}")).to_owned()
}

#[test]
fn of_two_imports_of_one_id_the_second_is_told_that_the_first_is_at_work() {
    let home = TestHome::new();
    let tar = content();
    let (mut reader, has_begun, go_on) = waiting(&tar, 2000);
    thread::scope(|scope| {
        let first =
            scope.spawn(|| home.store.import_new(&layer("x"), &chain(&[]), &mut reader, Control::none()));
        has_begun.recv().unwrap();
        let error = import(&home.store, "x", &[]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Busy);
        assert_eq!(error.to_string(), "layer x: import: another process is working on this layer");
        assert!(!home.store.has_content(&layer("x")));
        go_on.send(()).unwrap();
        first.join().unwrap().unwrap();
    });
    assert_eq!(home.problems("x"), []);
    assert_eq!(hidden(&home), [""; 0]);
}

#[test]
fn of_many_imports_of_one_id_one_wins_and_the_others_are_told() {
    for _ in 0..5 {
        let home = TestHome::in_memory();
        let results: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| import(&home.store, "x", &[]))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
        for error in results.into_iter().filter_map(Result::err) {
            assert!(matches!(error.kind(), ErrorKind::Busy | ErrorKind::AlreadyExists), "{error}");
        }
        assert_eq!(home.problems("x"), []);
        assert_eq!(hidden(&home), [""; 0]);
    }
}

#[test]
fn many_ids_over_one_parent_are_imported_at_once_and_none_is_in_anothers_way() {
    let home = TestHome::with_base(&roots());
    thread::scope(|scope| {
        for thread in 0..6 {
            let home = &home;
            scope.spawn(move || {
                for round in 0..6 {
                    import(&home.store, &format!("t{thread}-{round}"), &["base"]).unwrap();
                }
            });
        }
    });
    assert_eq!(home.store.home().layers().unwrap().len(), 37);
    assert_eq!(home.problems("t5-5"), []);
    assert_eq!(hidden(&home), [""; 0]);
}

#[test]
fn processes_share_a_home_as_threads_do() {
    let home = TestHome::with_base(&roots());
    let same: Vec<_> = (0..3).map(|_| start_child(&home, "same")).collect();
    let different: Vec<_> = (0..3).map(|n| start_child(&home, &format!("own{n}"))).collect();
    let mut same: Vec<_> = same.into_iter().map(outcome).collect();
    same.sort();
    assert_eq!(same.iter().filter(|outcome| *outcome == "imported").count(), 1, "{same:?}");
    assert!(same.iter().all(|outcome| ["imported", "Busy", "AlreadyExists"].contains(&outcome.as_str())));
    assert!(different.into_iter().map(outcome).all(|outcome| outcome == "imported"));
    for id in ["same", "own0", "own1", "own2"] {
        assert_eq!(home.problems(id), []);
    }
    assert_eq!(hidden(&home), [""; 0]);
}

#[test]
fn a_layer_cannot_be_removed_while_another_is_built_on_it_or_was() {
    let home = TestHome::with_base(&roots());
    let tar = content();
    let (mut reader, has_begun, go_on) = waiting(&tar, 2000);
    thread::scope(|scope| {
        let child = scope.spawn(|| {
            home.store.import_new(&layer("child"), &chain(&["base"]), &mut reader, Control::none())
        });
        has_begun.recv().unwrap();
        assert_eq!(home.store.remove(&layer("base")).unwrap_err().kind(), ErrorKind::Busy);
        go_on.send(()).unwrap();
        child.join().unwrap().unwrap();
    });
    let error = home.store.remove(&layer("base")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InUse);
    assert_eq!(error.to_string(), "layer base: other layers are built on it: child");
}

#[test]
fn whoever_comes_first_a_child_never_stays_without_its_parent() {
    for round in 0..30 {
        let home = TestHome::in_memory();
        home.import("base", &[], &layer_tar(&[])).unwrap();
        let (imported, removed) = thread::scope(|scope| {
            let import = scope.spawn(|| import(&home.store, "child", &["base"]));
            let remove = scope.spawn(|| {
                thread::sleep(std::time::Duration::from_micros(round * 97));
                home.store.remove(&layer("base"))
            });
            (import.join().unwrap(), remove.join().unwrap())
        });
        assert!(imported.is_err() || removed.is_err(), "a child was made of a parent that was removed");
        let names = home.store.home().layers().unwrap();
        assert!(!names.contains(&layer("child")) || names.contains(&layer("base")));
    }
}

#[test]
fn readers_see_a_whole_layer_or_none_while_it_comes_and_goes() {
    let home = TestHome::in_memory();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let (mut seen, mut missed) = (0, 0);
            while !stop.load(Ordering::Relaxed) {
                match read_all(&home.store) {
                    Ok(content) => {
                        assert!(content == vec![b'x'; 300_000], "{} bytes", content.len());
                        seen += 1;
                    }
                    Err(error) => {
                        assert!(matches!(error.kind(), ErrorKind::NotFound), "{:?}: {error}", error.kind());
                        missed += 1;
                    }
                }
            }
            (seen, missed)
        });
        for _ in 0..40 {
            import(&home.store, "x", &[]).unwrap();
            thread::yield_now();
            home.store.remove(&layer("x")).unwrap();
        }
        stop.store(true, Ordering::Relaxed);
        let (seen, missed) = reader.join().unwrap();
        assert!(seen + missed > 0);
    });
    assert_eq!(home.snapshot().len(), 0);
}

fn read_all(store: &Store) -> Result<Vec<u8>> {
    let view = store.view(&layer("x"))?;
    let node = view.find(&path("a"))?;
    let mut content = Vec::new();
    let read = view.open(&node, None)?.read_to_end(&mut content);
    read.map_err(|e| winlayer_core::Error::io_stream("read", e))?;
    Ok(content)
}

#[test]
fn what_an_interrupted_import_left_is_taken_away_by_the_next_and_by_cleanup() {
    let home = TestHome::new();
    let interrupt = |id: &str| {
        std::fs::create_dir(home.path(&format!(".import-{id}"))).unwrap();
        std::fs::write(home.path(&format!(".import-{id}/layer.tar")), "half").unwrap();
        std::fs::write(home.path(&format!(".lock-{id}")), "").unwrap();
    };
    interrupt("x");
    import(&home.store, "x", &[]).unwrap();
    interrupt("y");
    import(&home.store, "z", &[]).unwrap();
    assert_eq!(hidden(&home), [""; 0]);
    interrupt("y");
    std::fs::create_dir(home.path("gone-removing")).unwrap();
    std::fs::write(home.path("x/layer.idx.0123.tmp"), "half an index").unwrap();
    let mut removed = home.store.cleanup().unwrap().removed;
    removed.sort();
    assert_eq!(removed, [".import-y", "gone-removing"]);
    assert_eq!(hidden(&home), [""; 0]);
    assert!(!home.path("x/layer.idx.0123.tmp").exists());
    assert!(home.store.cleanup().unwrap().removed.is_empty());
}

#[test]
fn an_import_that_is_at_work_is_left_alone_by_cleanup_and_by_other_imports() {
    let home = TestHome::new();
    let tar = content();
    let (mut reader, has_begun, go_on) = waiting(&tar, 2000);
    thread::scope(|scope| {
        let slow =
            scope.spawn(|| home.store.import_new(&layer("slow"), &chain(&[]), &mut reader, Control::none()));
        has_begun.recv().unwrap();
        assert!(home.store.cleanup().unwrap().removed.is_empty());
        import(&home.store, "quick", &[]).unwrap();
        go_on.send(()).unwrap();
        slow.join().unwrap().unwrap();
    });
    assert_eq!(home.problems("slow"), []);
}

#[test]
fn a_lock_that_somebody_holds_for_a_moment_does_not_stop_an_import() {
    let home = TestHome::new();
    thread::scope(|scope| {
        let held = home.store.home().lock(&layer("x"), LockMode::Exclusive).unwrap();
        scope.spawn(move || {
            thread::sleep(std::time::Duration::from_millis(20));
            drop(held);
        });
        import(&home.store, "x", &[]).unwrap();
    });
}

#[test]
fn several_cleanups_at_once_do_not_stumble_over_each_other() {
    let home = TestHome::in_memory();
    for n in 0..10 {
        let folder = home.path(&format!("l{n}-removing/deep"));
        std::fs::create_dir_all(&folder).unwrap();
        for file in 0..50 {
            std::fs::write(folder.join(file.to_string()), "x").unwrap();
        }
    }
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let done = home.store.cleanup().unwrap();
                assert!(done.stuck.is_empty(), "{:?}", done.stuck);
            });
        }
    });
    assert_eq!(home.snapshot().len(), 0);
}
