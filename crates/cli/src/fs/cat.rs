//! `fs cat`: the content of a file or stream.

use std::io::{Read, Write};

use clap::Args;
use winlayer_core::Error;

use super::place::UserPath;
use crate::context::Context;
use crate::failure::{Failure, Outcome};

/// Options of `fs cat`.
#[derive(Debug, Args)]
pub(crate) struct CatArgs {
    /// The layer.
    layer: String,
    /// The file, or FILE:STREAM.
    path: String,
}

impl CatArgs {
    /// Writes the content to standard output.
    pub(crate) fn run(&self, context: &Context) -> Outcome {
        let place = UserPath::parse(&self.path)?;
        let view = super::view(context, &self.layer)?;
        let mut content = view.open(&view.find(&place.path)?, place.stream.as_deref())?;
        let mut out = context.out.raw();
        let mut buffer = vec![0; 256 << 10];
        loop {
            let n = content
                .read(&mut buffer)
                .map_err(|e| Error::io_stream(&format!("read {}", place.path), e))?;
            if n == 0 {
                return out.flush().map_err(Failure::stdout);
            }
            out.write_all(&buffer[..n]).map_err(Failure::stdout)?;
        }
    }
}
