//! `doctor`: looks for what is wrong with the home, changes nothing, and says what to do.

mod home;
mod layers;

use std::fmt;

use serde::Serialize;
use winlayer_core::Error;

use crate::context::Context;
use crate::failure::Outcome;
use crate::text::{count, printable};

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
enum Severity {
    /// As it should be.
    Good,
    /// Works, but could be better or will cost something.
    Warning,
    /// Something cannot be used.
    Problem,
}

/// One thing that was looked at.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Finding {
    severity: Severity,
    /// What was looked at, for programs.
    check: &'static str,
    /// What was found.
    found: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
}

impl Finding {
    fn good(check: &'static str, found: impl Into<String>) -> Self {
        Self { severity: Severity::Good, check, found: found.into(), advice: None }
    }

    fn warning(check: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, check, found: found.into(), advice: Some(advice.into()) }
    }

    fn problem(check: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { severity: Severity::Problem, check, found: found.into(), advice: Some(advice.into()) }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.severity {
            Severity::Good => "ok",
            Severity::Warning => "warning",
            Severity::Problem => "problem",
        };
        write!(f, "{word:<8} {}", printable(self.found.as_bytes()))?;
        match &self.advice {
            Some(advice) => write!(f, "\n         to do: {}", printable(advice.as_bytes())),
            None => Ok(()),
        }
    }
}

/// Prints every finding; fails if one is a problem.
pub(crate) fn run(context: &Context) -> Outcome {
    let mut findings = home::check(context.store().home());
    if context.store().home().root().is_dir() {
        findings.extend(layers::check(context.store()));
    }
    let mut list = context.out.list();
    findings.iter().try_for_each(|finding| list.push(finding))?;
    list.finish()?;
    match findings.iter().filter(|finding| finding.severity == Severity::Problem).count() {
        0 => Ok(()),
        problems => Err(Error::corrupt(format!("{} found", count(problems, "problem"))).into()),
    }
}
