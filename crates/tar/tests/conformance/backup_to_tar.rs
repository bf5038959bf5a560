//! Backup streams to tar entries. `seekable` tells two behaviours of the reference apart; we have one.

use std::io::Cursor;

use winlayer_backup::StreamId;
use winlayer_meta::reparse::ReparsePoint;
use winlayer_tar::stream::{FileInfo, append_file};
use winlayer_tar::{Reader, Writer};

use super::model::{Stream, all_entries, all_streams, entries_of, point};
use super::{Case, Outcome, Verdict, check_bytes, file, file_info, times};

pub(super) fn run(case: &Case) -> Verdict {
    let mut info = file_info(&case.0);
    if case.0["name"].as_str().unwrap().contains('\u{fffd}') {
        // JSON cannot say what the name was; the tar can.
        info.name = Reader::new(&case.tar()[..]).next_entry().unwrap().unwrap().path;
    }
    let stream = file(&case.0["stream"]);
    let ours = convert(&info, &stream);
    let rules = all_streams(&stream).map_or(Vec::new(), |streams| deviations(case, &info, &streams));
    let theirs = (!case.0["error"].is_string()).then(|| case.tar());
    match (ours, theirs) {
        (Err(_), None) => Ok(Outcome::Same),
        (Ok(tar), theirs) if !rules.is_empty() => {
            if theirs == Some(tar.clone()) {
                return Err(format!("as the reference has it, in spite of {rules:?}"));
            }
            super::check("entries", all_entries(&tar), entries_of(&info, &all_streams(&stream)?))?;
            Ok(Outcome::Deviates(rules))
        }
        (Ok(tar), Some(theirs)) => check_bytes("tar", &tar, &theirs).map(|()| Outcome::Same),
        (Ok(_), None) => Err("the reference refuses it".to_owned()),
        (Err(why), Some(_)) => Err(format!("the reference takes it; ours: {why}")),
    }
}

fn convert(info: &FileInfo, stream: &[u8]) -> Result<Vec<u8>, String> {
    let mut tar = Writer::new(Vec::new());
    append_file(&mut tar, info, Cursor::new(stream)).map_err(|error| error.to_string())?;
    tar.finish().map_err(|error| error.to_string())
}

/// The rules by which this case comes out otherwise, if it is accepted at all.
fn deviations(case: &Case, info: &FileInfo, streams: &[Stream]) -> Vec<&'static str> {
    let seekable = case.0["seekable"].as_bool().unwrap();
    let data = streams.iter().position(|(header, _)| header.id == StreamId::DATA).unwrap_or(streams.len());
    let has = |streams: &[Stream], id| streams.iter().any(|(header, _)| header.id == id);
    let is_unnamed_link = |(header, data): &Stream| {
        header.id == StreamId::REPARSE_DATA
            && match point(data) {
                ReparsePoint::Symlink { substitute, print, .. }
                | ReparsePoint::MountPoint { substitute, print } => {
                    print.is_empty() && !substitute.is_empty()
                }
                ReparsePoint::Other { .. } => false,
            }
    };
    let times = [info.created, info.accessed, info.modified, info.changed];
    let rules = [
        ("time overflow", times.into_iter().any(times::is_wrapped)),
        ("attributes behind data", !seekable && has(&streams[data.min(streams.len())..], StreamId::EA_DATA)),
        ("streams without data", has(&streams[..data], StreamId::ALTERNATE_DATA)),
        ("sparse in two passes", seekable && has(streams, StreamId::SPARSE_BLOCK)),
        ("empty print name", streams.iter().any(|stream| is_parsed(stream) && is_unnamed_link(stream))),
    ];
    rules.into_iter().filter(|(_, applies)| *applies).map(|(rule, _)| rule).collect()
}

fn is_parsed((header, data): &Stream) -> bool {
    header.id != StreamId::REPARSE_DATA || ReparsePoint::parse(data).is_ok()
}
