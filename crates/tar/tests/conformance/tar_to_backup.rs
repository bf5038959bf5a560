//! Tar entries to FILE_BASIC_INFO and backup streams.

use serde_json::Value;
use winlayer_backup::{StreamHeader, StreamId};
use winlayer_meta::ea;
use winlayer_meta::security::SecurityDescriptor;
use winlayer_tar::stream::{FileInfo, write_backup_stream};
use winlayer_tar::{EntryType, RawEntry, Reader, WindowsMeta};

use super::model::{Stream, all_streams, lossy};
use super::{Case, Outcome, Verdict, check, check_bytes, file, text, times};

pub(super) fn run(case: &Case) -> Verdict {
    let tar = case.tar();
    let mut reader = Reader::new(&tar[..]);
    let mut rules = Vec::new();
    let mut error = None;
    let mut next = reader.next_entry().map_err(|e| error = Some(e.to_string())).ok().flatten();
    let mut theirs = case.items("entries").iter();
    while let Some(entry) = next {
        let theirs = theirs.next().ok_or_else(|| format!("a further entry {:?}", lossy(&entry.path)))?;
        let mut stream = Vec::new();
        let following = convert(&mut reader, &entry, theirs, &mut stream, &mut rules)?;
        let refused = !text(theirs, "fileinfo_error").is_empty() || !text(theirs, "stream_error").is_empty();
        check("refused", following.is_err(), refused)?;
        if text(theirs, "fileinfo_error").is_empty() {
            compare_streams(case, &stream, &file(&theirs["stream"]))
                .map_err(|why| format!("stream: {why}"))?;
        }
        next = following.unwrap_or_else(|why| {
            error = Some(why);
            None
        });
    }
    if let Some(theirs) = theirs.next() {
        let is_refused_earlier = error.is_some();
        check("entries that are missing", None, (!is_refused_earlier).then(|| text(theirs, "tar_name")))?;
    }
    // What the reference says of attributes and times does not stop it from writing a stream; us it does.
    let refused =
        case.0["error"].is_string() || case.items("entries").iter().any(|e| e["fileinfo_error"].is_string());
    check("refused", error.is_some(), refused)?;
    Ok(Outcome::of(rules))
}

type Following = Result<Option<Box<RawEntry>>, String>;

/// Converts an entry as far as it goes; fails if something of it is not as theirs.
fn convert(
    reader: &mut Reader<&[u8]>,
    entry: &RawEntry,
    theirs: &Value,
    stream: &mut Vec<u8>,
    rules: &mut Vec<&'static str>,
) -> Result<Following, String> {
    check("name", &*lossy(&entry.path), text(theirs, "tar_name"))?;
    check("link", &*lossy(&entry.link), text(theirs, "linkname"))?;
    check("type", type_flag(entry.kind), text(theirs, "typeflag").bytes().next().unwrap())?;
    let meta = match WindowsMeta::from_entry(entry) {
        Ok(meta) => meta,
        Err(error) => return Ok(Err(error.to_string())),
    };
    let info = FileInfo::of_entry(entry, &meta);
    if theirs["fileinfo"].is_object() {
        compare_info(entry, &info, theirs, rules)?;
    }
    let converted = write_backup_stream(reader, entry, &meta, stream);
    Ok(converted.map(|converted| converted.next).map_err(|error| error.to_string()))
}

/// Compares what is known besides the stream.
pub(super) fn compare_info(
    entry: &RawEntry,
    ours: &FileInfo,
    theirs: &Value,
    rules: &mut Vec<&'static str>,
) -> Result<(), String> {
    let info = &theirs["fileinfo"];
    check("attributes", u64::from(ours.attributes.bits()), info["attributes"].as_u64().unwrap())?;
    if let Some(size) = theirs["size"].as_u64() {
        check("size", ours.size, size)?;
    }
    times::compare(entry, ours, info, rules)
}

fn compare_streams(case: &Case, ours: &[u8], theirs: &[u8]) -> Result<(), String> {
    let normalize: fn(Stream) -> Stream = match text(&case.0, "compare") {
        "ea-any-order" => sort_attributes,
        "semantic-sd" => canonical_descriptor,
        _ => return check_bytes("bytes", ours, theirs),
    };
    let normal = |bytes| all_streams(bytes).map(|all| all.into_iter().map(normalize).collect::<Vec<_>>());
    check("streams", normal(ours)?, normal(theirs)?)
}

fn sort_attributes((header, data): Stream) -> Stream {
    if header.id != StreamId::EA_DATA {
        return (header, data);
    }
    let mut list = ea::parse_list(&data).unwrap();
    list.sort();
    (header, ea::write_list(&list).unwrap())
}

/// What the descriptor says, in whatever order its parts are.
fn canonical_descriptor((header, data): Stream) -> Stream {
    if header.id != StreamId::SECURITY_DATA {
        return (header, data);
    }
    let sddl = SecurityDescriptor::parse(&data).unwrap().to_sddl().unwrap();
    (StreamHeader::new(header.id, 0), sddl.into_bytes())
}

fn type_flag(kind: EntryType) -> u8 {
    match kind {
        EntryType::File => b'0',
        EntryType::HardLink => b'1',
        EntryType::Symlink => b'2',
        EntryType::Directory => b'5',
        EntryType::Other(flag) => flag,
    }
}
