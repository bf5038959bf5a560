//! The security descriptors that new files and directories inherit from the directory that they lie in ([MS-DTYP]
//! 2.5.3.4), worked out once for each directory.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use winlayer_core::union::NodeKind;
use winlayer_core::{Error, LayerPath, Result};
use winlayer_meta::security::{AutoInherit, Defaults, NewObject, ObjectType, SecurityDescriptor, well_known};

use crate::scratch::export::DiffPolicy;

/// What a directory passes on.
pub(super) struct Heritage {
    directory: LayerPath,
    /// The directory's own descriptor; `None` where the layers have none, so that Windows decides.
    descriptor: Option<SecurityDescriptor>,
    for_files: Option<Vec<u8>>,
    for_directories: Option<Vec<u8>>,
}

impl Heritage {
    /// What a directory with this self-relative descriptor passes on.
    pub(super) fn of(directory: LayerPath, descriptor: Option<&[u8]>) -> Result<Self> {
        let descriptor = descriptor.map(SecurityDescriptor::parse).transpose();
        let descriptor = descriptor.map_err(|e| Error::invalid(e.to_string()).entry(directory.as_bytes()))?;
        Ok(Self { directory, descriptor, for_files: None, for_directories: None })
    }

    /// The directory.
    pub(super) fn directory(&self) -> &LayerPath {
        &self.directory
    }

    /// The descriptor of something new in the directory, in base64, if it gets one.
    pub(super) fn descriptor(&mut self, kind: NodeKind, policy: &DiffPolicy) -> Result<Option<&[u8]>> {
        let Some(parent) = &self.descriptor else { return Ok(None) };
        let (slot, kind) = match kind {
            NodeKind::Directory => (&mut self.for_directories, ObjectType::Directory),
            NodeKind::File | NodeKind::Symlink => (&mut self.for_files, ObjectType::File),
        };
        if slot.is_none() {
            let defaults = Defaults {
                owner: policy.owner.unwrap_or(well_known::CONTAINER_ADMINISTRATOR),
                group: policy.group.unwrap_or(well_known::CONTAINER_ADMINISTRATOR),
                dacl: None,
            };
            let child =
                NewObject { kind, creator: None, defaults: &defaults, auto_inherit: AutoInherit::AsParent };
            let made = SecurityDescriptor::for_child(Some(parent), &child)
                .map_err(|e| Error::invalid(e.to_string()).entry(self.directory.as_bytes()))?;
            *slot = Some(STANDARD.encode(made.to_bytes()).into_bytes());
        }
        Ok(slot.as_deref())
    }
}
