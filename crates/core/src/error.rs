//! The one error type of the model and the engines: what failed, where (layer, tar entry, offset, stage), and the way out.

use std::fmt;
use std::path::Path;

use crate::id::LayerId;

/// A result of the model or of an engine.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What sort of failure an [`Error`] is, for programs that must decide what to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The layer, path or image that was named does not exist.
    NotFound,
    /// What was to be made is there already.
    AlreadyExists,
    /// The caller's input (an id, a path, an option, a tar) breaks a rule; nothing was changed.
    InvalidInput,
    /// Something that was stored is not what it was: digest, index or chain disagree.
    Corrupt,
    /// The layer is needed by something else: a child layer, a mount, a compute system.
    InUse,
    /// Another process holds the lock; trying again later may succeed.
    Busy,
    /// This engine or this system cannot do it.
    Unsupported,
    /// The operating system refused access.
    PermissionDenied,
    /// The volume is full, or a quota or size limit was reached.
    NoSpace,
    /// A documented limit on untrusted input was exceeded.
    LimitExceeded,
    /// The caller cancelled the work.
    Cancelled,
    /// Any other failure of the operating system.
    Io,
}

/// A failure, with the place where it happened.
///
/// `Display` gives one line: layer, stage, tar entry and offset where known, then the reason. The cause chain is in
/// [`std::error::Error::source`], advice in [`Error::hint`].
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    message: String,
    layer: Option<String>,
    stage: Option<&'static str>,
    entry: Option<String>,
    offset: Option<u64>,
    hint: Option<String>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// A new error; `message` says what is wrong, in lower case and without a full stop.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            message: message.into(),
            layer: None,
            stage: None,
            entry: None,
            offset: None,
            hint: None,
            source: None,
        }))
    }

    /// Shorthand for [`ErrorKind::InvalidInput`].
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidInput, message)
    }

    /// Shorthand for [`ErrorKind::Corrupt`].
    pub fn corrupt(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Corrupt, message)
    }

    /// An operating system error while doing `what` to `path`.
    pub fn io(what: &str, path: &Path, source: std::io::Error) -> Self {
        let kind = io_kind(&source);
        Self::new(kind, format!("cannot {what} {}: {source}", path.display())).with_hint_for(kind)
    }

    /// An operating system error on a stream that has no path.
    pub fn io_stream(what: &str, source: std::io::Error) -> Self {
        let kind = io_kind(&source);
        Self::new(kind, format!("cannot {what}: {source}")).with_hint_for(kind)
    }

    fn with_hint_for(self, kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::NoSpace => {
                self.hint("free some space on the volume, or choose another home with --home")
            }
            _ => self,
        }
    }

    /// Names the layer, unless one is named already (the innermost place wins).
    #[must_use]
    pub fn layer(mut self, id: &LayerId) -> Self {
        self.0.layer.get_or_insert_with(|| id.to_string());
        self
    }

    /// Names the stage of the work (`"import"`, `"index"`, `"verify"` …), unless one is named already.
    #[must_use]
    pub fn stage(mut self, stage: &'static str) -> Self {
        self.0.stage.get_or_insert(stage);
        self
    }

    /// Names the tar entry, by the path that the tar gives it; the middle of a very long one is left out.
    #[must_use]
    pub fn entry(mut self, path: &[u8]) -> Self {
        self.0.entry.get_or_insert_with(|| shortened(path));
        self
    }

    /// Names the offset in the tar (bytes from its start).
    #[must_use]
    pub fn offset(mut self, offset: u64) -> Self {
        self.0.offset.get_or_insert(offset);
        self
    }

    /// Says what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint.get_or_insert_with(|| hint.into());
        self
    }

    /// Keeps the cause. The message should still be complete without it.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// What sort of failure it is.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The layer that it concerns, if one is known.
    pub fn layer_name(&self) -> Option<&str> {
        self.0.layer.as_deref()
    }

    /// Advice, if there is any.
    pub fn advice(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }
}

/// A path that fits a message.
fn shortened(path: &[u8]) -> String {
    /// How much is kept of each end, in bytes.
    const END: usize = 120;
    if path.len() <= 3 * END {
        return String::from_utf8_lossy(path).into_owned();
    }
    let [first, last] = [&path[..END], &path[path.len() - END..]].map(String::from_utf8_lossy);
    format!("{first}…{last}")
}

/// Sorts an operating system error into our kinds.
fn io_kind(error: &std::io::Error) -> ErrorKind {
    use std::io::ErrorKind as Io;
    match error.kind() {
        Io::NotFound => ErrorKind::NotFound,
        Io::AlreadyExists => ErrorKind::AlreadyExists,
        Io::PermissionDenied | Io::ReadOnlyFilesystem => ErrorKind::PermissionDenied,
        Io::StorageFull | Io::QuotaExceeded | Io::FileTooLarge => ErrorKind::NoSpace,
        Io::WouldBlock | Io::ResourceBusy => ErrorKind::Busy,
        Io::Unsupported => ErrorKind::Unsupported,
        _ => ErrorKind::Io,
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(layer) = &self.0.layer {
            write!(f, "layer {layer}: ")?;
        }
        if let Some(stage) = self.0.stage {
            write!(f, "{stage}: ")?;
        }
        match (&self.0.entry, self.0.offset) {
            (Some(entry), Some(offset)) => write!(f, "entry {entry:?} at offset {offset}: ")?,
            (Some(entry), None) => write!(f, "entry {entry:?}: ")?,
            (None, Some(offset)) => write!(f, "offset {offset}: ")?,
            (None, None) => {}
        }
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_names_layer_stage_entry_and_offset() {
        let id = LayerId::new("base").unwrap();
        let error =
            Error::invalid("two names fold alike").entry(b"Files/A").offset(512).stage("import").layer(&id);
        assert_eq!(
            error.to_string(),
            r#"layer base: import: entry "Files/A" at offset 512: two names fold alike"#
        );
    }

    #[test]
    fn the_innermost_place_wins() {
        let error = Error::corrupt("x").stage("index").stage("import").hint("first").hint("second");
        assert_eq!(error.to_string(), "index: x");
        assert_eq!(error.advice(), Some("first"));
    }

    #[test]
    fn the_middle_of_a_very_long_path_is_left_out() {
        let path = format!("Files/{}end", "n/".repeat(16_000));
        let line = Error::invalid("x").entry(path.as_bytes()).to_string();
        assert!(
            line.len() < 300 && line.starts_with("entry \"Files/n/") && line.ends_with("n/end\": x"),
            "{line}"
        );
    }

    #[test]
    fn a_full_disk_is_told_apart_and_comes_with_advice() {
        let error = Error::io("write", Path::new("/h/x"), std::io::ErrorKind::StorageFull.into());
        assert_eq!(error.kind(), ErrorKind::NoSpace);
        assert!(error.advice().is_some_and(|hint| hint.contains("--home")));
    }
}
