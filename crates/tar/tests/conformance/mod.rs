//! The vectors: their manifest, and what is common to all kinds of cases.

mod backup_to_tar;
mod layer;
mod model;
mod tar_to_backup;
mod times;

use std::path::Path;

use serde_json::Value;
use winlayer_meta::filetime::FileTime;
use winlayer_tar::stream::FileInfo;

/// How a case came out, if not wrong.
pub(crate) enum Outcome {
    /// As the reference has it.
    Same,
    /// Otherwise, as these rules say.
    Deviates(Vec<&'static str>),
}

impl Outcome {
    fn of(rules: Vec<&'static str>) -> Self {
        if rules.is_empty() { Self::Same } else { Self::Deviates(rules) }
    }
}

pub(crate) type Verdict = Result<Outcome, String>;

/// A case of the manifest.
pub(crate) struct Case(Value);

impl Case {
    pub(crate) fn all() -> Vec<Self> {
        let manifest: Value = serde_json::from_slice(&read("manifest.json")).unwrap();
        manifest["cases"].as_array().unwrap().iter().cloned().map(Self).collect()
    }

    pub(crate) fn kind(&self) -> &str {
        self.0["kind"].as_str().unwrap()
    }

    pub(crate) fn id(&self) -> &str {
        self.0["id"].as_str().unwrap()
    }

    fn tar(&self) -> Vec<u8> {
        file(&self.0["tar"])
    }

    fn items(&self, field: &str) -> &[Value] {
        self.0[field].as_array().map_or(&[], Vec::as_slice)
    }
}

pub(crate) fn run(case: &Case) -> Verdict {
    match case.kind() {
        "t2b" => tar_to_backup::run(case),
        "b2t" => backup_to_tar::run(case),
        "layer-import" => layer::import(case),
        "layer-export" => layer::export(case),
        "transport-import" => layer::transport(case),
        other => Err(format!("unknown kind {other}")),
    }
}

fn read(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The file that a `{file, len, sha256}` names.
fn file(reference: &Value) -> Vec<u8> {
    read(reference["file"].as_str().unwrap())
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}

fn ticks(info: &Value, field: &str) -> FileTime {
    FileTime::from_ticks(text(info, field).parse().unwrap())
}

/// A `fileinfo` object, with the name and size that stand beside it.
fn file_info(beside: &Value) -> FileInfo {
    let info = &beside["fileinfo"];
    let attributes = u32::try_from(info["attributes"].as_u64().unwrap()).unwrap();
    FileInfo {
        name: text(beside, "name").as_bytes().to_vec(),
        size: beside["size"].as_u64().unwrap(),
        attributes: winlayer_meta::attributes::FileAttributes::from_bits(attributes),
        created: ticks(info, "creation_time"),
        accessed: ticks(info, "last_access_time"),
        modified: ticks(info, "last_write_time"),
        changed: ticks(info, "change_time"),
    }
}

fn check<T: PartialEq + std::fmt::Debug>(what: &str, ours: T, theirs: T) -> Result<(), String> {
    if ours == theirs { Ok(()) } else { Err(format!("{what}: ours {ours:?}, theirs {theirs:?}")) }
}

/// Compares bytes; says where they part.
fn check_bytes(what: &str, ours: &[u8], theirs: &[u8]) -> Result<(), String> {
    if ours == theirs {
        return Ok(());
    }
    let at = ours.iter().zip(theirs).take_while(|(a, b)| a == b).count();
    Err(format!("{what}: {} and {} bytes, which part at {at}", ours.len(), theirs.len()))
}
