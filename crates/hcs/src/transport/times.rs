//! The four times of a file of the directory.
//!
//! Windows has them; elsewhere the file's own time is that of the last write, and all four are in the extended attribute
//! `user.winlayer.times` too: creation, access, write, change, each a little-endian FILETIME ([MS-DTYP] 2.3.3).
//! To Windows, setting 0 or more than 2^63 - 1 means something else ([MS-FSCC] 2.4.7): the nearest time is set then.

use std::fs::{File, FileTimes, Metadata};
use std::io;
use std::time::{Duration, SystemTime};

use winlayer_meta::filetime::{FileTime, UnixTime};

/// When a file was made, read, written and changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Times {
    pub(super) created: FileTime,
    pub(super) accessed: FileTime,
    pub(super) modified: FileTime,
    pub(super) changed: FileTime,
}

impl Times {
    /// As they are outside of `Files`, where only the last write and the last change count.
    pub(super) fn without_creation_and_access(self) -> Self {
        Self { created: self.modified, accessed: self.modified, ..self }
    }

    /// Gives them to a file, as far as the file system can keep them.
    pub(super) fn write(self, file: &File) -> io::Result<()> {
        platform::keep(self, file)?;
        let times = FileTimes::new();
        let times = match (to_system(self.accessed), to_system(self.modified)) {
            (Some(accessed), Some(modified)) => times.set_accessed(accessed).set_modified(modified),
            (_, Some(modified)) => times.set_modified(modified),
            _ => times,
        };
        file.set_times(platform::with_creation(times, self.created))
    }

    /// Those of a directory that is not kept with all of them.
    pub(super) fn of_directory(metadata: &Metadata) -> io::Result<Self> {
        platform::of_directory(metadata)
    }

    /// Reads them from a file.
    pub(super) fn read(file: &File, metadata: &Metadata) -> io::Result<Self> {
        platform::read(file, metadata)
    }
}

fn to_system(time: FileTime) -> Option<SystemTime> {
    let UnixTime { secs, nanos } = platform::settable(time).to_unix();
    let whole = Duration::from_secs(secs.unsigned_abs());
    let second = match secs {
        0.. => SystemTime::UNIX_EPOCH.checked_add(whole),
        _ => SystemTime::UNIX_EPOCH.checked_sub(whole),
    };
    second?.checked_add(Duration::from_nanos(nanos.into()))
}

#[cfg(not(windows))]
fn from_system(time: SystemTime) -> FileTime {
    let unix = match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => {
            UnixTime { secs: i64::try_from(since.as_secs()).unwrap_or(i64::MAX), nanos: since.subsec_nanos() }
        }
        Err(error) => before_1970(error.duration()),
    };
    FileTime::from_unix_saturating(unix)
}

#[cfg(not(windows))]
fn before_1970(ago: Duration) -> UnixTime {
    let secs = i64::try_from(ago.as_secs()).map_or(i64::MIN, |secs| -secs);
    match ago.subsec_nanos() {
        0 => UnixTime { secs, nanos: 0 },
        nanos => UnixTime { secs: secs.saturating_sub(1), nanos: 1_000_000_000 - nanos },
    }
}

#[cfg(windows)]
mod platform {
    use std::fs::{File, FileTimes, Metadata};
    use std::io;
    use std::os::windows::fs::{FileTimesExt, MetadataExt};

    use super::{FileTime, Times, to_system};

    pub(super) fn settable(time: FileTime) -> FileTime {
        FileTime::from_ticks(time.ticks().clamp(1, i64::MAX.cast_unsigned()))
    }

    #[expect(clippy::unnecessary_wraps, reason = "elsewhere it can fail")]
    pub(super) fn keep(_: Times, _: &File) -> io::Result<()> {
        Ok(())
    }

    pub(super) fn with_creation(times: FileTimes, created: FileTime) -> FileTimes {
        match to_system(created) {
            Some(created) => times.set_created(created),
            None => times,
        }
    }

    pub(super) fn read(_: &File, metadata: &Metadata) -> io::Result<Times> {
        of_directory(metadata)
    }

    #[expect(clippy::unnecessary_wraps, reason = "elsewhere it can fail")]
    pub(super) fn of_directory(metadata: &Metadata) -> io::Result<Times> {
        let modified = FileTime::from_ticks(metadata.last_write_time());
        Ok(Times {
            created: FileTime::from_ticks(metadata.creation_time()),
            accessed: FileTime::from_ticks(metadata.last_access_time()),
            modified,
            changed: modified,
        })
    }
}

#[cfg(not(windows))]
mod platform {
    use std::fs::{File, FileTimes, Metadata};
    use std::io;

    use super::{FileTime, Times, from_system};

    pub(super) use super::attribute::keep;

    pub(super) fn settable(time: FileTime) -> FileTime {
        time
    }

    fn all(time: FileTime) -> Times {
        Times { created: time, accessed: time, modified: time, changed: time }
    }

    pub(super) fn with_creation(times: FileTimes, _: FileTime) -> FileTimes {
        times
    }

    pub(super) fn of_directory(metadata: &Metadata) -> io::Result<Times> {
        Ok(all(from_system(metadata.modified()?)))
    }

    pub(super) fn read(file: &File, metadata: &Metadata) -> io::Result<Times> {
        let own = from_system(metadata.modified()?);
        let Some(kept) = super::attribute::kept(file)? else { return Ok(all(own)) };
        if own == kept.modified || !is_held_anywhere(kept.modified) {
            return Ok(kept);
        }
        // Somebody wrote to the file since.
        Ok(Times { modified: own, changed: own, ..kept })
    }

    /// Whether every file system has room for the time: 32 bits of seconds since 1970.
    fn is_held_anywhere(time: FileTime) -> bool {
        (0..=i64::from(i32::MAX)).contains(&time.to_unix().secs)
    }
}

#[cfg(target_os = "linux")]
mod attribute {
    use std::fs::File;
    use std::io;

    use rustix::fs::{XattrFlags, fgetxattr, fsetxattr};
    use rustix::io::Errno;

    use super::{FileTime, Times};

    const NAME: &str = "user.winlayer.times";
    const LEN: usize = 4 * 8;

    /// Keeps the times where the file system has extended attributes.
    pub(crate) fn keep(times: Times, file: &File) -> io::Result<()> {
        let Times { created, accessed, modified, changed } = times;
        let bytes = [created, accessed, modified, changed].map(|time| time.ticks().to_le_bytes());
        match fsetxattr(file, NAME, bytes.as_flattened(), XattrFlags::empty()) {
            Ok(()) | Err(Errno::NOTSUP) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// The times that were kept.
    pub(crate) fn kept(file: &File) -> io::Result<Option<Times>> {
        let mut bytes = [0; LEN + 1];
        match fgetxattr(file, NAME, &mut bytes) {
            Ok(LEN) => {}
            // Not ours.
            Ok(_) | Err(Errno::NODATA | Errno::NOTSUP | Errno::RANGE) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
        let (ticks, _) = bytes.as_chunks();
        let mut ticks = ticks.iter().map(|ticks| FileTime::from_ticks(u64::from_le_bytes(*ticks)));
        let mut next = || ticks.next().unwrap_or_default();
        Ok(Some(Times { created: next(), accessed: next(), modified: next(), changed: next() }))
    }
}

#[cfg(not(any(windows, target_os = "linux")))]
mod attribute {
    use std::fs::File;
    use std::io;

    use super::Times;

    #[expect(clippy::unnecessary_wraps, reason = "elsewhere it can fail")]
    pub(crate) fn keep(_: Times, _: &File) -> io::Result<()> {
        Ok(())
    }

    #[expect(clippy::unnecessary_wraps, reason = "elsewhere it can fail")]
    pub(crate) fn kept(_: &File) -> io::Result<Option<Times>> {
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(time: FileTime) -> Times {
        Times { created: time, accessed: time, modified: time, changed: time }
    }

    fn at(ticks: u64) -> FileTime {
        FileTime::from_ticks(ticks)
    }

    #[test]
    fn a_file_gives_back_the_times_that_it_was_given() {
        let modified = at(132_444_736_001_234_567);
        let times = Times { created: at(0), accessed: at(u64::MAX), modified, changed: at(1) };
        let file = tempfile::tempfile().unwrap();
        times.write(&file).unwrap();
        let read = Times::read(&file, &file.metadata().unwrap()).unwrap();
        assert_eq!(read.modified, modified);
        if cfg!(target_os = "linux") {
            assert!(read == times || read == one(modified), "{read:?}");
        }
    }

    #[cfg(not(windows))]
    #[test]
    fn system_times_convert_both_ways_also_before_1970() {
        for ticks in [1, 116_444_735_999_999_999, 116_444_736_000_000_000, 132_444_736_001_234_567] {
            assert_eq!(from_system(to_system(at(ticks)).unwrap()), at(ticks));
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_file_that_was_written_since_has_the_time_of_that() {
        use std::io::Write;
        let old = one(at(132_444_736_001_234_567));
        let mut file = tempfile::tempfile().unwrap();
        old.write(&file).unwrap();
        file.write_all(b"x").unwrap();
        let read = Times::read(&file, &file.metadata().unwrap()).unwrap();
        assert!(read.modified > old.modified);
        assert_eq!(read.changed, read.modified);
    }
}
