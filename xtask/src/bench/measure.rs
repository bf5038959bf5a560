//! What a piece of work costs: wall time, processor time and peak memory of the processes that do it, and nothing else.
//!
//! The system tells the processor time and the peak of all children that a process has ever waited for. So each piece of
//! work gets a process of its own to be a child of: this program again, as `xtask measured`.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

/// A command: program and arguments.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Step(Vec<String>);

impl From<&[&str]> for Step {
    fn from(words: &[&str]) -> Self {
        Self(words.iter().map(|word| (*word).to_owned()).collect())
    }
}

impl Step {
    /// Splits nothing and expands nothing.
    pub(super) fn new<const N: usize>(words: [&str; N]) -> Self {
        Self::from(words.as_slice())
    }

    /// Runs it; its error output is the error.
    pub(super) fn run(&self) -> Result<()> {
        let [program, arguments @ ..] = self.0.as_slice() else { return Ok(()) };
        let output = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .output()
            .with_context(|| format!("cannot run {program}"))?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{} failed: {}", self.0.join(" "), said.trim());
        Ok(())
    }
}

/// What one run cost.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Sample {
    /// From start to end, all steps together.
    pub(super) wall: Duration,
    /// User and system time of all processes.
    pub(super) cpu: Duration,
    /// The most memory that one process had in use at once, in bytes.
    pub(super) peak: u64,
}

/// Runs the steps one after the other and measures them.
pub(super) fn measure(steps: &[Step]) -> Result<Sample> {
    let output = Command::new(std::env::current_exe()?)
        .args(["measured", &serde_json::to_string(steps)?])
        .output()
        .context("cannot run this program again")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr).trim());
    serde_json::from_slice(&output.stdout).context("cannot read what was measured")
}

/// The other side of [`measure`]: runs the steps and prints the sample.
pub(crate) fn run_measured(steps: &str) -> Result<()> {
    let steps: Vec<Step> = serde_json::from_str(steps)?;
    let start = Instant::now();
    steps.iter().try_for_each(Step::run)?;
    let sample = children_so_far(start.elapsed())?;
    println!("{}", serde_json::to_string(&sample)?);
    Ok(())
}

fn children_so_far(wall: Duration) -> Result<Sample> {
    use nix::sys::resource::{UsageWho, getrusage};
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let times = [usage.user_time(), usage.system_time()];
    let micros: i64 = times.iter().map(|time| time.tv_sec() * 1_000_000 + time.tv_usec()).sum();
    // Linux counts in KiB, the BSDs too; macOS in bytes.
    let unit = if cfg!(target_os = "macos") { 1 } else { 1024 };
    let peak = u64::try_from(usage.max_rss()).unwrap_or_default() * unit;
    Ok(Sample { wall, cpu: Duration::from_micros(micros.unsigned_abs()), peak })
}
