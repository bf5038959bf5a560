//! Standard output: text for people or one JSON document for programs, and no noise when the reader has gone.

use std::fmt::Display;
use std::io::{self, BufWriter, Write};

use serde::Serialize;

use crate::failure::{Failure, Outcome};

/// How facts are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// Text for people.
    Text,
    /// One document for programs.
    Json,
    /// Nothing: for commands that are run for their effect, within another.
    Quiet,
}

/// Where facts go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    format: Format,
}

impl Output {
    /// Standard output in this format.
    pub(crate) fn new(format: Format) -> Self {
        Self { format }
    }

    /// Prints text that is only for people.
    pub(crate) fn say(self, text: &str) -> Outcome {
        match self.format {
            Format::Text => io::stdout().lock().write_all(text.as_bytes()).map_err(Failure::stdout),
            Format::Json | Format::Quiet => Ok(()),
        }
    }

    /// Where content goes that is not facts: a file, a stream.
    pub(crate) fn raw(self) -> Box<dyn Write> {
        match self.format {
            Format::Text | Format::Json => Box::new(io::stdout().lock()),
            Format::Quiet => Box::new(io::sink()),
        }
    }

    /// The output of a command within a command: a second JSON document would be one too many.
    pub(crate) fn within(self) -> Self {
        match self.format {
            Format::Text => self,
            Format::Json | Format::Quiet => Self::new(Format::Quiet),
        }
    }

    /// Prints a value: as JSON, or as the text that `text` makes of it.
    pub(crate) fn facts(self, value: &impl Serialize, text: impl Display) -> Outcome {
        let mut out = BufWriter::new(io::stdout().lock());
        let written = match self.format {
            Format::Text => write!(out, "{text}"),
            Format::Json => serde_json::to_writer_pretty(&mut out, value)
                .map_err(io::Error::from)
                .and_then(|()| writeln!(out)),
            Format::Quiet => Ok(()),
        };
        written.and_then(|()| out.flush()).map_err(Failure::stdout)
    }

    /// Starts a list that may be long: a line for each item, or the items of one JSON array.
    pub(crate) fn list(self) -> Listing {
        Listing { out: BufWriter::new(io::stdout().lock()), format: self.format, items: 0 }
    }
}

/// A list on its way out.
pub(crate) struct Listing {
    out: BufWriter<io::StdoutLock<'static>>,
    format: Format,
    items: u64,
}

impl Listing {
    /// Prints one item.
    pub(crate) fn push(&mut self, item: &(impl Serialize + Display)) -> Outcome {
        let before = if self.items == 0 { "[\n  " } else { ",\n  " };
        self.items += 1;
        let written = match self.format {
            Format::Quiet => Ok(()),
            Format::Text => writeln!(self.out, "{item}"),
            Format::Json => self
                .out
                .write_all(before.as_bytes())
                .and_then(|()| serde_json::to_writer(&mut self.out, item).map_err(io::Error::from)),
        };
        written.map_err(Failure::stdout)
    }

    /// Ends the list.
    pub(crate) fn finish(mut self) -> Outcome {
        let end: &[u8] = match (self.format, self.items) {
            (Format::Text | Format::Quiet, _) => b"",
            (Format::Json, 0) => b"[]\n",
            (Format::Json, _) => b"\n]\n",
        };
        self.out.write_all(end).and_then(|()| self.out.flush()).map_err(Failure::stdout)
    }
}
