//! File contents that compress as real ones do: repeats from near by between bytes that are new.

use super::random::Random;

/// What a file is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Texture {
    /// Programs and libraries: gzip halves them or a little better.
    Binary,
    /// Scripts and their descriptions: gzip leaves about a quarter.
    Text,
}

/// How far back a repeat reaches at most: deflate's window.
const WINDOW: u64 = 32 << 10;

impl Texture {
    /// Percent of steps that repeat something.
    fn repeats(self) -> u64 {
        match self {
            Self::Binary => 28,
            Self::Text => 63,
        }
    }

    /// One new byte.
    fn byte(self, random: &mut Random) -> u8 {
        const TEXT: &[u8] =
            b"eeeettttaaooiinnsshhrrddlluuccmmffppggwwyybbvvkk    \n\n(){};=.,'\"xjqz0123456789_";
        match self {
            Self::Binary if random.below(4) == 0 => 0,
            Self::Binary => random.bits().to_le_bytes()[0],
            Self::Text => *random.pick(TEXT),
        }
    }
}

/// Fills `out` with `len` bytes.
pub(super) fn fill(out: &mut Vec<u8>, len: usize, texture: Texture, random: &mut Random) {
    out.clear();
    while out.len() < len {
        if out.len() > 16 && random.below(100) < texture.repeats() {
            repeat(out, random);
        } else {
            let new = 1 + random.below(6);
            out.extend((0..new).map(|_| texture.byte(random)));
        }
    }
    out.truncate(len);
}

/// Appends something that was there before, more likely from near by, more likely short.
fn repeat(out: &mut Vec<u8>, random: &mut Random) {
    let reach = 1 + random.below(WINDOW.min(out.len() as u64));
    let distance = usize::try_from(1 + random.below(reach)).unwrap_or(1);
    let longest = *random.pick(&[6, 8, 12, 24, 80]);
    let length = usize::try_from(4 + random.below(longest)).unwrap_or(4).min(distance);
    let start = out.len() - distance;
    out.extend_from_within(start..start + length);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn ratio(texture: Texture) -> f64 {
        let mut content = Vec::new();
        fill(&mut content, 1 << 20, texture, &mut Random::new(1));
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gzip.write_all(&content).unwrap();
        content.len() as f64 / gzip.finish().unwrap().len() as f64
    }

    #[test]
    fn contents_compress_about_as_real_files_do() {
        let (binary, text) = (ratio(Texture::Binary), ratio(Texture::Text));
        assert!((1.9..2.9).contains(&binary), "{binary}");
        assert!((3.2..4.8).contains(&text), "{text}");
    }

    #[test]
    fn the_same_seed_gives_the_same_bytes() {
        let make = |seed| {
            let mut out = Vec::new();
            fill(&mut out, 5000, Texture::Text, &mut Random::new(seed));
            out
        };
        assert!(make(7) == make(7) && make(7) != make(8));
    }
}
