//! How far long work is: a bar on a terminal, a line now and then elsewhere, nothing beside JSON.

use std::io::{IsTerminal, stderr};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use winlayer_core::{Progress, ProgressSink};

use crate::output::Format;
use crate::text::size;

/// The way in which progress is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reports {
    /// A bar that moves.
    Bar,
    /// Lines, the first after this time.
    Lines(Duration),
    /// Not at all.
    Silent,
}

/// Time between two lines.
const BETWEEN_LINES: Duration = Duration::from_secs(5);

impl Reports {
    /// What suits standard error and the options.
    pub(crate) fn choose(format: Format, verbose: u8) -> Self {
        match (format, verbose) {
            (Format::Json | Format::Quiet, _) => Self::Silent,
            _ if stderr().is_terminal() => Self::Bar,
            (_, 0) => Self::Lines(BETWEEN_LINES),
            _ => Self::Lines(Duration::from_secs(1)),
        }
    }

    /// A meter for work on `what`, of `total` bytes where that is known.
    pub(crate) fn meter(self, what: String, total: Option<u64>) -> Meter {
        let show = match self {
            Self::Silent => Show::Nothing,
            Self::Bar => Show::Bar(bar(what, total)),
            Self::Lines(first) => {
                let now = Instant::now();
                Show::Lines { what, start: now, next: Mutex::new(now + first) }
            }
        };
        Meter { show, total }
    }
}

/// Takes note of progress and shows it until dropped.
pub(crate) struct Meter {
    show: Show,
    total: Option<u64>,
}

enum Show {
    Bar(ProgressBar),
    Lines { what: String, start: Instant, next: Mutex<Instant> },
    Nothing,
}

fn bar(what: String, total: Option<u64>) -> ProgressBar {
    let (bar, template) = match total {
        Some(total) => (
            ProgressBar::new(total),
            "{msg} [{bar:30}] {bytes}/{total_bytes} {binary_bytes_per_sec} {eta} left",
        ),
        None => (ProgressBar::new_spinner(), "{msg} {spinner} {bytes} {binary_bytes_per_sec}"),
    };
    // The templates are right; if they were not, the default style would do.
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    bar.with_style(style.progress_chars("=> ")).with_message(what)
}

impl ProgressSink for Meter {
    fn update(&self, progress: Progress) {
        match &self.show {
            Show::Nothing => {}
            Show::Bar(bar) => bar.set_position(progress.done),
            Show::Lines { what, start, next } => {
                let now = Instant::now();
                // Another thread is at it: this piece of news can wait.
                let Ok(mut next) = next.try_lock() else { return };
                if now >= *next {
                    *next = now + BETWEEN_LINES;
                    say(&line(what, progress.done, self.total.or(progress.total), now - *start));
                }
            }
        }
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        if let Show::Bar(bar) = &self.show {
            bar.finish_and_clear();
        }
    }
}

#[allow(clippy::print_stderr)]
fn say(line: &str) {
    eprintln!("{line}");
}

fn line(what: &str, done: u64, total: Option<u64>, elapsed: Duration) -> String {
    let millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX).max(1);
    let rate = u64::try_from(u128::from(done) * 1000 / u128::from(millis)).unwrap_or(u64::MAX);
    match total.filter(|total| *total > 0) {
        None => format!("{what}: {}, {}/s", size(done), size(rate)),
        Some(total) => {
            let percent = u128::from(done) * 100 / u128::from(total);
            let left = total.saturating_sub(done) / rate.max(1);
            format!(
                "{what}: {} of {} ({percent} %), {}/s, {left} s left",
                size(done),
                size(total),
                size(rate)
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_far_how_fast_and_how_long() {
        let text = line("import base", 10 << 20, Some(40 << 20), Duration::from_secs(2));
        assert_eq!(text, "import base: 10.0 MiB of 40.0 MiB (25 %), 5.0 MiB/s, 6 s left");
        assert_eq!(
            line("import base", 2048, None, Duration::from_secs(1)),
            "import base: 2.0 KiB, 2.0 KiB/s"
        );
    }

    #[test]
    fn nothing_is_shown_beside_json() {
        assert_eq!(Reports::choose(Format::Json, 2), Reports::Silent);
    }
}
