//! Whatever tree goes in, an independent reader sees the same tree come out.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at what it does not expect"
)]

mod support;

use proptest::prelude::*;
use support::model::{Model, Node, What, device, models};
use support::reader::{BLOCK, Chunk, Reader};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn any_tree_reads_back_as_it_went_in(model in models()) {
        model.check(&model.image());
    }

    #[test]
    fn the_order_of_adding_makes_no_difference(model in models(), turn in any::<prop::sample::Index>()) {
        let (builder, ids) = model
            .describe(|order| {
                let middle = if order.is_empty() { 0 } else { turn.index(order.len()) };
                order.rotate_left(middle);
                order.reverse();
            })
            .unwrap();
        let mut bytes = Vec::new();
        builder.build(ids[0]).unwrap().write_to(&mut bytes).unwrap();
        prop_assert!(bytes == model.image());
    }
}

fn only_file(size: u64, extents: Vec<(u64, usize, u64, u64)>, devices: Vec<Vec<u8>>) -> (Model, Vec<u8>) {
    let mut model = Model::new(devices);
    model.add(0, "file", Node::new(What::File(size, extents)));
    let image = model.image();
    model.check(&image);
    (model, image)
}

fn chunks_of_only_file(size: u64, extents: Vec<(u64, usize, u64, u64)>) -> (Vec<Chunk>, u64) {
    let (model, image) = only_file(size, extents, vec![device(1, 64), device(2, 64)]);
    let reader = Reader::new(&image, &model.devices);
    let number = reader.lookup(&reader.inode(reader.root), b"file").unwrap();
    reader.chunks(&reader.inode(number))
}

#[test]
fn an_image_of_nothing_is_three_blocks_of_header_and_a_root() {
    let model = Model::new(Vec::new());
    let image = model.image();
    model.check(&image);
    assert_eq!(image.len(), 4 * BLOCK);
}

#[test]
fn a_contiguous_file_is_one_chunk_whatever_its_length() {
    for size in [1, 511, 512, 513, 5000, 64 * 512] {
        let (chunks, length) = chunks_of_only_file(size, vec![(0, 0, 0, size)]);
        assert_eq!(chunks, [Chunk::At { device: 1, block: 0 }], "{size} bytes");
        assert!(length / 2 < size.next_multiple_of(512), "a chunk no longer than needed");
    }
}

#[test]
fn extents_that_continue_each_other_are_one_chunk() {
    let (chunks, _) =
        chunks_of_only_file(4096, vec![(0, 1, 512, 1536), (1536, 1, 2048, 0), (1536, 1, 2048, 2560)]);
    assert_eq!(chunks, [Chunk::At { device: 2, block: 1 }]);
}

#[test]
fn a_sparse_file_has_the_fewest_chunks_that_its_boundaries_allow() {
    let (chunks, length) = chunks_of_only_file(16 * 512, vec![(4 * 512, 0, 7 * 512, 8 * 512)]);
    let [data, next] = [7, 11].map(|block| Chunk::At { device: 1, block });
    assert_eq!((chunks, length), (vec![Chunk::Hole, data, next, Chunk::Hole], 4 * 512));
}

#[test]
fn a_file_without_extents_is_one_hole() {
    assert_eq!(chunks_of_only_file(1_000_000, vec![]).0, [Chunk::Hole]);
}

#[test]
fn names_that_sort_before_the_dots_come_first() {
    let mut model = Model::new(Vec::new());
    for name in ["!", "-", ".!", ".-", "...", "..a", ".a", "/".replace('/', "0").as_str(), "~", "ä"] {
        model.add(0, name, Node::new(What::File(0, vec![])));
    }
    model.check(&model.image());
}

#[test]
fn a_directory_may_end_exactly_with_a_block() {
    // Two entries for the dots take 27 bytes; one name fills what is left of 512, others what is around it.
    for len in 100..=240 {
        let mut model = Model::new(Vec::new());
        for first in ["a", "b"] {
            model.add(0, first.repeat(len), Node::new(What::File(0, vec![])));
        }
        model.check(&model.image());
    }
}

#[test]
fn a_symbolic_link_may_have_any_length_that_the_kernel_follows() {
    for len in [1, 100, 447, 448, 449, 511, 512, 513, 1024, 4095] {
        let mut model = Model::new(Vec::new());
        model.add(0, "link", Node::new(What::Symlink(vec![b'x'; len])).with_xattr("trusted.a", "b"));
        model.check(&model.image());
    }
}

#[test]
fn a_value_used_often_is_stored_once() {
    let mut model = Model::new(Vec::new());
    let descriptor = "security descriptor ".repeat(10);
    for number in 0..1000 {
        let node = Node::new(What::File(0, vec![])).with_xattr("user.MSWINDOWS.rawsd", &descriptor);
        model.add(0, format!("{number}"), node);
    }
    let image = model.image();
    model.check(&image);
    assert_eq!(image.windows(descriptor.len()).filter(|found| *found == descriptor.as_bytes()).count(), 1);
}

#[test]
fn an_inode_with_more_attributes_than_references_keeps_the_rest_itself() {
    let mut model = Model::new(Vec::new());
    for file in ["one", "two"] {
        let mut node = Node::new(What::File(0, vec![]));
        for number in 0..400 {
            node = node.with_xattr(format!("user.{number:03}"), format!("value {number}"));
        }
        model.add(0, file, node);
    }
    model.check(&model.image());
}

#[test]
fn the_largest_names_and_values_fit() {
    let mut model = Model::new(Vec::new());
    let mut node = Node::new(What::Directory);
    for number in 0..50u8 {
        node = node.with_xattr(format!("trusted.{number:0247}"), vec![number; 65_535]);
    }
    model.add(0, "b".repeat(255), node);
    model.add(0, "a".repeat(255), Node::new(What::Symlink(b"b".to_vec())).with_xattr("security.x", ""));
    model.check(&model.image());
}

#[test]
fn posix_acls_are_attributes_without_a_suffix() {
    let mut model = Model::new(Vec::new());
    let node = Node::new(What::Directory);
    let node = node.with_xattr("system.posix_acl_access", "a").with_xattr("system.posix_acl_default", "d");
    model.add(0, "directory", node);
    model.check(&model.image());
}

#[test]
fn inode_numbers_are_those_of_the_image_and_never_zero() {
    let mut model = Model::new(Vec::new());
    let file = model.add(0, "file", Node::new(What::File(0, vec![])));
    let (builder, ids) = model.describe(|_| ()).unwrap();
    let image = builder.build(ids[0]).unwrap();
    let mut bytes = Vec::new();
    image.write_to(&mut bytes).unwrap();
    let reader = Reader::new(&bytes, &[]);
    assert_eq!(image.inode_number(ids[0]), Some(reader.root));
    assert!(reader.root > 0);
    assert_eq!(image.inode_number(ids[file]), reader.lookup(&reader.inode(reader.root), b"file"));
}

#[test]
fn a_directory_is_followed_by_its_files_and_then_by_its_subdirectories() {
    let mut model = Model::new(Vec::new());
    for first in ["b", "a"] {
        let directory = model.add(0, first, Node::new(What::Directory));
        model.add(directory, "inner", Node::new(What::File(0, vec![])));
    }
    model.add(0, "c", Node::new(What::File(0, vec![])));
    let image = model.image();
    let reader = Reader::new(&image, &[]);
    let number = |path: &[&str]| {
        path.iter().fold(reader.root, |at, name| reader.lookup(&reader.inode(at), name.as_bytes()).unwrap())
    };
    let stored = [&[][..], &["c"], &["a"], &["a", "inner"], &["b"], &["b", "inner"]].map(number);
    assert!(stored.is_sorted_by(|a, b| a < b), "{stored:?}");
}
