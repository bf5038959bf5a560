//! Growth: what an import costs for each entry, in memory and in time: for five and fifty thousand entries, and, with
//! `WINLAYER_SLOW=1`, for ten and a hundred thousand and a million.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "a test may fail by panicking, works with small numbers, and says what it measured"
)]

mod support;

use std::io::Read;
use std::process::Command;

use support::tar::{dir, file};
use support::{TestHome, chain, layer};
use winlayer_core::Control;

const ENTRIES: &str = "WINLAYER_TEST_ENTRIES";

/// Makes up a layer of this many files while it is read: paths of 80 bytes, four times that differ from file to file, one
/// of 200 security descriptors each.
struct Made {
    left: u32,
    buffer: Vec<u8>,
    at: usize,
}

impl Made {
    fn new(entries: u32) -> Self {
        Self { left: entries, buffer: dir("Files").bytes(), at: 0 }
    }

    fn next_entries(&mut self) {
        self.buffer.clear();
        self.at = 0;
        for n in (self.left.saturating_sub(100)..self.left).rev() {
            // Front to back, as tars are.
            let n = u32::MAX / 2 - n;
            let path = format!(
                "Files/Program Files/some product/directory {:07}/a file of a layer {n:010}.dll",
                n / 50
            );
            let time = |seconds: u32| {
                format!("{}.{:07}", 1_500_000_000 + seconds + n % 100_000_000, n % 9_999_999 + 1)
            };
            let entry = file(path, [b'x'; 100])
                .record("LIBARCHIVE.creationtime", time(1))
                .record("MSWINDOWS.fileattr", "32")
                .record("MSWINDOWS.rawsd", descriptor(n % 200))
                .record("atime", time(2))
                .record("ctime", time(3))
                .record("mtime", time(4));
            self.buffer.extend_from_slice(&entry.bytes());
        }
        self.left = self.left.saturating_sub(100);
        if self.left == 0 {
            self.buffer.extend_from_slice(&[0; 1024]);
        }
    }
}

impl Read for Made {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        if self.at == self.buffer.len() && self.left > 0 {
            self.next_entries();
        }
        let n = out.len().min(self.buffer.len() - self.at);
        out[..n].copy_from_slice(&self.buffer[self.at..self.at + n]);
        self.at += n;
        Ok(n)
    }
}

/// A valid descriptor of owner and group, which differ, padded to the length that they have in layers.
fn descriptor(number: u32) -> String {
    use std::fmt::Write;
    let mut bytes = vec![1, 0, 0, 0x80, 20, 0, 0, 0, 88, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    for rid in [number, number + 1] {
        bytes.extend_from_slice(&[1, 15, 0, 0, 0, 0, 0, 5]);
        (0..15).for_each(|n| bytes.extend_from_slice(&(rid + n).to_le_bytes()));
    }
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let value =
            three.iter().fold(0u32, |value, byte| value << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        for place in 0..4 {
            let digit = DIGITS[(value >> (18 - 6 * place)) as usize & 63];
            write!(text, "{}", if place > three.len() { '=' } else { char::from(digit) }).unwrap();
        }
    }
    text
}

/// What one import took.
#[derive(Debug)]
struct Cost {
    entries: u32,
    /// The most memory that the process had, in bytes.
    peak: u64,
    /// Processor time of all threads, in seconds, without what making the tar took.
    cpu: f64,
}

/// Not a test by itself: what the processes that are measured run.
#[test]
fn a_child_process_imports_as_many_entries_as_it_is_told_to() {
    let Ok(entries) = std::env::var(ENTRIES) else { return };
    let entries: u32 = entries.parse().unwrap();
    let before = cpu_seconds();
    std::io::copy(&mut Made::new(entries), &mut std::io::sink()).unwrap();
    let made = cpu_seconds() - before;
    let home = TestHome::new();
    let imported =
        home.store.import_new(&layer("x"), &chain(&[]), &mut Made::new(entries), Control::none()).unwrap();
    assert_eq!(imported.entries, u64::from(entries) + 1);
    let cpu = cpu_seconds() - before - 2.0 * made;
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let kib: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    println!("cost: {} {cpu}", kib << 10);
}

/// Processor time of this process so far.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    ticks as f64 / 100.0
}

fn cost(entries: u32) -> Cost {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_child_process_imports_as_many_entries_as_it_is_told_to", "--nocapture"])
        .env(ENTRIES, entries.to_string())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let numbers = text.split_once("cost: ").and_then(|(_, rest)| rest.lines().next()?.split_once(' '));
    let (peak, cpu) = numbers.unwrap_or_else(|| panic!("{text}{}", String::from_utf8_lossy(&output.stderr)));
    let cost = Cost { entries, peak: peak.parse().unwrap(), cpu: cpu.parse().unwrap() };
    println!("{cost:?}, {} bytes an entry", cost.peak / u64::from(entries));
    cost
}

#[test]
fn memory_and_time_grow_no_faster_than_the_number_of_entries() {
    let sizes: &[u32] = match std::env::var_os("WINLAYER_SLOW") {
        Some(_) => &[10_000, 100_000, 1_000_000],
        None => &[5_000, 50_000],
    };
    let costs: Vec<Cost> = sizes.iter().copied().map(cost).collect();
    for cost in &costs {
        let allowed = (48 << 20) + 300 * u64::from(cost.entries);
        assert!(cost.peak <= allowed, "{cost:?}: more than {allowed} bytes");
    }
    for pair in costs.windows(2) {
        let [each_before, each] = [&pair[0], &pair[1]].map(|cost| cost.cpu / f64::from(cost.entries));
        // What does not depend on the entries is spread over more of them; the rest may be noise.
        assert!(each < each_before * 2.0, "{pair:?}");
    }
}
