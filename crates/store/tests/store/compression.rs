//! Inputs that are compressed: told apart by content, in every shape the formats allow, and in no other.

use std::io::Write;

use flate2::write::GzEncoder;
use winlayer_core::{BlobDigest, ErrorKind, Sha256Digest};
use winlayer_store::Compression;

use crate::support::tar::{dir, file, layer_tar};
use crate::support::{TestHome, layer};

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::new(1));
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).unwrap()
}

fn skippable_frame() -> Vec<u8> {
    [&[0x53, 0x2a, 0x4d, 0x18, 5, 0, 0, 0][..], b"aside"].concat()
}

fn small() -> Vec<u8> {
    let text: Vec<u8> = (0..40_000u32).map(|n| (n % 89 + n / 1000) as u8).collect();
    layer_tar(&[dir("Files/d"), file("Files/d/a", text)])
}

/// Imports into a fresh home; the message if it is refused, after a look whether anything was left.
fn outcome(input: &[u8]) -> Result<Compression, String> {
    let home = TestHome::in_memory();
    match home.import("x", &[], input) {
        Ok(imported) => {
            let digest = <sha2::Sha256 as sha2::Digest>::digest(input);
            assert_eq!(
                imported.blob,
                Some(BlobDigest(Sha256Digest(digest.into()))),
                "the digest of all of it"
            );
            assert!(std::fs::read(home.path("x/layer.tar")).unwrap() == small());
            assert_eq!(home.problems("x"), []);
            Ok(home.store.record(&layer("x")).unwrap().compression)
        }
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
            assert!(error.advice().is_some(), "no advice: {error}");
            assert_eq!(home.snapshot().len(), 0, "left behind");
            Err(error.to_string())
        }
    }
}

#[test]
fn plain_gzip_and_zstd_are_told_apart_by_their_content() {
    assert_eq!(outcome(&small()), Ok(Compression::None));
    assert_eq!(outcome(&gzip(&small())), Ok(Compression::Gzip));
    assert_eq!(outcome(&zstd(&small())), Ok(Compression::Zstd));
}

#[test]
fn a_gzip_stream_may_have_several_members_cut_anywhere_and_empty_ones() {
    let tar = small();
    for cut in [0, 1, 512, 700, tar.len() - 1, tar.len()] {
        let (first, second) = tar.split_at(cut);
        assert_eq!(outcome(&[gzip(first), gzip(&[]), gzip(second)].concat()), Ok(Compression::Gzip), "{cut}");
    }
}

#[test]
fn members_that_begin_at_the_border_of_two_reads_are_found() {
    let tar = small();
    // 256 KiB travel together; stored blocks put the border where it is wanted.
    for shift in 0..4 {
        let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::none());
        let noise = vec![7; (256 << 10) - shift];
        encoder.write_all(&layer_tar(&[file("Files/noise", &noise)])[..]).unwrap();
        let mut first = encoder.finish().unwrap();
        let spare = first.len() - ((256 << 10) - shift);
        let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::none());
        let whole = layer_tar(&[file("Files/noise", &noise)]);
        encoder.write_all(&whole[..whole.len() - spare - 512]).unwrap();
        let shorter = encoder.finish().unwrap();
        first = [shorter, gzip(&whole[whole.len() - spare - 512..])].concat();
        let home = TestHome::in_memory();
        let imported = home.import("x", &[], &first).unwrap();
        assert_eq!(imported.tar_bytes, whole.len() as u64);
    }
    assert!(outcome(&gzip(&tar)).is_ok());
}

#[test]
fn what_follows_the_last_member_is_ignored_as_gzip_ignores_it() {
    let gz = gzip(&small());
    for tail in [&[0][..], &[0; 700_000], b"\n", b"garbage", &[0x1f], &[0x1f, 0x8c, 8, 0]] {
        assert_eq!(outcome(&[&gz, tail].concat()), Ok(Compression::Gzip), "{} bytes", tail.len());
    }
}

#[test]
fn what_begins_like_a_member_must_be_one() {
    let gz = gzip(&small());
    for tail in [&[0x1f, 0x8b][..], &[0x1f, 0x8b, 8, 0, 0, 0], &[0x1f, 0x8b, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9]] {
        let message = outcome(&[&gz, tail].concat()).unwrap_err();
        assert!(message.contains("the gzip stream"), "{message}");
    }
}

#[test]
fn a_zstd_stream_may_have_several_frames_and_skippable_ones() {
    let tar = small();
    let (first, second) = tar.split_at(700);
    let frames = [zstd(first), skippable_frame(), zstd(&[]), zstd(second), skippable_frame()].concat();
    assert_eq!(outcome(&frames), Ok(Compression::Zstd));
    assert_eq!(outcome(&[skippable_frame(), zstd(&tar)].concat()), Ok(Compression::Zstd));
}

#[test]
fn what_follows_the_last_zstd_frame_must_be_a_frame() {
    for tail in [&b"garbage"[..], &[0; 100]] {
        let message = outcome(&[&zstd(&small()), tail].concat()).unwrap_err();
        assert!(message.contains("the zstd stream is damaged"), "{message}");
    }
}

#[test]
fn a_stream_that_is_cut_anywhere_is_refused() {
    for (name, whole) in [("gzip", gzip(&small())), ("zstd", zstd(&small()))] {
        let all = 0..whole.len();
        let some = all.clone().filter(|n| *n < 40 || n + 12 > all.end || n % 61 == 0);
        for n in some {
            let message = outcome(&whole[..n]).unwrap_err();
            if n > 20 {
                let near = message.rsplit_once("ends early near byte ").map(|(_, at)| at.to_owned());
                let at = near.and_then(|at| at.strip_suffix(" of the input")?.parse::<usize>().ok());
                assert_eq!(at, Some(n), "{message}");
                assert!(message.contains(&format!("the {name} stream")), "{message}");
            }
        }
    }
}

#[test]
fn a_gzip_stream_with_any_bit_wrong_is_refused_or_gives_the_same_tar() {
    // `outcome` compares what was imported with what was compressed. All that may pass are fields of the header that say
    // nothing about the content (flags, time, system) and the bits that fill the last byte of the compressed data.
    let whole = gzip(&small());
    let says_nothing = |at: usize| (3..10).contains(&at) || at == whole.len() - 9;
    for at in (0..whole.len()).filter(|at| *at < 20 || *at + 10 > whole.len() || at % 37 == 0) {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        assert!(outcome(&bytes).is_err() || says_nothing(at), "byte {at} was changed and nobody noticed");
    }
}

#[test]
fn a_wrong_checksum_or_length_at_the_end_of_a_member_is_damage() {
    let whole = gzip(&small());
    for from_end in 1..=8 {
        let mut bytes = whole.clone();
        let at = bytes.len() - from_end;
        bytes[at] ^= 0x10;
        let message = outcome(&bytes).unwrap_err();
        assert!(message.contains("the gzip stream is damaged"), "{message}");
    }
}

#[test]
fn a_checksum_of_zstd_is_checked() {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
    encoder.include_checksum(true).unwrap();
    encoder.write_all(&small()).unwrap();
    let mut bytes = encoder.finish().unwrap();
    assert_eq!(outcome(&bytes), Ok(Compression::Zstd));
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    let message = outcome(&bytes).unwrap_err();
    assert!(message.contains("the zstd stream is damaged"), "{message}");
}

#[test]
fn a_zstd_frame_that_wants_more_memory_than_is_reasonable_is_refused() {
    // A window descriptor (RFC 8878, 3.1.1.1.2) of 2^27 and of 2^28 bytes, and one empty last block.
    let frame = |exponent: u8| [0x28, 0xb5, 0x2f, 0xfd, 0, (exponent - 10) << 3, 1, 0, 0];
    assert_eq!(outcome(&[&zstd(&small())[..], &frame(27)].concat()), Ok(Compression::Zstd));
    let message = outcome(&[&zstd(&small())[..], &frame(28)].concat()).unwrap_err();
    assert!(message.contains("requires too much memory"), "{message}");
}

#[test]
fn a_tar_that_is_cut_is_refused_whatever_it_is_compressed_with() {
    let tar = small();
    let cut = &tar[..tar.len() - 2000];
    for input in [cut.to_vec(), gzip(cut), zstd(cut)] {
        let message = outcome(&input).unwrap_err();
        assert!(message.contains("the tar ends within the data of this entry"), "{message}");
    }
}

#[test]
fn no_bytes_at_all_are_no_layer() {
    for input in [Vec::new(), gzip(&[]), zstd(&[])] {
        let message = outcome(&input).unwrap_err();
        assert_eq!(message, "layer x: import: the input is empty");
    }
}

#[test]
fn other_compressions_are_named() {
    for (bytes, name) in
        [(&b"\xfd7zXZ\0\0\x04"[..], "xz"), (b"BZh91AY&SY", "bzip2"), (b"PK\x03\x04\x14\0\0\0", "zip")]
    {
        let message = outcome(bytes).unwrap_err();
        assert_eq!(message, format!("layer x: import: the input is compressed with {name}"));
    }
}

#[test]
fn of_a_bad_tar_in_a_bad_stream_the_tar_is_told_every_time() {
    let mut tar = layer_tar(&[file("Files/zeros", vec![0; 4 << 20])]);
    tar[512 + 1] = b'9';
    let gz = gzip(&tar);
    for _ in 0..20 {
        let message = outcome(&gz[..gz.len() - 3]).unwrap_err();
        assert!(message.contains("a PAX record") || message.contains("checksum"), "{message}");
    }
}
