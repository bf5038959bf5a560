//! Ctrl-C, SIGTERM and readers that go away.

#[cfg(unix)]
mod unix {
    use std::io::{Read, Write};
    use std::process::{Child, Stdio};
    use std::time::{Duration, Instant};

    use rustix::process::{Pid, Signal, kill_process};

    use crate::support::{Run, Sandbox, large_tar, skipped, snapshot};

    fn signal(child: &Child, signal: Signal) {
        kill_process(Pid::from_child(child), signal).unwrap();
    }

    /// Waits until an import has begun to write.
    fn wait_for_staging(sandbox: &Sandbox) {
        let deadline = Instant::now() + Duration::from_secs(20);
        let has_begun = || {
            snapshot(&sandbox.home())
                .keys()
                .any(|path| path.ends_with("layer.tar") && path.to_str().unwrap().contains(".import-"))
        };
        while !has_begun() {
            assert!(Instant::now() < deadline, "the import never began");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn an_import_that_waits_for_its_input_is_cancelled_and_leaves_nothing() {
        for which in [Signal::INT, Signal::TERM] {
            let sandbox = Sandbox::with_layers();
            let before = snapshot(&sandbox.home());
            let mut command = sandbox.command(["layer", "import", "x", "-"]);
            let mut child =
                command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            let mut input = child.stdin.take().unwrap();
            input.write_all(&large_tar(10)[..20_000]).unwrap();
            wait_for_staging(&sandbox);
            let start = Instant::now();
            signal(&child, which);
            let run = Run::from(child.wait_with_output().unwrap());
            assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
            assert_eq!((run.code, run.stderr.as_str()), (Some(130), "error: cancelled; nothing was kept\n"));
            assert!(snapshot(&sandbox.home()) == before);
            drop(input);
        }
    }

    #[test]
    fn a_reader_that_goes_away_ends_the_output_quietly() {
        let sandbox = Sandbox::new();
        let path = sandbox.file("large.tar", &large_tar(3000));
        sandbox.ok(["layer", "import", "x", &path]);
        for args in [
            &["fs", "find", "x"][..],
            &["--json", "fs", "find", "x"],
            &["layer", "export", "x"],
            &["layer", "changes", "x"],
        ] {
            let mut child =
                sandbox.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            let mut first = [0; 10];
            child.stdout.take().unwrap().read_exact(&mut first).unwrap();
            let run = Run::from(child.wait_with_output().unwrap());
            assert_eq!((run.code, run.stderr.as_str()), (Some(141), ""), "{args:?}");
        }
    }

    #[test]
    fn long_work_says_how_far_it_is() {
        let sandbox = Sandbox::new();
        let tar = large_tar(10);
        let mut command = sandbox.command(["-v", "layer", "import", "x", "-"]);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        input.write_all(&tar[..20_000]).unwrap();
        std::thread::sleep(Duration::from_millis(1200));
        input.write_all(&tar[20_000..]).unwrap();
        drop(input);
        let run = Run::from(child.wait_with_output().unwrap());
        assert_eq!(run.code, Some(0));
        assert!(run.stderr.contains("import x: ") && run.stderr.contains("KiB/s"), "{}", run.stderr);
    }

    #[test]
    fn a_tar_is_not_written_to_a_terminal() {
        let sandbox = Sandbox::with_layers();
        let export = format!("{} layer export base", env!("CARGO_BIN_EXE_winlayer"));
        let mut command = std::process::Command::new("script");
        command.args(["-q", "-e", "-c", &export, "/dev/null"]).env("WINLAYER_HOME", sandbox.home());
        let Ok(output) = command.stdin(Stdio::null()).output() else {
            return skipped("'script', which gives a terminal, is not installed");
        };
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(text.contains("standard output is a terminal"), "{text}");
    }
}
