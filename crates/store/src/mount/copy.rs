//! The copy strategy: the files of a chain written out as a plain directory tree, for any user on any system.
//!
//! Windows metadata become extended attributes where the file system and the user's rights allow it, and are left out
//! where not (`trusted.*`, which symbolic links need, takes root): the layer still has them.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use winlayer_core::path::Root;
use winlayer_core::union::{Descend, NodeKind, Place};
use winlayer_core::{Error, LayerPath, Node, Result};

use crate::links::resolve_target;
use crate::view::ChainView;
use crate::xattrs::Attributes;

/// Writes the tree of a chain into an empty directory.
pub(super) fn populate(view: &ChainView, at: &Path) -> Result<()> {
    let attributes = Attributes::new(view);
    let mut copier = Copier { view, attributes, at, files: HashMap::new(), directories: Vec::new() };
    let mut failure = None;
    view.walk(&LayerPath::root_of(Root::Files), |node| match copier.copy(node) {
        Ok(()) => Descend::Into,
        Err(error) => {
            failure.get_or_insert(error.layer(view.layer_of(node.at)).entry(node.path.as_bytes()));
            Descend::Past
        }
    });
    if let Some(error) = failure {
        let _ = remove(at);
        return Err(error);
    }
    // Children first: making a file in a directory changes the directory's time.
    copier.directories.iter().rev().try_for_each(|(path, node)| copier.set_time(path, node))
}

/// Removes a tree that was written out.
pub(super) fn remove(at: &Path) -> Result<()> {
    match std::fs::remove_dir_all(at) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(Error::io("remove", at, e)),
        _ => Ok(()),
    }
}

struct Copier<'a> {
    view: &'a ChainView,
    #[cfg_attr(
        not(target_os = "linux"),
        allow(dead_code, reason = "other systems have no extended attributes")
    )]
    attributes: Attributes<'a>,
    at: &'a Path,
    /// Files by where their content is, so that hard links become hard links.
    files: HashMap<Place, PathBuf>,
    directories: Vec<(PathBuf, Node)>,
}

impl Copier<'_> {
    fn copy(&mut self, node: &Node) -> Result<()> {
        let path = self.at.join(os_path(node.path.in_files().unwrap_or_default())?);
        match node.kind {
            NodeKind::Directory => {
                if path != *self.at {
                    std::fs::create_dir(&path).map_err(|e| Error::io("create", &path, e))?;
                }
                self.set_attributes(&path, node);
                self.directories.push((path, node.clone()));
            }
            NodeKind::Symlink => self.make_link(&path, node)?,
            NodeKind::File => self.make_file(path, node)?,
        }
        Ok(())
    }

    fn make_file(&mut self, path: PathBuf, node: &Node) -> Result<()> {
        if let Some(first) = self.files.get(&node.at) {
            return std::fs::hard_link(first, &path).map_err(|e| Error::io("link", &path, e));
        }
        let mut content = self.view.open(node, None)?;
        let mut file = File::create_new(&path).map_err(|e| Error::io("create", &path, e))?;
        io::copy(&mut content, &mut file).map_err(|e| Error::io("write", &path, e))?;
        drop(file);
        self.set_attributes(&path, node);
        self.set_time(&path, node)?;
        self.files.insert(node.at, path);
        Ok(())
    }

    #[cfg(unix)]
    fn make_link(&self, path: &Path, node: &Node) -> Result<()> {
        let text = self.view.index_of(node.at.layer).link_text(node.at.row);
        let target = os_path(&resolve_target(self.view, &node.path, text))?;
        std::os::unix::fs::symlink(target, path).map_err(|e| Error::io("create", path, e))?;
        self.set_attributes(path, node);
        Ok(())
    }

    /// Making links takes a right on Windows that users seldom have; a text file tells where the link leads.
    #[cfg(not(unix))]
    fn make_link(&self, path: &Path, node: &Node) -> Result<()> {
        let text = self.view.index_of(node.at.layer).link_text(node.at.row);
        let target = resolve_target(self.view, &node.path, text);
        std::fs::write(path, target).map_err(|e| Error::io("create", path, e))
    }

    fn set_time(&self, path: &Path, node: &Node) -> Result<()> {
        let mtime = self.view.index_of(node.at.layer).mtime(node.at.row);
        let since_epoch = std::time::Duration::new(mtime.secs.unsigned_abs(), 0);
        let whole = if mtime.secs < 0 {
            std::time::UNIX_EPOCH.checked_sub(since_epoch)
        } else {
            std::time::UNIX_EPOCH.checked_add(since_epoch)
        };
        let time = whole.and_then(|time| time.checked_add(std::time::Duration::new(0, mtime.nanos)));
        let (Some(time), Ok(file)) = (time, File::open(path)) else { return Ok(()) };
        // A time that the file system cannot hold is not worth failing for.
        let _ = file.set_modified(time);
        Ok(())
    }

    #[cfg(target_os = "linux")]
    fn set_attributes(&self, path: &Path, node: &Node) {
        for (name, value) in self.attributes.of(node) {
            // Best effort: see the head of this file.
            let _ = rustix::fs::lsetxattr(path, name.as_slice(), &value, rustix::fs::XattrFlags::empty());
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn set_attributes(&self, _: &Path, _: &Node) {}
}

#[cfg(unix)]
#[allow(clippy::unnecessary_wraps, reason = "fails on other systems")]
fn os_path(path: &[u8]) -> Result<PathBuf> {
    Ok(PathBuf::from(<std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(path)))
}

#[cfg(not(unix))]
fn os_path(path: &[u8]) -> Result<PathBuf> {
    let text = std::str::from_utf8(path).map_err(|_| Error::invalid("a name that is not Unicode"))?;
    Ok(PathBuf::from(text))
}
