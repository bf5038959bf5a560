//! Errors of the tar and the streams as errors of the model.

use std::io;

use winlayer_core::{Error, ErrorKind};
use winlayer_tar::stream::{StreamError, StreamProblem};
use winlayer_tar::{ReadError, TarError, WriteError};

/// Names the entry; tells what is wrong with the input from what is wrong with the system.
pub(super) fn stream_error(error: StreamError) -> Error {
    let wrapped = match error.problem {
        StreamProblem::Read(ReadError::Io(error)) => io_error("read the tar", error),
        StreamProblem::Read(ReadError::Tar(error)) => tar_error(error),
        StreamProblem::Write(error) => write_error(error),
        StreamProblem::Backup(error) => io_error("copy the backup stream", error.into()),
        StreamProblem::Io(error) => match error.downcast::<TarError>() {
            Ok(error) => tar_error(error),
            Err(error) => io_error("copy the data", error),
        },
        problem => Error::invalid(problem.to_string()),
    };
    match &error.entry {
        Some(entry) => wrapped.entry(entry),
        None => wrapped,
    }
}

fn tar_error(error: TarError) -> Error {
    let wrapped = Error::invalid(error.problem.to_string()).offset(error.offset);
    match &error.entry {
        Some(entry) => wrapped.entry(entry),
        None => wrapped,
    }
}

/// Errors of a tar that is being written.
pub(super) fn write_error(error: WriteError) -> Error {
    match error {
        WriteError::Io(error) => io_error("write the tar", error),
        other => Error::invalid(other.to_string()),
    }
}

fn io_error(what: &str, error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::UnexpectedEof => {
            Error::new(ErrorKind::InvalidInput, error.to_string())
        }
        _ => Error::io_stream(what, error),
    }
}
