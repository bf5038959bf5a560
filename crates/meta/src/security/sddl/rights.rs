//! The words that SDDL has for access rights.

use super::text::push;
use crate::security::mask::AccessMask;

/// The rights that are one bit, from bit 0 up, which is the order in which Windows writes them.
const BITS: [(&str, u32); 17] = [
    ("CC", 0x0000_0001),
    ("DC", 0x0000_0002),
    ("LC", 0x0000_0004),
    ("SW", 0x0000_0008),
    ("RP", 0x0000_0010),
    ("WP", 0x0000_0020),
    ("DT", 0x0000_0040),
    ("LO", 0x0000_0080),
    ("CR", 0x0000_0100),
    ("SD", 0x0001_0000),
    ("RC", 0x0002_0000),
    ("WD", 0x0004_0000),
    ("WO", 0x0008_0000),
    ("GA", 0x1000_0000),
    ("GX", 0x2000_0000),
    ("GW", 0x4000_0000),
    ("GR", 0x8000_0000),
];

/// The rights of files and registry keys that are several bits, in the order in which Windows tries them.
/// `KX` means what `KR` means and is never written.
const SETS: [(&str, u32); 8] = [
    ("FA", 0x001f_01ff),
    ("FR", 0x0012_0089),
    ("FW", 0x0012_0116),
    ("FX", 0x0012_00a0),
    ("KA", 0x000f_003f),
    ("KR", 0x0002_0019),
    ("KW", 0x0002_0006),
    ("KX", 0x0002_0019),
];

/// The rights of mandatory labels, whose bits mean something else.
const LABEL_BITS: [(&str, u32); 3] = [("NW", 1), ("NR", 2), ("NX", 4)];

/// Which words a mask is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Vocabulary {
    /// The words of all objects.
    Object,
    /// The words of mandatory labels.
    Label,
}

/// The mask of one word; the case of the letters does not matter.
pub(super) fn mask_of(word: &str) -> Option<AccessMask> {
    let all = BITS.iter().chain(&SETS).chain(&LABEL_BITS);
    all.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(word)).map(|&(_, mask)| AccessMask(mask))
}

/// Writes a mask: one word if there is one for exactly this mask, else a word for every bit if there are, else hex.
pub(super) fn write(mask: AccessMask, vocabulary: Vocabulary, out: &mut String) {
    let bits: &[(&str, u32)] = match vocabulary {
        Vocabulary::Object => &BITS,
        Vocabulary::Label => &LABEL_BITS,
    };
    if let (Some((set, _)), Vocabulary::Object) = (SETS.iter().find(|(_, set)| mask.0 == *set), vocabulary) {
        return out.push_str(set);
    }
    if mask.0 & !bits.iter().fold(0, |all, (_, bit)| all | bit) != 0 {
        return push(out, format_args!("{:#x}", mask.0));
    }
    bits.iter().filter(|(_, bit)| mask.0 & bit != 0).for_each(|(word, _)| out.push_str(word));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(mask: u32, vocabulary: Vocabulary) -> String {
        let mut out = String::new();
        write(AccessMask(mask), vocabulary, &mut out);
        out
    }

    #[test]
    fn a_mask_is_one_word_if_it_can_be_then_bits_then_hex() {
        let object = |mask| text(mask, Vocabulary::Object);
        assert_eq!(object(0x001f_01ff), "FA");
        assert_eq!(object(0x000f_01ff), "CCDCLCSWRPWPDTLOCRSDRCWDWO");
        assert_eq!(object(0x0002_0019), "KR");
        assert_eq!(object(0xa000_0000), "GXGR");
        assert_eq!(object(0x001f_01fe), "0x1f01fe");
        assert_eq!(object(0x201f_01ff), "0x201f01ff");
        assert_eq!(object(0x0012_00a9), "0x1200a9");
        assert_eq!(object(0), "");
    }

    #[test]
    fn the_bits_of_a_label_have_their_own_words() {
        assert_eq!(text(1, Vocabulary::Label), "NW");
        assert_eq!(text(7, Vocabulary::Label), "NWNRNX");
        assert_eq!(text(0x001f_01ff, Vocabulary::Label), "0x1f01ff");
    }
}
