//! `fs stat`: all that is known of a path.

use clap::Args;
use serde::Serialize;
use winlayer_core::union::NodeKind;
use winlayer_core::{Error, ErrorKind};
use winlayer_meta::ea::ExtendedAttribute;
use winlayer_meta::name;
use winlayer_meta::reparse::ReparsePoint;
use winlayer_meta::security::{SecurityDescriptor, SecurityError};
use winlayer_store::Stat;

use super::place::UserPath;
use crate::context::Context;
use crate::failure::Outcome;
use crate::table::Table;
use crate::text::{json_name, printable, printable_utf16, size};

/// Options of `fs stat`.
#[derive(Debug, Args)]
pub(crate) struct StatArgs {
    /// The layer.
    layer: String,
    /// The path, or FILE:STREAM.
    path: String,
}

/// What is printed of a path.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Facts {
    path: String,
    kind: &'static str,
    size: u64,
    attributes: Vec<String>,
    attribute_bits: u32,
    times: Times,
    sddl: Option<String>,
    /// Why the descriptor has no SDDL; Windows' own text form does not know all that a descriptor may hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    sddl_problem: Option<String>,
    /// The self-relative descriptor in hexadecimal.
    security_descriptor: Option<String>,
    reparse: Option<Reparse>,
    streams: Vec<Stream>,
    extended_attributes: Vec<Attribute>,
    layer: String,
    hard_link_to: Option<HardLink>,
    mode: u32,
    other_records: Vec<Record>,
}

#[derive(Serialize)]
struct Times {
    created: String,
    modified: String,
    accessed: String,
    changed: String,
}

#[derive(Serialize)]
struct Reparse {
    tag: String,
    target: Option<String>,
}

#[derive(Serialize)]
struct Stream {
    name: String,
    size: u64,
}

#[derive(Serialize)]
struct Attribute {
    name: String,
    flags: u8,
    /// Hexadecimal.
    value: String,
}

#[derive(Serialize)]
struct HardLink {
    path: String,
    layer: String,
}

#[derive(Serialize)]
struct Record {
    key: String,
    value: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StreamFacts {
    path: String,
    stream: String,
    size: u64,
    layer: String,
}

impl StatArgs {
    /// Prints the facts.
    pub(crate) fn run(&self, context: &Context) -> Outcome {
        let place = UserPath::parse(&self.path)?;
        let view = super::view(context, &self.layer)?;
        let node = view.find(&place.path)?;
        let stat = view.stat(&node)?;
        let Some(wanted) = &place.stream else {
            let facts = Facts::of(&stat);
            return context.out.facts(&facts, facts.table(&stat));
        };
        let stream = stat.streams.iter().find(|stream| name::fold_eq(&stream.name, wanted));
        let stream = stream.ok_or_else(|| no_stream(&stat, wanted))?;
        let facts = StreamFacts {
            path: json_name(stat.path.as_bytes()),
            stream: json_name(&stream.name),
            size: stream.size,
            layer: view.layer_of(node.at).to_string(),
        };
        let mut table = Table::of_facts();
        table.fact("path", printable(stat.path.as_bytes()));
        table.fact("stream", printable(&stream.name));
        table.fact("size", bytes(stream.size));
        table.fact("layer", &facts.layer);
        context.out.facts(&facts, table)
    }
}

fn no_stream(stat: &Stat, wanted: &[u8]) -> Error {
    let wanted = String::from_utf8_lossy(wanted);
    let error = Error::new(ErrorKind::NotFound, format!("{} has no stream {wanted:?}", stat.path));
    match stat.streams.as_slice() {
        [] => error,
        streams => {
            let names: Vec<_> = streams.iter().map(|stream| printable(&stream.name)).collect();
            error.hint(format!("its streams are: {}", names.join(", ")))
        }
    }
}

impl Facts {
    /// Says it in words.
    pub(crate) fn of(stat: &Stat) -> Self {
        let (sddl, sddl_problem) = match stat.security.as_deref().map(sddl) {
            None => (None, None),
            Some(Ok(text)) => (Some(text), None),
            Some(Err(problem)) => (None, Some(problem.to_string())),
        };
        Self {
            path: json_name(stat.path.as_bytes()),
            kind: kind_name(stat.kind),
            size: stat.size,
            attributes: attribute_names(stat),
            attribute_bits: stat.attributes.bits(),
            times: Times {
                created: stat.times.created.to_string(),
                modified: stat.times.modified.to_string(),
                accessed: stat.times.accessed.to_string(),
                changed: stat.times.changed.to_string(),
            },
            sddl,
            sddl_problem,
            security_descriptor: stat.security.as_deref().map(hexadecimal),
            reparse: stat.reparse.as_ref().map(|point| Reparse {
                tag: point.tag().to_string(),
                target: point.target().map(|units| json_name(&name::from_utf16(&units))),
            }),
            streams: stat.streams.iter().map(|s| Stream { name: json_name(&s.name), size: s.size }).collect(),
            extended_attributes: stat.eas.iter().map(attribute).collect(),
            layer: stat.layer.to_string(),
            hard_link_to: stat
                .link_of
                .as_ref()
                .map(|(path, layer)| HardLink { path: json_name(path.as_bytes()), layer: layer.to_string() }),
            mode: stat.mode,
            other_records: stat.records.iter().map(record).collect(),
        }
    }

    /// The same for people.
    pub(crate) fn table(&self, stat: &Stat) -> Table {
        let mut table = Table::of_facts();
        table.fact("path", printable(stat.path.as_bytes()));
        table.fact("kind", self.kind);
        table.fact("size", bytes(self.size));
        let names = if self.attributes.is_empty() { "none".to_owned() } else { self.attributes.join(", ") };
        table.fact("attributes", format!("{names} ({:#x})", self.attribute_bits));
        table.fact("created", &self.times.created);
        table.fact("modified", &self.times.modified);
        table.fact("accessed", &self.times.accessed);
        table.fact("changed", &self.times.changed);
        table.fact("security", printable(self.security_text().as_bytes()));
        if let Some(reparse) = &self.reparse {
            table.fact("reparse tag", &reparse.tag);
        }
        if let Some(units) = target(stat) {
            table.fact("target", printable_utf16(&units));
        }
        for stream in &self.streams {
            table.fact("stream", format!("{} ({})", printable(stream.name.as_bytes()), bytes(stream.size)));
        }
        for attribute in &self.extended_attributes {
            table.fact("ea", format!("{} = {}", printable(attribute.name.as_bytes()), attribute.value));
        }
        table.fact("layer", &self.layer);
        if let Some(link) = &self.hard_link_to {
            table.fact("hard link to", format!("{} (layer {})", printable(link.path.as_bytes()), link.layer));
        }
        table.fact("tar mode", format!("{:#o}", self.mode));
        for record in &self.other_records {
            table.fact("pax record", printable(format!("{}={}", record.key, record.value).as_bytes()));
        }
        table
    }

    fn security_text(&self) -> String {
        match (&self.sddl, &self.sddl_problem, &self.security_descriptor) {
            (Some(sddl), ..) => sddl.clone(),
            (None, Some(problem), Some(bytes)) => format!("{bytes} (no SDDL: {problem})"),
            _ => "none".to_owned(),
        }
    }
}

/// What kind of node it is, for programs.
pub(crate) fn kind_name(kind: NodeKind) -> &'static str {
    match kind {
        NodeKind::Directory => "directory",
        NodeKind::File => "file",
        NodeKind::Symlink => "symlink",
    }
}

/// Where a symbolic link or junction leads, in UTF-16.
pub(crate) fn target(stat: &Stat) -> Option<Vec<u16>> {
    stat.reparse.as_ref().and_then(ReparsePoint::target).map(|units| units.into_owned())
}

fn attribute_names(stat: &Stat) -> Vec<String> {
    if stat.attributes.is_empty() {
        return Vec::new();
    }
    stat.attributes.to_string().split('|').map(str::to_owned).collect()
}

fn sddl(descriptor: &[u8]) -> Result<String, SecurityError> {
    SecurityDescriptor::parse(descriptor)?.to_sddl()
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn attribute(ea: &ExtendedAttribute) -> Attribute {
    let name = String::from_utf8_lossy(&ea.name).into_owned();
    Attribute { name, flags: ea.flags, value: hexadecimal(&ea.value) }
}

fn record((key, value): &(Vec<u8>, Vec<u8>)) -> Record {
    Record { key: json_name(key), value: json_name(value) }
}

/// A number of bytes, exactly, and roughly where that helps.
fn bytes(count: u64) -> String {
    if count < 1024 { format!("{count} bytes") } else { format!("{count} bytes ({})", size(count)) }
}
