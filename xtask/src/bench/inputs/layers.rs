//! Windows layers made up for benchmarks: the shapes, sizes and metadata of real ones, the same bytes on every machine.

use std::io::Write;

use anyhow::Result;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use winlayer_meta::filetime::UnixTime;
use winlayer_meta::security::SecurityDescriptor;
use winlayer_tar::{EntryType, Header, Writer};

use super::content::{self, Texture};
use super::random::Random;

/// What a layer is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A base image: some thousand programs and libraries, a third of them hard links.
    Base,
    /// What a package manager installs: tens of thousands of small scripts.
    Packages,
    /// Files of at most 512 bytes in directories of a hundred, with this number in each file's name.
    Small(u32),
}

/// Files in each directory of [`Shape::Small`].
const SMALL_DIRECTORY: u64 = 100;

/// Writes a layer with about this many entries.
pub(super) fn write(shape: Shape, entries: u64, out: impl Write) -> Result<()> {
    let mut layer = Layer::new(shape, out)?;
    layer.directory("Files/")?;
    match shape {
        Shape::Base => layer.base(entries)?,
        Shape::Packages => layer.packages(entries)?,
        Shape::Small(layer_number) => layer.small(entries, layer_number)?,
    }
    layer.tar.finish()?.flush()?;
    Ok(())
}

/// A file that a layer of [`Shape::Small`] has, as a path of Windows.
pub(crate) fn small_file(layer_number: u32, entries: u64) -> String {
    let middle = entries / SMALL_DIRECTORY / 2;
    format!(r"C:\data\D{middle:05}\FILE{layer_number:03}-0042.TXT")
}

/// A layer that is being written.
struct Layer<W: Write> {
    tar: Writer<W>,
    random: Random,
    /// Security descriptors as layers have them: a few hundred, each on many files.
    descriptors: Vec<String>,
    content: Vec<u8>,
}

impl<W: Write> Layer<W> {
    fn new(shape: Shape, out: W) -> Result<Self> {
        let seed = match shape {
            Shape::Base => 1,
            Shape::Packages => 2,
            Shape::Small(number) => 3 + u64::from(number),
        };
        let descriptors = (0..200).map(descriptor).collect::<Result<_>>()?;
        Ok(Self { tar: Writer::new(out), random: Random::new(seed), descriptors, content: Vec::new() })
    }

    /// System32 first, then components whose files are new or are links into System32.
    fn base(&mut self, entries: u64) -> Result<()> {
        const SIZES: [u64; 8] = [2_000, 6_000, 14_000, 30_000, 60_000, 120_000, 250_000, 700_000];
        const IN_A_COMPONENT: u64 = 8;
        let system_files = entries * 2 / 5;
        self.directory("Files/Windows/")?;
        self.directory("Files/Windows/System32/")?;
        for file in 0..system_files {
            self.file(&format!("Files/Windows/System32/system{file:06}.dll"), &SIZES, Texture::Binary)?;
        }
        self.directory("Files/Windows/WinSxS/")?;
        for component in 0..(entries - system_files) / (IN_A_COMPONENT + 1) {
            let directory = format!("Files/Windows/WinSxS/amd64_component-{component:06}_31bf3856ad364e35");
            self.directory(&format!("{directory}/"))?;
            for file in 0..IN_A_COMPONENT {
                let name = format!("{directory}/part{file:02}.dll");
                if file % 2 == 0 {
                    let target = self.random.below(system_files);
                    self.link(&name, &format!("Files/Windows/System32/system{target:06}.dll"))?;
                } else {
                    self.file(&name, &SIZES, Texture::Binary)?;
                }
            }
        }
        Ok(())
    }

    fn packages(&mut self, entries: u64) -> Result<()> {
        const SIZES: [u64; 8] = [200, 500, 900, 1_500, 3_000, 6_000, 14_000, 40_000];
        const IN_A_PACKAGE: u64 = 25;
        self.directory("Files/app/")?;
        self.directory("Files/app/node_modules/")?;
        for package in 0..entries / IN_A_PACKAGE {
            let directory = format!("Files/app/node_modules/package-{package:05}");
            self.directory(&format!("{directory}/"))?;
            self.directory(&format!("{directory}/lib/"))?;
            for file in 0..IN_A_PACKAGE - 3 {
                self.file(&format!("{directory}/lib/module{file:02}.js"), &SIZES, Texture::Text)?;
            }
            self.file(&format!("{directory}/package.json"), &SIZES[1..4], Texture::Text)?;
        }
        Ok(())
    }

    fn small(&mut self, entries: u64, layer_number: u32) -> Result<()> {
        self.directory("Files/data/")?;
        for directory in 0..entries.div_ceil(SMALL_DIRECTORY) {
            let path = format!("Files/data/d{directory:05}");
            self.directory(&format!("{path}/"))?;
            for file in 1..SMALL_DIRECTORY {
                self.file(
                    &format!("{path}/file{layer_number:03}-{file:04}.txt"),
                    &[100, 300],
                    Texture::Text,
                )?;
            }
        }
        Ok(())
    }

    fn directory(&mut self, name: &str) -> Result<()> {
        let header = self.header(name, EntryType::Directory, 0o40755, 0);
        Ok(self.tar.write_header(&header)?)
    }

    fn link(&mut self, name: &str, target: &str) -> Result<()> {
        let mut header = self.header(name, EntryType::HardLink, 0o100_644, 0);
        header.link = target.as_bytes().to_vec();
        Ok(self.tar.write_header(&header)?)
    }

    /// A file of one of these sizes, or half as much more or less.
    fn file(&mut self, name: &str, sizes: &[u64], texture: Texture) -> Result<()> {
        let about = *self.random.pick(sizes);
        let size = about / 2 + self.random.below(about);
        content::fill(&mut self.content, usize::try_from(size)?, texture, &mut self.random);
        let header = self.header(name, EntryType::File, 0o100_644, size);
        Ok(self.tar.append(&header, &self.content)?)
    }

    fn header(&mut self, name: &str, kind: EntryType, mode: u32, size: u64) -> Header {
        let attributes: &[u8] = if kind == EntryType::Directory { b"16" } else { b"32" };
        let records = [
            (&b"MSWINDOWS.rawsd"[..], self.random.pick(&self.descriptors).as_bytes().to_vec()),
            (b"MSWINDOWS.fileattr", attributes.to_vec()),
            (b"LIBARCHIVE.creationtime", self.time_text().into_bytes()),
        ];
        Header {
            name: name.as_bytes().to_vec(),
            link: Vec::new(),
            kind,
            mode,
            size,
            mtime: self.time(),
            atime: Some(self.time()),
            ctime: Some(self.time()),
            pax: records.into_iter().map(|(key, value)| (key.to_vec(), value)).collect(),
        }
    }

    /// Some time of a few years, to 100 ns as NTFS keeps it.
    fn time(&mut self) -> UnixTime {
        let secs = 1_600_000_000 + i64::try_from(self.random.below(100_000_000)).unwrap_or_default();
        let nanos = u32::try_from(self.random.below(9_999_999)).unwrap_or_default() * 100 + 100;
        UnixTime { secs, nanos }
    }

    fn time_text(&mut self) -> String {
        let time = self.time();
        format!("{}.{:09}", time.secs, time.nanos).trim_end_matches('0').to_owned()
    }
}

/// The descriptor of a system file, for one of many services.
fn descriptor(service: u64) -> Result<String> {
    let sddl = format!(
        "O:S-1-5-80-956008885-3418522649-1831038044-1853292631-{service}G:S-1-5-18D:PAI(A;;FA;;;S-1-5-80-1-2-3-4-{service})\
         (A;;0x1200a9;;;BA)(A;;0x1200a9;;;SY)(A;;0x1200a9;;;BU)(A;;0x1200a9;;;AC)"
    );
    Ok(BASE64.encode(SecurityDescriptor::from_sddl(&sddl)?.to_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use winlayer_tar::Reader;

    fn layer(shape: Shape, entries: u64) -> Vec<u8> {
        let mut tar = Vec::new();
        write(shape, entries, &mut tar).unwrap();
        tar
    }

    fn names(tar: &[u8]) -> Vec<String> {
        let mut reader = Reader::new(tar);
        let mut names = Vec::new();
        while let Some(entry) = reader.next_entry().unwrap() {
            names.push(String::from_utf8(entry.path).unwrap());
        }
        names
    }

    #[test]
    fn layers_have_about_as_many_entries_as_asked_for() {
        for shape in [Shape::Base, Shape::Packages, Shape::Small(0)] {
            let count = names(&layer(shape, 300)).len();
            assert!((280..=320).contains(&count), "{shape:?}: {count}");
        }
    }

    #[test]
    fn layers_are_the_same_on_every_run() {
        assert!(layer(Shape::Base, 60) == layer(Shape::Base, 60));
    }

    #[test]
    fn the_file_to_look_up_is_there() {
        let names = names(&layer(Shape::Small(3), 500));
        let wanted = small_file(3, 500).replace(r"C:\", "Files/").replace('\\', "/");
        assert!(names.iter().any(|name| name.eq_ignore_ascii_case(&wanted)), "{wanted}");
    }
}
