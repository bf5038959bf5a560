//! `demo`: a small Windows image goes through everything, in a temporary home, with the very commands that people use.

mod image;
mod writable;

use std::fs;
use std::path::{Path, PathBuf};

use clap::Parser;
use serde::Serialize;
use sha2::{Digest, Sha256};
use winlayer_core::{CancelToken, Error, ErrorKind, LayerId, Result, Sha256Digest};
use winlayer_store::Store;

use crate::args::Cli;
use crate::context::Context;
use crate::failure::Outcome;
use crate::interrupt::NOTHING_KEPT;
use crate::text::{count, size};

/// A command of the walk: why, and what. Words that begin with `@` are files in the demo's folder.
struct Step {
    why: &'static str,
    command: &'static [&'static str],
}

const STEPS: &[Step] = &[
    Step {
        why: "Import the base layer. That it is gzip is seen by its content. The tar is inflated, hashed, indexed and \
              written once; the layer then appears by one rename: whole, or not at all.",
        command: &["layer", "import", "base", "@base.tar.gz"],
    },
    Step {
        why: "Import a layer on top of it, a plain tar this time.",
        command: &["layer", "import", "app", "--parent", "base", "@app.tar"],
    },
    Step { why: "List the layers.", command: &["layer", "ls"] },
    Step {
        why: "Look at drive C: as a container sees it: both layers as one. License.txt was deleted by the upper layer, \
              app is new, and 'Documents and Settings' is a junction.",
        command: &["fs", "ls", "app", r"C:\"],
    },
    Step {
        why: "Paths may be written in any case and with either slash. WIN.INI of the upper layer took the place of \
              win.ini below it, as on Windows.",
        command: &["fs", "ls", "app", "c:/WINDOWS"],
    },
    Step {
        why: "All that Windows knows of a file: attributes, times to 100 ns, the security descriptor as SDDL. This name \
              is a hard link to a file in System32.",
        command: &["fs", "stat", "app", r"C:\Windows\notepad.exe"],
    },
    Step {
        why: "Read an alternate data stream, out of the base layer.",
        command: &["fs", "cat", "base", r"C:\Windows\win.ini:Zone.Identifier"],
    },
    Step {
        why: "What does the upper layer change? A is added, C changed, D deleted.",
        command: &["layer", "changes", "app"],
    },
    Step { why: "Export both layers.", command: &["layer", "export", "base", "-o", "@base-exported.tar"] },
    Step { why: "", command: &["layer", "export", "app", "-o", "@app-exported.tar"] },
    Step {
        why: "Verify: hash the stored tars again, compare the indexes with them, follow the chains.",
        command: &["layer", "verify"],
    },
    Step { why: "What the layers take on the disk.", command: &["layer", "du"] },
];

const LAST_STEP: Step = Step {
    why: "Remove both layers; the one on top goes first by itself.",
    command: &["layer", "rm", "base", "app"],
};

/// What went in and came out of one layer.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Proof {
    layer: &'static str,
    made: Sha256Digest,
    /// What the import noted as the DiffID.
    noted: Sha256Digest,
    exported: Sha256Digest,
    identical: bool,
}

/// Runs the demo. Its folder is removed at the end, whatever happens.
pub(crate) fn run(context: &Context) -> Outcome {
    let cancel = context.interrupt.begin_work(NOTHING_KEPT);
    let folder = tempfile::Builder::new()
        .prefix("winlayer-demo-")
        .tempdir()
        .map_err(|e| Error::io("make a folder in", &std::env::temp_dir(), e))?;
    let mut demo = Demo { context, folder: folder.path().to_owned(), cancel, number: 0 };
    let made = demo.make_layers()?;
    STEPS.iter().try_for_each(|step| demo.take(step))?;
    demo.work_in_a_layer()?;
    let proofs = made.into_iter().map(|(layer, tar)| demo.prove(layer, &tar)).collect::<Result<Vec<_>>>()?;
    demo.take(&LAST_STEP)?;
    folder.close().map_err(|e| Error::io("remove", &demo.folder, e))?;
    conclude(context, &proofs)
}

struct Demo<'a> {
    context: &'a Context,
    folder: PathBuf,
    cancel: &'a CancelToken,
    /// The explanation that was given last.
    number: u32,
}

impl Demo<'_> {
    fn store(&self) -> Store {
        Store::new(self.folder.join("home"))
    }

    fn explain(&mut self, why: &str) -> Outcome {
        if why.is_empty() {
            return Ok(());
        }
        self.number += 1;
        self.context.out.say(&format!("\n{}. {why}\n", self.number))
    }

    fn make_layers(&mut self) -> Outcome<[(&'static str, Vec<u8>); 2]> {
        let (base, app) = (image::base()?, image::app()?);
        let compressed = image::gzip(&base)?;
        self.write("base.tar.gz", &compressed)?;
        self.write("app.tar", &app)?;
        self.context
            .out
            .say(&format!("A small Windows image, in a temporary home: {}\n", self.folder.display()))?;
        self.explain(
            "Two layers are made in memory: a base with system files, a junction, a hard link, a stream and hives, and \
             an application on top.",
        )?;
        let sizes = [&compressed, &base, &app].map(|bytes| size(bytes.len() as u64));
        self.context.out.say(&format!(
            "\n   base.tar.gz  {} (the tar: {})\n   app.tar      {}\n",
            sizes[0], sizes[1], sizes[2]
        ))?;
        Ok([("base", base), ("app", app)])
    }

    fn write(&self, name: &str, content: &[u8]) -> Result<()> {
        let path = self.folder.join(name);
        fs::write(&path, content).map_err(|e| Error::io("write", &path, e))
    }

    /// Explains a step and runs its command, as if it had been typed.
    fn take(&mut self, step: &Step) -> Outcome {
        self.cancel.check()?;
        self.explain(step.why)?;
        let shown: Vec<_> = step.command.iter().map(|word| quoted(word.trim_start_matches('@'))).collect();
        self.context.out.say(&format!("\n   $ winlayer {}\n", shown.join(" ")))?;
        let words = step.command.iter().map(|word| match word.strip_prefix('@') {
            Some(file) => self.folder.join(file).into_os_string(),
            None => word.into(),
        });
        let parsed = Cli::try_parse_from(std::iter::once("winlayer".into()).chain(words));
        let cli = parsed
            .map_err(|e| Error::new(ErrorKind::InvalidInput, format!("a step of the demo is wrong: {e}")))?;
        cli.command.run(&self.context.within(self.store()))
    }

    /// Compares what was made with what was exported, byte by byte and by digest.
    fn prove(&self, layer: &'static str, made: &[u8]) -> Result<Proof> {
        let path: &Path = &self.folder.join(format!("{layer}-exported.tar"));
        let exported = fs::read(path).map_err(|e| Error::io("read", path, e))?;
        let noted = self.store().record(&LayerId::new(layer)?)?.diff_id.0;
        let identical = exported == made && noted == digest(made);
        Ok(Proof { layer, made: digest(made), noted, exported: digest(&exported), identical })
    }
}

fn digest(bytes: &[u8]) -> Sha256Digest {
    Sha256Digest(Sha256::digest(bytes).into())
}

/// A word as a shell needs it.
fn quoted(word: &str) -> String {
    if word.contains([' ', '\\', ':']) { format!("'{word}'") } else { word.to_owned() }
}

fn conclude(context: &Context, proofs: &[Proof]) -> Outcome {
    let differing = proofs.iter().filter(|proof| !proof.identical).count();
    if differing > 0 {
        return Err(Error::corrupt(format!("{} came out different", count(differing, "layer"))).into());
    }
    let mut text = String::from("\nThe proof: what came out is what went in, byte for byte.\n\n");
    for Proof { layer, made, noted, exported, .. } in proofs {
        text.push_str(&format!(
            "   {layer:<4}  made      {made}\n         imported  {noted}\n         exported  {exported}\n"
        ));
    }
    text.push_str("\nThe temporary home is gone again.\n");
    context.out.facts(&proofs, text)
}
