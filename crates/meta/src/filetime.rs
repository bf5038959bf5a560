//! Windows file times, because a layer stores every time of a file as 100 ns ticks since 1601 and tars do not.
//!
//! [MS-DTYP] 2.3.3 (FILETIME). The whole `u64` range is kept; tick 0 is the first moment of 1601.

use std::fmt;

const TICKS_PER_SECOND: u64 = 10_000_000;
const NANOS_PER_TICK: u32 = 100;
const SECONDS_PER_DAY: u64 = 86_400;
/// Seconds from 1601-01-01 to 1970-01-01.
const EPOCH_DIFFERENCE: i64 = 11_644_473_600;

/// A point in time in 100 ns ticks since 1601-01-01T00:00:00 UTC, from 0 to `u64::MAX` (the year 60056).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileTime(u64);

/// A point in time as POSIX counts it: whole seconds since 1970-01-01 UTC, rounded down, plus nanoseconds.
///
/// Half a second before 1970 is `secs: -1, nanos: 500_000_000`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixTime {
    /// Seconds since 1970-01-01T00:00:00 UTC, negative before it.
    pub secs: i64,
    /// Nanoseconds after `secs`, 0 to 999,999,999. A larger number counts as what it says: seconds carry over.
    pub nanos: u32,
}

impl FileTime {
    /// 1970-01-01T00:00:00 UTC.
    pub const UNIX_EPOCH: Self = Self(116_444_736_000_000_000);
    /// 1601-01-01T00:00:00 UTC.
    pub const MIN: Self = Self(0);
    /// The last tick that 64 bits can count, in the year 60056.
    pub const MAX: Self = Self(u64::MAX);

    /// The time that many 100 ns ticks after the start of 1601.
    #[must_use]
    pub const fn from_ticks(ticks: u64) -> Self {
        Self(ticks)
    }

    /// 100 ns ticks since the start of 1601.
    #[must_use]
    pub const fn ticks(self) -> u64 {
        self.0
    }

    /// The tick that `time` falls into, or `None` before 1601 and after [`FileTime::MAX`].
    #[must_use]
    pub fn from_unix(time: UnixTime) -> Option<Self> {
        let since_1601 = i128::from(time.secs) + i128::from(EPOCH_DIFFERENCE);
        let ticks = since_1601 * i128::from(TICKS_PER_SECOND) + i128::from(time.nanos / NANOS_PER_TICK);
        u64::try_from(ticks).ok().map(Self)
    }

    /// As [`FileTime::from_unix`], but a time out of range becomes the nearest one in range.
    #[must_use]
    pub fn from_unix_saturating(time: UnixTime) -> Self {
        let nearest = if time.secs < 0 { Self::MIN } else { Self::MAX };
        Self::from_unix(time).unwrap_or(nearest)
    }

    /// The same moment as POSIX counts it. Exact, since every tick is a whole number of nanoseconds.
    #[must_use]
    pub const fn to_unix(self) -> UnixTime {
        let since_1601 = (self.0 / TICKS_PER_SECOND).cast_signed();
        UnixTime { secs: since_1601 - EPOCH_DIFFERENCE, nanos: self.subsecond_ticks() * NANOS_PER_TICK }
    }

    const fn subsecond_ticks(self) -> u32 {
        (self.0 % TICKS_PER_SECOND) as u32
    }
}

/// RFC 3339 in UTC with the seven digits that a tick has, such as `2020-09-13T12:26:40.1234567Z`.
///
/// RFC 3339 ends with the year 9999; later years are written with a plus sign and five digits, as ISO 8601 does.
impl fmt::Display for FileTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0 / TICKS_PER_SECOND;
        let (year, month, day) = civil_date(seconds / SECONDS_PER_DAY);
        let second = seconds % SECONDS_PER_DAY;
        let plus = if year > 9999 { "+" } else { "" };
        write!(
            f,
            "{plus}{year}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:07}Z",
            second / 3600,
            second / 60 % 60,
            second % 60,
            self.subsecond_ticks()
        )
    }
}

/// Year, month and day of a day counted from 1601-01-01.
///
/// Years are counted from March, so that the leap day comes last; 1600-03-01 starts a cycle of 400 Gregorian years.
const fn civil_date(days_since_1601: u64) -> (u64, u64, u64) {
    const MARCH_1600_TO_JANUARY_1601: u64 = 306;
    const DAYS_IN_4_YEARS: u64 = 1_461;
    const DAYS_IN_CENTURY: u64 = 36_524;
    const DAYS_IN_CYCLE: u64 = 146_097;

    let days = days_since_1601 + MARCH_1600_TO_JANUARY_1601;
    let day_of_cycle = days % DAYS_IN_CYCLE;
    let leap_days_skipped = day_of_cycle / DAYS_IN_CENTURY - day_of_cycle / (DAYS_IN_CYCLE - 1);
    let year_of_cycle = (day_of_cycle - day_of_cycle / (DAYS_IN_4_YEARS - 1) + leap_days_skipped) / 365;
    let day_of_year = day_of_cycle - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let march_year = 1600 + days / DAYS_IN_CYCLE * 400 + year_of_cycle;
    if month_from_march < 10 {
        (march_year, month_from_march + 3, day)
    } else {
        (march_year + 1, month_from_march - 9, day)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn unix(secs: i64, nanos: u32) -> UnixTime {
        UnixTime { secs, nanos }
    }

    #[test]
    fn known_moments_convert_both_ways() {
        let known = [
            (0, unix(-11_644_473_600, 0), "1601-01-01T00:00:00.0000000Z"),
            (1, unix(-11_644_473_600, 100), "1601-01-01T00:00:00.0000001Z"),
            (116_444_735_999_999_999, unix(-1, 999_999_900), "1969-12-31T23:59:59.9999999Z"),
            (116_444_736_000_000_000, unix(0, 0), "1970-01-01T00:00:00.0000000Z"),
            (125_963_424_000_000_000, unix(951_868_800, 0), "2000-03-01T00:00:00.0000000Z"),
            (132_444_736_001_234_567, unix(1_600_000_000, 123_456_700), "2020-09-13T12:26:40.1234567Z"),
            (208_678_104_368_547_759, unix(9_223_336_836, 854_775_900), "2262-04-11T14:00:36.8547759Z"),
            (2_650_467_743_999_999_999, unix(253_402_300_799, 999_999_900), "9999-12-31T23:59:59.9999999Z"),
            (2_650_467_744_000_000_000, unix(253_402_300_800, 0), "+10000-01-01T00:00:00.0000000Z"),
            (u64::MAX, unix(1_833_029_933_770, 955_161_500), "+60056-05-28T05:36:10.9551615Z"),
        ];
        for (ticks, time, text) in known {
            let file_time = FileTime::from_ticks(ticks);
            assert_eq!(file_time.to_unix(), time, "{ticks}");
            assert_eq!(FileTime::from_unix(time), Some(file_time), "{ticks}");
            assert_eq!(file_time.to_string(), text);
        }
        assert_eq!(FileTime::UNIX_EPOCH.to_unix(), unix(0, 0));
    }

    #[test]
    fn what_a_filetime_cannot_count_is_refused_or_saturated() {
        for (time, nearest) in [
            (unix(-11_644_473_601, 999_999_999), FileTime::MIN),
            (unix(i64::MIN, 0), FileTime::MIN),
            (unix(1_833_029_933_770, 955_161_600), FileTime::MAX),
            (unix(i64::MAX, u32::MAX), FileTime::MAX),
        ] {
            assert_eq!(FileTime::from_unix(time), None, "{time:?}");
            assert_eq!(FileTime::from_unix_saturating(time), nearest, "{time:?}");
        }
    }

    #[test]
    fn less_than_a_tick_is_rounded_down_also_before_1970() {
        assert_eq!(FileTime::from_unix(unix(-1, 999_999_999)).unwrap().to_unix(), unix(-1, 999_999_900));
        assert_eq!(FileTime::from_unix(unix(1, 199)).unwrap().to_unix(), unix(1, 100));
    }

    #[test]
    fn every_day_of_eight_centuries_follows_the_one_before() {
        let month_length = |year: u64, month| match month {
            2 if year.is_multiple_of(400) || year.is_multiple_of(4) && !year.is_multiple_of(100) => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        let mut expected = (1601, 1, 1);
        for day in 0..292_194 {
            assert_eq!(civil_date(day), expected);
            expected.2 += 1;
            if expected.2 > month_length(expected.0, expected.1) {
                expected = (expected.0, expected.1 + 1, 1);
            }
            if expected.1 > 12 {
                expected = (expected.0 + 1, 1, 1);
            }
        }
    }

    proptest! {
        #[test]
        fn every_tick_survives_unix_time(ticks: u64) {
            let time = FileTime::from_ticks(ticks).to_unix();
            prop_assert!(time.nanos < 1_000_000_000);
            prop_assert_eq!(FileTime::from_unix(time), Some(FileTime::from_ticks(ticks)));
        }

        #[test]
        fn order_is_the_same_in_both_counts(a: u64, b: u64) {
            let (a, b) = (FileTime::from_ticks(a), FileTime::from_ticks(b));
            prop_assert_eq!(a.cmp(&b), a.to_unix().cmp(&b.to_unix()));
        }
    }
}
