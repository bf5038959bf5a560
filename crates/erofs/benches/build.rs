//! Measures what an image of a million files costs, in time and in memory.
#![allow(clippy::unwrap_used, reason = "a benchmark stops at what it does not expect")]
#![allow(clippy::cast_possible_truncation, reason = "small numbers")]

use divan::{AllocProfiler, Bencher};
use winlayer_erofs::{Extent, ImageBuilder, Inode, InodeId, Kind, Timestamp, Volume};

#[global_allocator]
static ALLOC: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

const FILES_PER_DIRECTORY: u64 = 50;

/// Describes `files` files in directories of fifty, with the attributes that a Windows layer's files have.
fn describe(files: u64) -> (ImageBuilder, InodeId) {
    let mut builder = ImageBuilder::new(Volume::default());
    let tar = builder.add_device(files * 4096, b"").unwrap();
    let descriptors: Vec<_> = (0..300u32)
        .map(|number| builder.xattr(b"user.MSWINDOWS.rawsd", format!("{number:0200}").as_bytes()).unwrap())
        .collect();
    let attributes = builder.xattr(b"user.MSWINDOWS.fileattr", b"32").unwrap();
    let directory = Inode {
        kind: Kind::Directory,
        permissions: 0o755,
        uid: 0,
        gid: 0,
        mtime: Timestamp { seconds: 1_700_000_000, nanoseconds: 100 },
        xattrs: &[descriptors[0], attributes],
    };
    let root = builder.add_inode(&directory).unwrap();
    let mut parent = root;
    for number in 0..files {
        if number % FILES_PER_DIRECTORY == 0 {
            parent = builder.add_inode(&directory).unwrap();
            builder.add_entry(root, format!("amd64_component_{number}").as_bytes(), parent).unwrap();
        }
        let created = format!("13{:09}.123456", number / 4);
        let created = builder.xattr(b"user.LIBARCHIVE.creationtime", created.as_bytes()).unwrap();
        let descriptor = descriptors[(number % 300) as usize];
        let extent = Extent { file_offset: 0, device: tar, device_offset: number * 4096, len: 3000 };
        let file = Inode {
            kind: Kind::File { size: 3000, extents: &[extent] },
            permissions: 0o644,
            xattrs: &[descriptor, attributes, created],
            ..directory
        };
        let file = builder.add_inode(&file).unwrap();
        builder.add_entry(parent, format!("resource-{number:07}.dll.mui").as_bytes(), file).unwrap();
    }
    (builder, root)
}

#[divan::bench(args = [50_000, 1_000_000], sample_count = 3, sample_size = 1)]
fn describe_build_and_write(bencher: Bencher<'_, '_>, files: u64) {
    bencher.bench(|| {
        let (builder, root) = describe(files);
        let image = builder.build(root).unwrap();
        image.write_to(std::io::sink()).unwrap();
        image.size()
    });
}

#[divan::bench(args = [50_000, 1_000_000], sample_count = 3, sample_size = 1)]
fn build_and_write(bencher: Bencher<'_, '_>, files: u64) {
    bencher.with_inputs(|| describe(files)).bench_values(|(builder, root)| {
        let image = builder.build(root).unwrap();
        image.write_to(std::io::sink()).unwrap();
        image.size()
    });
}
