//! The part of the demo that changes something: a writable layer is mounted, worked in, and committed.

use std::fs;
use std::path::Path;

use winlayer_core::{Error, LayerId, Result};
use winlayer_store::Strategy;

use super::{Demo, Step};
use crate::failure::Outcome;

const MOUNT: &[Step] = &[
    Step {
        why: "Make a writable layer on top of the application, as for a container, and mount it.",
        command: &["layer", "create", "work", "--parent", "app"],
    },
    Step { why: "", command: &["layer", "mount", "work"] },
];

const COMMIT: &[Step] = &[
    Step { why: "", command: &["layer", "changes", "work"] },
    Step {
        why: "Keep the changes as a read-only layer. The new file has inherited its security descriptor from its \
              directory, as on Windows.",
        command: &["layer", "commit", "work", "configured"],
    },
    Step { why: "", command: &["fs", "stat", "configured", r"C:\app\settings.ini"] },
    Step { why: "", command: &["layer", "unmount", "work"] },
    Step { why: "", command: &["layer", "rm", "work", "configured"] },
];

impl Demo<'_> {
    /// Works in a writable layer, where this machine can mount one.
    pub(super) fn work_in_a_layer(&mut self) -> Outcome {
        let strategies = self.store().strategies();
        let why_not = strategies.into_iter().find_map(|(strategy, works)| match strategy {
            Strategy::Erofs => works.err(),
            Strategy::Copy => None,
        });
        if let Some(why) = why_not {
            self.explain("Writable layers cannot be mounted here, so this part is left out.")?;
            return self.context.out.say(&format!("\n   {why}\n"));
        }
        MOUNT.iter().try_for_each(|step| self.take(step))?;
        let changed = self.change_and_commit();
        if changed.is_err() {
            // The demo's folder is about to be removed; nothing may be mounted in it.
            let _ = self.store().unmount(&LayerId::new("work")?);
        }
        changed
    }

    fn change_and_commit(&mut self) -> Outcome {
        self.explain("Change it with what this machine has: here, a file is written and another removed.")?;
        let mounted = self.store().mounted(&LayerId::new("work")?)?;
        if let Some(mounted) = mounted {
            change(&mounted.path)?;
            self.context.out.say("\n   $ echo 'language=en' > app/settings.ini; rm Windows/WIN.INI\n")?;
        }
        COMMIT.iter().try_for_each(|step| self.take(step))
    }
}

fn change(top: &Path) -> Result<()> {
    let settings = top.join("app/settings.ini");
    fs::write(&settings, "language=en\n").map_err(|e| Error::io("write", &settings, e))?;
    let unwanted = top.join("Windows/WIN.INI");
    fs::remove_file(&unwanted).map_err(|e| Error::io("remove", &unwanted, e))
}
