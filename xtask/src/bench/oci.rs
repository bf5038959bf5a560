//! An OCI image layout around one layer, for peers that take nothing less (image-spec, image-layout.md).

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::inputs::{Form, LayerFile, cannot};

/// Makes a layout at `directory` with the image `bench`, which has this layer; whatever was there is replaced.
pub(super) fn make_layout(directory: &Path, layer: &LayerFile, diff_id: &str) -> Result<()> {
    let failed = || cannot("make an OCI layout at", directory);
    if directory.exists() {
        fs::remove_dir_all(directory).with_context(failed)?;
    }
    let blobs = directory.join("blobs/sha256");
    fs::create_dir_all(&blobs).with_context(failed)?;
    fs::write(directory.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).with_context(failed)?;
    let layer = layer_blob(&blobs, layer).with_context(failed)?;
    // Not what it is: umoci unpacks for Linux only.
    let config = json!({
        "architecture": "amd64", "os": "linux", "config": {},
        "rootfs": {"type": "layers", "diff_ids": [diff_id]}
    });
    let config = blob(&blobs, "application/vnd.oci.image.config.v1+json", &config).with_context(failed)?;
    let manifest = json!({"schemaVersion": 2, "config": config, "layers": [layer]});
    let mut manifest =
        blob(&blobs, "application/vnd.oci.image.manifest.v1+json", &manifest).with_context(failed)?;
    manifest["annotations"] = json!({"org.opencontainers.image.ref.name": "bench"});
    let index = json!({"schemaVersion": 2, "manifests": [manifest]});
    fs::write(directory.join("index.json"), index.to_string()).with_context(failed)
}

/// Puts the layer itself into the layout, by another name, and gives its descriptor.
fn layer_blob(blobs: &Path, layer: &LayerFile) -> io::Result<Value> {
    let (digest, size) = digest_of_file(&layer.path)?;
    let blob = blobs.join(&digest);
    // Other file systems than the cache's need a copy.
    if fs::hard_link(&layer.path, &blob).is_err() {
        fs::copy(&layer.path, &blob)?;
    }
    let media_type = match layer.form {
        Form::Plain => "application/vnd.oci.image.layer.v1.tar",
        Form::Gzip => "application/vnd.oci.image.layer.v1.tar+gzip",
        Form::Zstd => "application/vnd.oci.image.layer.v1.tar+zstd",
    };
    Ok(json!({"mediaType": media_type, "digest": format!("sha256:{digest}"), "size": size}))
}

/// The SHA-256 of a file in hexadecimal, and the file's length.
fn digest_of_file(path: &Path) -> io::Result<(String, u64)> {
    let (mut file, mut hash) = (File::open(path)?, Sha256::new());
    let (mut buffer, mut size) = (vec![0; 1 << 20], 0);
    loop {
        let n = file.read(&mut buffer)?;
        if n == 0 {
            return Ok((hex(&hash.finalize()), size));
        }
        hash.update(&buffer[..n]);
        size += n as u64;
    }
}

fn blob(blobs: &Path, media_type: &str, content: &Value) -> io::Result<Value> {
    let bytes = content.to_string();
    let digest = hex(&Sha256::digest(&bytes));
    fs::write(blobs.join(&digest), &bytes)?;
    Ok(json!({"mediaType": media_type, "digest": format!("sha256:{digest}"), "size": bytes.len()}))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
