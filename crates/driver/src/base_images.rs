//! Base images that the system brings with it: each becomes a layer whose alternate id is the folder of the image.

use sha2::{Digest, Sha384};
use winlayer_core::{BaseImage, Error, LayerId, Result};

use crate::create::Kind;
use crate::driver::LayerDriver;

/// A base image and the layer that stands for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoredImage {
    /// The layer: the first 32 bytes of the SHA-384 of the folder's name, in hexadecimal.
    pub id: LayerId,
    /// The image, as the system describes it.
    pub image: BaseImage,
    /// Major, minor and build number, as an image's `os.version` has it. The fourth number does not matter for what runs
    /// on what. `None` if the image's version does not have four parts.
    pub os_version: Option<String>,
    /// What the image asks of its host: `win32k`, unless it is named `nanoserver`.
    pub os_features: Vec<String>,
}

impl LayerDriver {
    pub(crate) fn restore_base_image(&self, image: &BaseImage) -> Result<RestoredImage> {
        let folder_name = folder_name(image)?;
        let id = layer_id(&folder_name)?;
        if self.home().folder(&id).is_dir() {
            if self.home().resolve(&id)? != folder_name {
                self.home().set_alternate_id(&id, &folder_name)?;
            }
        } else {
            self.make(&id, None, Kind::ReadOnly)?;
            self.home().set_alternate_id(&id, &folder_name).inspect_err(|_| self.undo_make(&id))?;
        }
        Ok(RestoredImage {
            id,
            os_version: os_version(&image.version),
            os_features: if image.name == "nanoserver" { vec![] } else { vec!["win32k".to_owned()] },
            image: image.clone(),
        })
    }
}

/// The last component of the image's path, which is a Windows path whatever system reads it.
fn folder_name(image: &BaseImage) -> Result<LayerId> {
    let path = image.path.to_string_lossy();
    let name = path.trim_end_matches(['/', '\\']).rsplit(['/', '\\']).next().unwrap_or_default();
    LayerId::new(name).map_err(|e| {
        Error::invalid(format!("the folder of base image {:?}, {path}, cannot be a layer: {e}", image.name))
    })
}

fn layer_id(folder_name: &LayerId) -> Result<LayerId> {
    let hash = Sha384::digest(folder_name.as_str().as_bytes());
    LayerId::new(hash[..32].iter().map(|byte| format!("{byte:02x}")).collect::<String>())
}

fn os_version(version: &str) -> Option<String> {
    let parts: Vec<_> = version.split('.').collect();
    if parts.len() != 4 {
        tracing::warn!("a base image has version {version:?}, which does not have four parts");
        return None;
    }
    Some(parts[..3].join("."))
}
