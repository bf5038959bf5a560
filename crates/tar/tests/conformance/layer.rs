//! Whole layers: what an import does, step by step, and what an export writes.

use std::io::Cursor;

use serde_json::Value;
use winlayer_tar::Reader;
use winlayer_tar::stream::{FileId, LayerReader, LayerWriter, Links, Step};

use super::tar_to_backup::compare_info;
use super::{Case, Outcome, Verdict, check, check_bytes, file, file_info, text};

pub(super) fn import(case: &Case) -> Verdict {
    let tar = case.tar();
    let mut layer = LayerReader::new(Reader::new(&tar[..]));
    let mut theirs = case.items("ops").iter();
    let mut rules = Vec::new();
    let mut size = 0;
    let error = loop {
        let step = match layer.next_step() {
            Ok(Some(step)) => step,
            Ok(None) => break None,
            Err(error) => break Some(error),
        };
        let theirs = theirs.next().ok_or_else(|| format!("a further step: {step:?}"))?;
        match step {
            Step::Add(info) => {
                check("op", "add", text(theirs, "op"))?;
                check("name", windows(&info.name), text(theirs, "name").to_owned())?;
                compare_info(layer.entry().unwrap(), &info, theirs, &mut rules)?;
                size += info.size;
                let mut stream = Vec::new();
                if let Err(error) = layer.write_backup_stream(&mut stream) {
                    break Some(error);
                }
                check_bytes("stream", &stream, &file(&theirs["stream"]))?;
            }
            Step::Link { name, target } => {
                check("op", "link", text(theirs, "op"))?;
                check("name", windows(&name), text(theirs, "name").to_owned())?;
                check("target", windows(&target), text(theirs, "target").to_owned())?;
            }
            Step::Remove(path) => {
                check("op", "remove", text(theirs, "op"))?;
                check("name", windows(&path), text(theirs, "name").to_owned())?;
            }
        }
    };
    check("refused", error.is_some(), case.0["error"].is_string())?;
    // The reference may add a file before it finds out that its metadata cannot be read; we look first.
    let left = theirs.len();
    if left > usize::from(error.is_some()) {
        return Err(format!("{left} steps are missing; {error:?}"));
    }
    if error.is_none() {
        check("size of all files", Some(size), case.0["total_size"].as_u64())?;
    }
    Ok(Outcome::of(rules))
}

pub(super) fn export(case: &Case) -> Verdict {
    let written = write(case);
    if case.0["error"].is_string() {
        return written.err().map(|_| Outcome::Same).ok_or_else(|| "the reference refuses it".to_owned());
    }
    check_bytes("tar", &written?, &case.tar()).map(|()| Outcome::Same)
}

fn write(case: &Case) -> Result<Vec<u8>, String> {
    let mut layer = LayerWriter::new(Vec::new());
    for entry in case.items("entries") {
        let done = if entry["tombstone"].as_bool() == Some(true) {
            layer.remove(text(entry, "name").as_bytes())
        } else {
            let links = match entry["links"].as_u64().unwrap() {
                0 | 1 => Links::One,
                _ => Links::Several(FileId(entry["file_id"].as_u64().unwrap().into())),
            };
            layer.add(&file_info(entry), links, Cursor::new(file(&entry["stream"])))
        };
        done.map_err(|error| error.to_string())?;
    }
    layer.finish().map_err(|error| error.to_string())
}

/// The steps that leave no trace in the transport directory.
pub(super) fn transport(case: &Case) -> Verdict {
    let tar = case.tar();
    let mut layer = LayerReader::new(Reader::new(&tar[..]));
    let (mut links, mut removed) = (Vec::new(), Vec::new());
    while let Some(step) = layer.next_step().map_err(|error| error.to_string())? {
        match step {
            Step::Add(_) => {}
            Step::Link { name, target } => links.push((windows(&name), windows(&target))),
            Step::Remove(path) => removed.push(windows(&path)),
        }
    }
    let their_link = |link: &Value| (text(link, "name").to_owned(), text(link, "target").to_owned());
    check("links", links, case.items("links_made_after_import").iter().map(their_link).collect())?;
    let their_path = |path: &Value| path.as_str().unwrap().to_owned();
    check("removed", removed, case.items("tombstones_removed_from_dest").iter().map(their_path).collect())?;
    Ok(Outcome::Same)
}

/// With Windows' separators.
fn windows(path: &[u8]) -> String {
    String::from_utf8_lossy(path).replace('/', "\\")
}
