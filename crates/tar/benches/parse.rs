//! How fast tars are read, written and turned into backup streams: many entries with little data, and few with much.
#![allow(clippy::unwrap_used, reason = "a benchmark stops at what it does not expect")]

use std::io::{self, Read, Write};
use std::sync::LazyLock;

use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use winlayer_meta::filetime::UnixTime;
use winlayer_tar::stream::LayerReader;
use winlayer_tar::{Event, Header, Parser, Reader, Writer};

const ENTRIES: usize = 50_000;
const DATA: usize = 100 << 20;
/// How much of a tar a parser is given at once.
const PIECE: usize = 256 << 10;

/// 50,000 files with the records of a layer and 100 MiB of data between them.
static MANY_FILES: LazyLock<Vec<u8>> = LazyLock::new(|| tar(ENTRIES, DATA / ENTRIES));
/// As much data in 100 files.
static LARGE_FILES: LazyLock<Vec<u8>> = LazyLock::new(|| tar(100, DATA / 100));

fn main() {
    divan::main();
}

fn header(number: usize, size: usize) -> Header {
    let name = format!("Files/Windows/System32/directory-{}/file-{number}.dll", number % 977);
    let time = UnixTime { secs: 1_600_000_000, nanos: 123_456_700 };
    let header = Header::file(name, size as u64)
        .with_record("LIBARCHIVE.creationtime", "1600000000.1234567")
        .with_record("MSWINDOWS.fileattr", "32")
        .with_record("MSWINDOWS.rawsd", "AQAEhBQAAAAkAAAAAAAAADQAAAABAgAAAAAABSAAAAAgAgAAAQEAAAAAAAUSAAAA");
    Header { mtime: time, atime: Some(time), ctime: Some(time), ..header }
}

fn write(entries: usize, size: usize, out: impl Write) {
    let data = vec![0x5a; size];
    let mut tar = Writer::new(out);
    for number in 0..entries {
        tar.append(&header(number, size), &data).unwrap();
    }
    tar.finish().unwrap();
}

fn tar(entries: usize, size: usize) -> Vec<u8> {
    let mut tar = Vec::new();
    write(entries, size, &mut tar);
    tar
}

/// Parses a tar in pieces; gives how many entries and bytes of data it has.
fn parse(tar: &[u8]) -> (usize, usize) {
    let (mut parser, mut entries, mut bytes) = (Parser::default(), 0, 0);
    for mut piece in tar.chunks(PIECE) {
        loop {
            let (used, event) = parser.advance(piece).unwrap();
            piece = &piece[used..];
            match event {
                Event::NeedInput | Event::End => break,
                Event::Entry(_) => entries += 1,
                Event::Data(n) => bytes += n,
            }
        }
    }
    (entries, bytes)
}

#[divan::bench]
fn parse_many_files(bencher: Bencher<'_, '_>) {
    let tar = MANY_FILES.as_slice();
    assert_eq!(parse(tar).0, ENTRIES);
    bencher.counter(BytesCount::new(tar.len())).counter(ItemsCount::new(ENTRIES)).bench(|| parse(tar));
}

#[divan::bench]
fn parse_large_files(bencher: Bencher<'_, '_>) {
    let tar = LARGE_FILES.as_slice();
    bencher.counter(BytesCount::new(tar.len())).bench(|| parse(tar));
}

#[divan::bench]
fn read_many_files(bencher: Bencher<'_, '_>) {
    let tar = MANY_FILES.as_slice();
    bencher.counter(BytesCount::new(tar.len())).counter(ItemsCount::new(ENTRIES)).bench(|| {
        let mut reader = Reader::new(tar);
        let mut buffer = vec![0; PIECE];
        while reader.next_entry().unwrap().is_some() {
            while reader.read(&mut buffer).unwrap() > 0 {}
        }
    });
}

#[divan::bench]
fn write_many_files(bencher: Bencher<'_, '_>) {
    bencher
        .counter(BytesCount::new(MANY_FILES.len()))
        .counter(ItemsCount::new(ENTRIES))
        .bench(|| write(ENTRIES, DATA / ENTRIES, io::sink()));
}

#[divan::bench]
fn convert_many_files_to_backup_streams(bencher: Bencher<'_, '_>) {
    let tar = MANY_FILES.as_slice();
    let counter = ItemsCount::new(ENTRIES);
    bencher.counter(counter).bench(|| {
        let mut layer = LayerReader::new(Reader::new(tar));
        while layer.next_step().unwrap().is_some() {
            layer.write_backup_stream(io::sink()).unwrap();
        }
    });
}
