//! The work that is compared with peers: a layer goes in, out and away.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::contest::{self, Contender, Contest};
use super::inputs::{Form, LayerFile};
use super::measure::Step;
use super::place::{Peer, Place, is_root, read_ahead};
use super::{WINLAYER, oci};

/// The name of GNU tar's series.
pub(super) const GNU_TAR: &str = "GNU tar + sync";
/// The name of `cp`'s series.
pub(super) const CP: &str = "cp";
/// The name of `rm -rf`'s series.
pub(super) const RM: &str = "rm -rf";

const HOME: &str = "home";
const TREE: &str = "tree";
/// A home that keeps the layer all the while.
const KEPT: &str = "kept";
const PLAIN_TAR: &str = "plain.tar";
const ID: &str = "layer";

/// What winlayer says about an import.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Facts {
    pub(super) diff_id: String,
    pub(super) entries: u64,
    pub(super) tar_bytes: u64,
}

/// Imports the layer once, to know what it is, and has its plain tar made for `cp` and `tar`.
pub(super) fn look_at(place: &Place, file: &LayerFile) -> Result<Facts> {
    place.clear(KEPT)?;
    place.clear(PLAIN_TAR)?;
    let output = Command::new(&place.winlayer)
        .args(["--json", "--home", &place.path(KEPT), "layer", "import", ID])
        .arg(&file.path)
        .output()
        .context("cannot run winlayer")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{} cannot be imported: {}", file.path.display(), said.trim());
    place.winlayer(KEPT, ["layer", "export", ID, "-o", &place.path(PLAIN_TAR)]).run()?;
    serde_json::from_slice(&output.stdout).context("cannot read what winlayer says about an import")
}

/// Into a home, against unpacking into a directory; both until it is on the disk.
pub(super) fn import(place: &Place, file: &LayerFile, facts: &Facts, rounds: u32) -> Result<Contest> {
    let input = file.path.to_string_lossy();
    let prepare = || {
        place.clear(HOME)?;
        place.empty_directory(TREE)?;
        place.settle()?;
        read_ahead(&file.path)
    };
    let mut contenders = vec![Contender {
        name: WINLAYER,
        prepare: Box::new(prepare),
        work: vec![place.winlayer(HOME, ["layer", "import", ID, &input])],
    }];
    for (name, unpack) in unpackers(place, file, facts)? {
        let work = vec![unpack, Step::new(["sync", "-f", &place.path(TREE)])];
        contenders.push(Contender { name, prepare: Box::new(prepare), work });
    }
    let contest = contest::hold(place, title("import", file, facts, file.form.name()), rounds, &contenders);
    place.clear(HOME)?;
    place.clear(TREE)?;
    contest
}

/// How each installed peer unpacks the layer.
fn unpackers(place: &Place, file: &LayerFile, facts: &Facts) -> Result<Vec<(&'static str, Step)>> {
    let (input, tree) = (file.path.to_string_lossy(), place.path(TREE));
    let mut unpackers = Vec::new();
    if Peer::GnuTar.is_installed() && (file.form != Form::Zstd || Peer::Zstd.is_installed()) {
        unpackers.push((GNU_TAR, gnu_tar(&input, &tree)));
    }
    if Peer::Bsdtar.is_installed() {
        unpackers.push(("bsdtar + sync", Step::new(["bsdtar", "-xf", &input, "-C", &tree])));
    }
    // Older versions do not know layers in zstd.
    if Peer::Umoci.is_installed() && file.form != Form::Zstd {
        oci::make_layout(&place.work.join("image"), file, &facts.diff_id)?;
        let (image, bundle) = (format!("{}:bench", place.path("image")), format!("{tree}/bundle"));
        let arguments: &[&str] = if is_root() {
            &["umoci", "unpack", "--image", &image, &bundle]
        } else {
            &["umoci", "unpack", "--rootless", "--image", &image, &bundle]
        };
        unpackers.push(("umoci + sync", Step::from(arguments)));
    }
    Ok(unpackers)
}

/// GNU tar finds out about compression by itself. The option spares it a warning for each entry.
fn gnu_tar(input: &str, tree: &str) -> Step {
    Step::new(["tar", "--warning=no-unknown-keyword", "-xf", input, "-C", tree])
}

/// Out of a home into a file, against copying the tar.
pub(super) fn export(place: &Place, file: &LayerFile, facts: &Facts, rounds: u32) -> Result<Contest> {
    const OUT: &str = "out.tar";
    let out = place.path(OUT);
    let prepare = || {
        place.clear(OUT)?;
        place.settle()
    };
    let contenders = [
        Contender {
            name: WINLAYER,
            prepare: Box::new(prepare),
            work: vec![place.winlayer(KEPT, ["layer", "export", ID, "-o", &out])],
        },
        Contender {
            name: CP,
            prepare: Box::new(prepare),
            work: vec![Step::new(["cp", &place.path(PLAIN_TAR), &out])],
        },
    ];
    let contest = contest::hold(place, title("export", file, facts, "plain"), rounds, &contenders);
    place.clear(OUT)?;
    contest
}

/// Away, against removing the directory that tar unpacked.
pub(super) fn remove(place: &Place, file: &LayerFile, facts: &Facts, rounds: u32) -> Result<Contest> {
    let (tar, tree) = (place.path(PLAIN_TAR), place.path(TREE));
    let import = || {
        place.clear(HOME)?;
        place.winlayer(HOME, ["layer", "import", ID, &tar]).run()?;
        place.settle()
    };
    let unpack = || {
        place.empty_directory(TREE)?;
        gnu_tar(&tar, &tree).run()?;
        place.settle()
    };
    let contenders = [
        Contender {
            name: WINLAYER,
            prepare: Box::new(import),
            work: vec![place.winlayer(HOME, ["layer", "rm", ID])],
        },
        Contender { name: RM, prepare: Box::new(unpack), work: vec![Step::new(["rm", "-rf", &tree])] },
    ];
    let contest = contest::hold(place, title("remove", file, facts, "plain"), rounds, &contenders);
    place.clear(HOME)?;
    contest
}

fn title(work: &str, file: &LayerFile, facts: &Facts, form: &str) -> String {
    let size = facts.tar_bytes >> 20;
    let compressed = match file.form {
        Form::Plain => String::new(),
        _ if form == "plain" => String::new(),
        _ => format!(", {} MiB compressed", file_size(&file.path) >> 20),
    };
    format!("{work} {}, {form}: {} entries, {size} MiB{compressed}", file.name, facts.entries)
}

fn file_size(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |metadata| metadata.len())
}
