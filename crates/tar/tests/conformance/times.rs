//! The times of an entry: the reference counts them in 64 bits of nanoseconds since 1970, which does not reach far.

use serde_json::Value;
use winlayer_meta::filetime::{FileTime, UnixTime};
use winlayer_tar::stream::FileInfo;
use winlayer_tar::{RawEntry, pax};

use super::{check, ticks};

/// What the reference makes of a time that is not there: year 1, wrapped around.
const GO_ZERO_TIME: FileTime = FileTime::from_ticks(48_491_090_211_286_549);
const TICKS_TO_1970: i128 = 116_444_736_000_000_000;

/// Compares the four times of `ours`, made of `entry`, with a `fileinfo` object. Adds the rules by which they differ.
pub(super) fn compare(
    entry: &RawEntry,
    ours: &FileInfo,
    theirs: &Value,
    rules: &mut Vec<&'static str>,
) -> Result<(), String> {
    let record = |key: &[u8]| {
        let value = entry.pax.get(key).filter(|value| !value.is_empty());
        value.map(|value| pax::parse_time(value).expect("the entry was read"))
    };
    let modified = Some(entry.mtime);
    let times = [
        ("last_write_time", ours.modified, modified),
        ("creation_time", ours.created, record(b"LIBARCHIVE.creationtime").or(modified)),
        ("last_access_time", ours.accessed, record(b"atime")),
        ("change_time", ours.changed, record(b"ctime")),
    ];
    for (field, ours, in_tar) in times {
        let theirs = ticks(theirs, field);
        let (rule, expected) = match in_tar {
            None if theirs == GO_ZERO_TIME => (Some("missing times"), right(entry.mtime)),
            Some(time) if overflows(nanos(time)) => (Some("time overflow"), right(time)),
            _ => (None, theirs),
        };
        check(field, ours, expected)?;
        if let Some(rule) = rule {
            if ours == theirs {
                return Err(format!("{field} is as the reference has it, in spite of {rule:?}"));
            }
            rules.push(rule);
        }
    }
    rules.sort_unstable();
    rules.dedup();
    Ok(())
}

/// Whether the reference can count a FILETIME.
pub(super) fn is_wrapped(time: FileTime) -> bool {
    overflows((i128::from(time.ticks()) - TICKS_TO_1970) * 100)
}

fn overflows(nanos: i128) -> bool {
    i64::try_from(nanos).is_err()
}

fn nanos(time: UnixTime) -> i128 {
    i128::from(time.secs) * 1_000_000_000 + i128::from(time.nanos)
}

/// The tick of a time, or the nearest one.
fn right(time: UnixTime) -> FileTime {
    let ticks = (nanos(time) / 100 + TICKS_TO_1970).clamp(0, u64::MAX.into());
    FileTime::from_ticks(u64::try_from(ticks).unwrap())
}
