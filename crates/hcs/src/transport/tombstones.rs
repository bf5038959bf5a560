//! `tombstones.txt`: what a layer removes from its parents, a path on each line, below `Files`.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use winlayer_core::{Error, LayerPath, Result};

use super::names::TOMBSTONES;

const HEADER: &[u8] = b"\xEF\xBB\xBFVersion 1.0";
const FILES: &[u8] = b"Files/";

/// Reads the list of a directory; without the file it is empty.
///
/// # Errors
/// The file does not have this form, or names what no layer can have.
pub(super) fn read(root: &Path) -> Result<Vec<LayerPath>> {
    let path = root.join(TOMBSTONES);
    let text = match fs::read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(|error| Error::io("read", &path, error))?,
    };
    parse(&text).map_err(|(line, why)| Error::invalid(format!("{TOMBSTONES}, line {line}: {why}")))
}

/// Writes the list; paths outside `Files` are left out.
///
/// # Errors
/// Writing fails.
pub(super) fn write(root: &Path, paths: &[&LayerPath]) -> Result<()> {
    let path = root.join(TOMBSTONES);
    let mut text = HEADER.to_vec();
    for below_files in paths.iter().filter_map(|path| path.in_files()) {
        text.extend_from_slice(b"\n\\");
        text.extend(below_files.iter().map(|&b| if b == b'/' { b'\\' } else { b }));
    }
    text.push(b'\n');
    fs::File::create_new(&path)
        .and_then(|mut file| file.write_all(&text))
        .map_err(|error| Error::io("write", &path, error))
}

fn parse(text: &[u8]) -> Result<Vec<LayerPath>, (usize, String)> {
    let mut lines = text.split(|&b| b == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    if lines.next() != Some(HEADER) {
        return Err((1, "it does not begin with a byte order mark and \"Version 1.0\"".to_owned()));
    }
    let mut paths = Vec::new();
    for (number, line) in (2..).zip(lines).filter(|(_, line)| !line.is_empty()) {
        let below_files = line
            .strip_prefix(br"\")
            .filter(|path| !path.is_empty())
            .ok_or_else(|| (number, "a path that does not begin with a backslash".to_owned()))?;
        let slashed: Vec<u8> = below_files.iter().map(|&b| if b == b'\\' { b'/' } else { b }).collect();
        let path = LayerPath::from_tar(&[FILES, &slashed].concat()).map_err(|e| (number, e.to_string()))?;
        if path.is_root() {
            return Err((number, "the whole of Files cannot be removed".to_owned()));
        }
        paths.push(path);
    }
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_comes_back_with_either_line_ending() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(read(root.path()).unwrap(), []);
        let paths = ["Files/a", "Files/Ordner/Ünï", "UtilityVM/Files/x"]
            .map(|path| LayerPath::from_tar(path.as_bytes()).unwrap());
        write(root.path(), &paths.iter().collect::<Vec<_>>()).unwrap();
        let text = fs::read(root.path().join(TOMBSTONES)).unwrap();
        assert_eq!(text, "\u{feff}Version 1.0\n\\a\n\\Ordner\\Ünï\n".as_bytes());
        assert_eq!(read(root.path()).unwrap(), paths[..2]);
        assert_eq!(parse("\u{feff}Version 1.0\r\n\\a\r\n".as_bytes()).unwrap(), paths[..1]);
    }

    #[test]
    fn lists_of_another_form_are_refused_with_the_line() {
        for (text, line) in [
            ("", 1),
            ("Version 1.0\n\\a\n", 1),
            ("\u{feff}Version 2.0\n", 1),
            ("\u{feff}Version 1.0\n\\a\nb\n", 3),
            ("\u{feff}Version 1.0\n\\\n", 2),
            ("\u{feff}Version 1.0\n\\..\\x\n", 2),
            ("\u{feff}Version 1.0\n\\.\n", 2),
        ] {
            assert_eq!(parse(text.as_bytes()).unwrap_err().0, line, "{text:?}");
        }
    }
}
