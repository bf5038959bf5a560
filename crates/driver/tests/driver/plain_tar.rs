//! Just enough tar to write and read the small layers of these tests.

const BLOCK: usize = 512;

/// An entry of a test's tar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) name: String,
    /// `None` for a directory.
    pub(crate) content: Option<Vec<u8>>,
}

pub(crate) fn directory(name: &str) -> Entry {
    Entry { name: name.to_owned(), content: None }
}

pub(crate) fn file(name: &str, content: &str) -> Entry {
    Entry { name: name.to_owned(), content: Some(content.as_bytes().to_vec()) }
}

/// A tar of these entries (POSIX.1-1988 ustar).
pub(crate) fn write(entries: &[Entry]) -> Vec<u8> {
    let mut tar = Vec::new();
    for entry in entries {
        let content = entry.content.as_deref().unwrap_or_default();
        let mut header = [0u8; BLOCK];
        header[..entry.name.len()].copy_from_slice(entry.name.as_bytes());
        header[100..108].copy_from_slice(b"0000644\0");
        header[108..116].copy_from_slice(b"0000000\0");
        header[116..124].copy_from_slice(b"0000000\0");
        header[124..136].copy_from_slice(format!("{:011o}\0", content.len()).as_bytes());
        header[136..148].copy_from_slice(b"14000000000\0");
        header[148..156].copy_from_slice(b"        ");
        header[156] = if entry.content.is_some() { b'0' } else { b'5' };
        header[257..265].copy_from_slice(b"ustar\x0000");
        let sum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        tar.extend_from_slice(&header);
        tar.extend_from_slice(content);
        tar.resize(tar.len().next_multiple_of(BLOCK), 0);
    }
    tar.resize(tar.len() + 2 * BLOCK, 0);
    tar
}

/// The entries of a tar that [`write`] wrote; `None` if it was cut off.
pub(crate) fn read(mut tar: &[u8]) -> Option<Vec<Entry>> {
    let mut entries = Vec::new();
    loop {
        let (header, rest) = tar.split_at_checked(BLOCK)?;
        if header[0] == 0 {
            return Some(entries);
        }
        let name = header[..100].split(|&byte| byte == 0).next()?;
        let size = usize::from_str_radix(std::str::from_utf8(&header[124..135]).ok()?, 8).ok()?;
        let (content, rest) = rest.split_at_checked(size.next_multiple_of(BLOCK))?;
        entries.push(Entry {
            name: String::from_utf8(name.to_vec()).ok()?,
            content: (header[156] == b'0').then(|| content[..size].to_vec()),
        });
        tar = rest;
    }
}
