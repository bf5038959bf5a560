//! Runs every recorded case of the reference implementation (`vectors/manifest.json` says which one) and holds us to it,
//! byte for byte, except where [`DEVIATIONS`] says that we do better.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at what it does not expect"
)]

mod conformance;

use std::collections::BTreeSet;
use std::panic::catch_unwind;

use conformance::{Case, Outcome};

/// What we do otherwise, on purpose, and why. A rule of which no case is left fails the test, as does a case that one
/// applies to and that comes out as the reference has it.
const DEVIATIONS: [(&str, &str); 6] = [
    ("missing times", "a tar without atime or ctime means the modification time, not the year 1754"),
    ("time overflow", "times outside of 1677 to 2262 survive, where 64 bits of nanoseconds wrap around"),
    ("empty print name", "the target of a link without a print name is its substitute name, not lost"),
    ("attributes behind data", "extended attributes are kept, wherever in a backup stream they are"),
    ("streams without data", "alternate streams are kept, also where there is no data or it comes later"),
    ("sparse in two passes", "a sparse file is read twice as well as once, not an unknown stream 9"),
];

#[test]
fn every_vector_is_met_but_for_intended_deviations() {
    let cases = Case::all();
    assert!(!cases.is_empty());
    let mut failures = Vec::new();
    let mut used = BTreeSet::new();
    for case in &cases {
        let outcome = catch_unwind(|| conformance::run(case)).unwrap_or_else(|_| Err("panicked".to_owned()));
        let name = format!("{} {}", case.kind(), case.id());
        match outcome {
            Ok(Outcome::Same) => println!("ok        {name}"),
            Ok(Outcome::Deviates(rules)) => {
                println!("deviates  {name}: {}", rules.join(", "));
                used.extend(rules);
            }
            Err(why) => {
                println!("FAILED    {name}: {why}");
                failures.push(name);
            }
        }
    }
    println!("{} cases", cases.len());
    let known: BTreeSet<_> = DEVIATIONS.iter().map(|(rule, _)| *rule).collect();
    assert_eq!(used, known, "deviations that cases show, and those that are known");
    assert!(failures.is_empty(), "{} of {} cases failed: {failures:#?}", failures.len(), cases.len());
}
