//! How a command fails: one `error:` line, what caused it, what to do, and the exit code.

use std::error::Error as _;
use std::io;
use std::process::ExitCode;

use winlayer_core::Error;

use crate::interrupt::Cancelled;
use crate::text::printable;

/// What a command gives.
pub(crate) type Outcome<T = ()> = Result<T, Failure>;

/// Why a command ended early.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Something failed.
    Failed(Error),
    /// Whoever read standard output closed it. Not our failure, and nobody is there to read about it.
    StdoutClosed,
}

/// What programs exit with that a signal ended: 128 and the signal's number (POSIX shells).
const EXIT_CANCELLED: u8 = 130;
const EXIT_STDOUT_CLOSED: u8 = 141;

impl Failure {
    /// A failure to write to standard output.
    pub(crate) fn stdout(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::StdoutClosed,
            _ => Self::Failed(Error::io_stream("write to standard output", error)),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// Tells people, and gives the exit code.
pub(crate) fn report(failure: &Failure, cancelled: Cancelled) -> ExitCode {
    match (failure, cancelled) {
        (Failure::StdoutClosed, _) => ExitCode::from(EXIT_STDOUT_CLOSED),
        // Whatever failed, it failed because it was asked to stop.
        (_, Cancelled::Yes(end)) => {
            say(&format!("error: cancelled; {end}\n"));
            ExitCode::from(EXIT_CANCELLED)
        }
        (Failure::Failed(error), Cancelled::No) => {
            say(&lines(error));
            ExitCode::FAILURE
        }
    }
}

/// Ends the process at once, because somebody insists.
pub(crate) fn exit_cancelled(line: &str) -> ! {
    say(&format!("{line}\n"));
    std::process::exit(i32::from(EXIT_CANCELLED))
}

#[allow(clippy::print_stderr)]
fn say(lines: &str) {
    eprint!("{lines}");
}

/// The error line, then causes that the text above does not contain yet, then advice.
fn lines(error: &Error) -> String {
    let mut told = printable(error.to_string().as_bytes());
    let mut lines = format!("error: {told}\n");
    let mut source = error.source();
    while let Some(cause) = source {
        let text = printable(cause.to_string().as_bytes());
        if !told.contains(&text) {
            lines.push_str(&format!("  caused by: {text}\n"));
            told.push_str(&text);
        }
        source = cause.source();
    }
    if let Some(advice) = error.advice() {
        lines.push_str(&format!("  hint: {}\n", printable(advice.as_bytes())));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_told_once_and_advice_comes_last() {
        let known = Error::invalid("cannot read x: disk on fire")
            .because(io::Error::other("disk on fire"))
            .hint("run");
        assert_eq!(lines(&known), "error: cannot read x: disk on fire\n  hint: run\n");
        let new = Error::invalid("cannot read x").because(io::Error::other("disk on fire"));
        assert_eq!(lines(&new), "error: cannot read x\n  caused by: disk on fire\n");
    }

    #[test]
    fn an_error_is_one_line_whatever_names_are_in_it() {
        let error = Error::invalid("no file a\nb\x1b[31m");
        assert_eq!(lines(&error), "error: no file a\\u{a}b\\u{1b}[31m\n");
    }
}
