//! The `winlayer` binary: Windows container layers from the command line.
//!
//! ```text
//! main ─► args (what was asked) ─► context (home, engine, driver, output, Ctrl-C) ─► one file for every command
//!                                                                                    └► failure (line, hint, exit code)
//! ```
#![forbid(unsafe_code)]

mod args;
mod completions;
mod context;
mod demo;
mod doctor;
mod failure;
mod fs;
mod home;
mod input;
mod interrupt;
mod layer;
mod output;
mod progress;
mod status;
mod table;
mod target;
mod text;
mod transport;
mod volume;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let args = args::Cli::parse();
    let interrupt = match interrupt::Interrupt::install() {
        Ok(interrupt) => interrupt,
        Err(error) => return failure::report(&error.into(), interrupt::Cancelled::No),
    };
    let result =
        context::Context::new(&args.global, interrupt.clone()).and_then(|context| args.command.run(&context));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure::report(&failure, interrupt.cancelled()),
    }
}
