//! The kernel mounts images made here, and shows what was put in. Needs root and Linux 6.12.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at what it does not expect"
)]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::FileExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use rustix::fs::{CWD, lgetxattr, llistxattr};
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, UnmountFlags, fsconfig_create,
    fsconfig_set_flag, fsconfig_set_string, fsmount, fsopen, move_mount, unmount,
};
use support::model::{Model, Node, What, device, models};
use support::skipped;

/// A folder on a real file system: overlayfs and tmpfs cannot back a mount without loop devices everywhere.
fn folder() -> tempfile::TempDir {
    let base = std::env::var_os("EROFS_TEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR")), PathBuf::from);
    tempfile::tempdir_in(base).unwrap()
}

/// A mounted image, unmounted when dropped.
struct Mounted {
    at: PathBuf,
    /// Keeps the image and its devices.
    folder: tempfile::TempDir,
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = unmount(&self.at, UnmountFlags::DETACH);
    }
}

/// Mounts an image with its devices, or says loudly why not.
fn mount(image: &[u8], devices: &[Vec<u8>]) -> Option<Mounted> {
    let folder = folder();
    let paths: Vec<PathBuf> =
        (0..devices.len()).map(|number| folder.path().join(format!("device{number}"))).collect();
    for (path, bytes) in paths.iter().zip(devices) {
        fs::write(path, bytes).unwrap();
    }
    mount_files(folder, image, &paths)
}

fn mount_files(folder: tempfile::TempDir, image: &[u8], devices: &[PathBuf]) -> Option<Mounted> {
    if !rustix::process::geteuid().is_root() {
        skipped("mounting needs root");
        return None;
    }
    let source = folder.path().join("image");
    fs::write(&source, image).unwrap();
    let at = folder.path().join("mounted");
    fs::create_dir(&at).unwrap();
    let filesystem = match fsopen("erofs", FsOpenFlags::FSOPEN_CLOEXEC) {
        Ok(filesystem) => filesystem,
        Err(error) => {
            skipped(&format!("this kernel has no EROFS, or forbids mounts ({error})"));
            return None;
        }
    };
    match configure(&filesystem, &source, devices) {
        Ok(()) => {}
        Err(error @ (rustix::io::Errno::NOTBLK | rustix::io::Errno::PERM | rustix::io::Errno::ACCESS)) => {
            skipped(&format!(
                "no mount from files here: it needs Linux 6.12 and a real file system ({error})"
            ));
            return None;
        }
        Err(error) => panic!("the kernel refuses the image: {error}; {}", messages(&filesystem)),
    }
    let mount =
        fsmount(&filesystem, FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::MOUNT_ATTR_RDONLY).unwrap();
    move_mount(&mount, "", CWD, &at, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH).unwrap();
    Some(Mounted { at, folder })
}

/// mount(2) takes 4 KiB of options; one call for each option takes any number of devices.
fn configure(filesystem: &OwnedFd, source: &Path, devices: &[PathBuf]) -> rustix::io::Result<()> {
    fsconfig_set_flag(filesystem, "ro")?;
    fsconfig_set_string(filesystem, "source", source)?;
    for device in devices {
        fsconfig_set_string(filesystem, "device", device)?;
    }
    fsconfig_create(filesystem)
}

/// What the kernel has to say about a failed mount.
fn messages(filesystem: &OwnedFd) -> String {
    let mut text = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(len @ 1..) = rustix::io::read(filesystem, &mut buffer) {
        text.extend_from_slice(&buffer[..len]);
    }
    String::from_utf8_lossy(&text).into_owned()
}

/// Checks that a mounted tree shows a model and nothing else.
fn check(model: &Model, mounted: &Mounted) {
    let mut numbers = BTreeMap::new();
    check_inode(model, 0, &mounted.at, &mut numbers);
    check_directory(model, 0, &mounted.at, &mut numbers);
    assert_eq!(numbers.len(), model.nodes.len(), "every inode was seen");
}

fn check_directory(model: &Model, index: usize, path: &Path, numbers: &mut BTreeMap<usize, u64>) {
    let mut expected: BTreeMap<&[u8], usize> =
        model.entries.iter().filter(|entry| entry.0 == index).map(|entry| (&entry.1[..], entry.2)).collect();
    let mut names: Vec<Vec<u8>> =
        fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name().into_vec()).collect();
    names.sort();
    assert!(names.iter().map(Vec::as_slice).eq(expected.keys().copied()), "{}", path.display());
    for (name, node) in std::mem::take(&mut expected) {
        let path = path.join(std::ffi::OsStr::from_bytes(name));
        check_inode(model, node, &path, numbers);
        if matches!(model.nodes[node].what, What::Directory) {
            check_directory(model, node, &path, numbers);
        }
    }
    let missing = fs::symlink_metadata(path.join("no such name\u{1}")).unwrap_err();
    assert_eq!(missing.kind(), std::io::ErrorKind::NotFound);
}

fn check_inode(model: &Model, index: usize, path: &Path, numbers: &mut BTreeMap<usize, u64>) {
    let (node, seen) = (&model.nodes[index], fs::symlink_metadata(path).unwrap());
    let file_type = match &node.what {
        What::Directory => 0o040_000,
        What::File(..) => 0o100_000,
        What::Symlink(target) => {
            assert_eq!(fs::read_link(path).unwrap().as_os_str().as_bytes(), target);
            0o120_000
        }
    };
    assert_eq!(seen.mode(), file_type | u32::from(node.permissions), "{}", path.display());
    assert_eq!((seen.uid(), seen.gid()), (node.uid, node.gid));
    assert_eq!((seen.mtime(), seen.mtime_nsec()), (node.mtime.0, i64::from(node.mtime.1)));
    assert_eq!(seen.nlink(), u64::from(model.links(index)), "{}", path.display());
    assert_eq!(*numbers.entry(index).or_insert(seen.ino()), seen.ino(), "one inode has one number");
    let mut expected = node.xattrs.clone();
    expected.retain(|name, _| !(seen.is_symlink() && name.starts_with(b"user.")));
    assert_eq!(xattrs(path), expected, "{}", path.display());
    if let What::File(size, _) = node.what {
        assert_eq!(seen.len(), size);
        assert!(fs::read(path).unwrap() == model.content(node), "{}", path.display());
    }
}

fn xattrs(path: &Path) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let mut buffer = vec![0; 1 << 16];
    let len = llistxattr(path, &mut buffer).unwrap();
    let is_symlink = fs::symlink_metadata(path).unwrap().is_symlink();
    // The kernel lists `user.` attributes of symbolic links, but lets nobody read them.
    let hidden = |name: &[u8]| name.is_empty() || (is_symlink && name.starts_with(b"user."));
    let names = buffer[..len].split(|&byte| byte == 0).filter(|name| !hidden(name));
    names
        .map(|name| {
            let mut value = vec![0; 1 << 16];
            let len = lgetxattr(path, name, &mut value)
                .unwrap_or_else(|error| panic!("{}: {error}", name.escape_ascii()));
            value.truncate(len);
            (name.to_vec(), value)
        })
        .collect()
}

#[test]
fn any_tree_is_shown_by_the_kernel_as_it_went_in() {
    let mut runner = TestRunner::deterministic();
    for _ in 0..24 {
        let model = models().new_tree(&mut runner).unwrap().current();
        let Some(mounted) = mount(&model.image(), &model.devices) else { return };
        check(&model, &mounted);
    }
}

#[test]
fn the_largest_names_values_and_links_are_shown() {
    let mut model = Model::new(vec![device(1, 64)]);
    let mut node = Node::new(What::Directory);
    for number in 0..20u8 {
        node = node.with_xattr(format!("trusted.{number:0247}"), vec![number; 65_535]);
    }
    let mut directory = model.add(0, "b".repeat(255), node);
    model.add(
        directory,
        "a".repeat(255),
        Node::new(What::Symlink(vec![b'x'; 4095])).with_xattr("trusted.x", "y"),
    );
    for len in [1, 446, 447, 448, 449, 511, 512, 513] {
        let link = Node::new(What::Symlink(vec![b'x'; len])).with_xattr("trusted.x", vec![1; len]);
        model.add(directory, format!("link of {len}"), link);
    }
    for _ in 0..100 {
        directory = model.add(directory, "deeper", Node::new(What::Directory));
    }
    let Some(mounted) = mount(&model.image(), &model.devices) else { return };
    check(&model, &mounted);
}

#[test]
fn times_before_1970_and_after_2106_are_shown() {
    let mut model = Model::new(Vec::new());
    for (number, seconds) in [-11_644_473_600, -1, 0, 1 << 31, 1 << 32, 1 << 34].into_iter().enumerate() {
        let mut node = Node::new(What::File(0, vec![]));
        node.mtime = (seconds, 999_999_900);
        model.add(0, number.to_string(), node);
    }
    let Some(mounted) = mount(&model.image(), &model.devices) else { return };
    check(&model, &mounted);
}

#[test]
fn a_chain_of_601_devices_mounts() {
    let devices: Vec<Vec<u8>> = (0..601u32).map(|number| device((number % 251) as u8, 8)).collect();
    let mut model = Model::new(devices);
    for number in 0..601 {
        model.add(0, format!("layer{number}"), Node::new(What::File(3000, vec![(0, number, 512, 3000)])));
    }
    model.add(
        0,
        "all",
        Node::new(What::File(601 * 512, (0..601).map(|n| (n as u64 * 512, n, 1024, 512)).collect())),
    );
    let Some(mounted) = mount(&model.image(), &model.devices) else { return };
    check(&model, &mounted);
}

#[test]
fn a_directory_of_100_000_names_is_listed_whole_and_each_name_found() {
    let mut model = Model::new(Vec::new());
    let large = model.add(0, "large", Node::new(What::Directory));
    for number in 0..100_000 {
        model.nodes.push(Node::new(What::File(0, vec![])));
        model.entries.push((large, format!("name {number}").into_bytes(), model.nodes.len() - 1));
    }
    let Some(mounted) = mount(&model.image(), &[]) else { return };
    let folder = mounted.at.join("large");
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 100_000);
    for number in (0..100_000).step_by(97) {
        assert_eq!(fs::metadata(folder.join(format!("name {number}"))).unwrap().len(), 0);
    }
}

#[test]
fn a_file_larger_than_the_largest_chunk_is_read_at_its_far_end() {
    // 1 TiB and three blocks: two chunks. The device is sparse, with a mark in its last block.
    let size = (1u64 << 40) + 3 * 512;
    let folder = folder();
    let path = folder.path().join("device0");
    let file = fs::File::create(&path).unwrap();
    if let Err(error) = file.set_len(size) {
        skipped(&format!("no sparse files of 1 TiB here ({error})"));
        return;
    }
    file.write_all_at(b"first", 0).unwrap();
    file.write_all_at(b"last", size - 4).unwrap();
    let image = support::model::single_file(size, size);
    let Some(mounted) = mount_files(folder, &image, &[path]) else { return };
    let file = fs::File::open(mounted.at.join("file")).unwrap();
    let mut start = [0; 5];
    file.read_exact_at(&mut start, 0).unwrap();
    let mut end = [1; 8];
    file.read_exact_at(&mut end, size - 8).unwrap();
    assert_eq!((&start, &end), (b"first", b"\0\0\0\0last"));
    assert_eq!(file.metadata().unwrap().len(), size);
    assert!(mounted.folder.path().exists());
}
