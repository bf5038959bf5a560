//! Volumes that are full or cannot be written to: small ones, made in memory, which takes root on Linux.

#[cfg(target_os = "linux")]
mod linux {
    use std::ops::Deref;

    use rustix::mount::{MountFlags, UnmountFlags};

    use crate::support::{Sandbox, base_tar, gzip, large_tar, skipped, snapshot};

    /// A volume in memory, mounted on a sandbox's home.
    struct SmallVolume(Sandbox);

    impl SmallVolume {
        fn mount(bytes: usize) -> Option<Self> {
            let sandbox = Sandbox::new();
            std::fs::create_dir(sandbox.home()).unwrap();
            let options = std::ffi::CString::new(format!("size={bytes},mode=700")).unwrap();
            match rustix::mount::mount(
                "none",
                sandbox.home(),
                "tmpfs",
                MountFlags::empty(),
                options.as_c_str(),
            ) {
                Ok(()) => Some(Self(sandbox)),
                Err(error) => {
                    skipped(&format!("cannot mount a small volume: {error}"));
                    None
                }
            }
        }

        fn make_read_only(&self) {
            rustix::mount::mount_remount(self.0.home(), MountFlags::RDONLY, c"").unwrap();
        }
    }

    impl Deref for SmallVolume {
        type Target = Sandbox;

        fn deref(&self) -> &Sandbox {
            &self.0
        }
    }

    impl Drop for SmallVolume {
        fn drop(&mut self) {
            let _ = rustix::mount::unmount(self.0.home(), UnmountFlags::DETACH);
        }
    }

    #[test]
    fn a_tar_larger_than_the_volume_is_refused_before_anything_is_written() {
        let Some(volume) = SmallVolume::mount(1 << 20) else { return };
        let path = volume.file("large.tar", &large_tar(400));
        let stderr = volume.refused(["layer", "import", "x", &path]);
        assert!(stderr.contains("are free in"), "{stderr}");
    }

    #[test]
    fn a_volume_that_fills_up_leaves_nothing_of_the_import() {
        let Some(volume) = SmallVolume::mount(1 << 20) else { return };
        let small = volume.file("base.tar", &base_tar());
        volume.ok(["layer", "import", "base", &small]);
        let before = snapshot(&volume.home());
        let tar = large_tar(400);
        for bytes in [tar.clone(), gzip(&tar)] {
            // Through a pipe nobody knows beforehand that it will not fit.
            let stderr = volume.run_with_stdin(["layer", "import", "x", "-"], &bytes).failure();
            assert!(stderr.contains("No space left") && stderr.contains("--home"), "{stderr}");
            assert!(snapshot(&volume.home()) == before, "the home changed");
        }
        assert_eq!(volume.ok(["layer", "verify"]), "base: whole\n");
    }

    #[test]
    fn a_read_only_volume_can_be_looked_into_and_not_changed() {
        let Some(volume) = SmallVolume::mount(4 << 20) else { return };
        let path = volume.file("base.tar", &base_tar());
        volume.ok(["layer", "import", "base", &path]);
        volume.make_read_only();
        for args in [vec!["layer", "import", "x", &path], vec!["layer", "rm", "base"]] {
            assert!(volume.refused(args).contains("Read-only file system"));
        }
        assert!(volume.ok(["fs", "ls", "base"]).contains("Windows"));
        assert!(volume.run(["layer", "export", "base"]).stdout == base_tar());
        assert!(volume.ok(["doctor"]).contains("read-only"));
    }
}
