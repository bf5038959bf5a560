//! Comparing names without case: the order, its agreement with equality and hash, and its shape for trees.

use std::cmp::Ordering;
use std::hash::{DefaultHasher, Hasher};

use proptest::prelude::*;
use winlayer_meta::name::{
    fold_cmp, fold_eq, fold_hash, from_utf16, to_utf16, tree_cmp, upcase, write_folded,
};

fn folded(name: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_folded(name, &mut bytes);
    bytes
}

fn hash(name: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    fold_hash(name, &mut hasher);
    hasher.finish()
}

#[test]
fn names_that_differ_by_case_alone_are_one() {
    for (a, b) in [
        ("Windows", "WINDOWS"),
        ("windows/System32", "Windows/system32"),
        ("Données", "DONNÉES"),
        ("ɐɐ", "ⱯⱯ"),
        ("日本語a", "日本語A"),
        ("𐐷x", "𐐷X"),
        ("", ""),
    ] {
        assert!(fold_eq(a.as_bytes(), b.as_bytes()), "{a} {b}");
        assert_eq!(folded(a.as_bytes()), folded(b.as_bytes()), "{a} {b}");
        assert_eq!(hash(a.as_bytes()), hash(b.as_bytes()), "{a} {b}");
    }
}

#[test]
fn what_only_unicode_takes_for_one_stays_two() {
    for (a, b) in
        [("straße", "STRASSE"), ("ı", "I"), ("\u{212A}", "k"), ("ς", "Σ"), ("𐐷", "𐐏"), ("a\u{301}", "á")]
    {
        assert!(!fold_eq(a.as_bytes(), b.as_bytes()), "{a} {b}");
        assert_ne!(hash(a.as_bytes()), hash(b.as_bytes()), "{a} {b}");
    }
}

#[test]
fn bytes_that_are_no_character_stand_for_themselves() {
    assert!(!fold_eq(b"a\xff", b"a\xfe"));
    assert!(fold_eq(b"a\xff", b"A\xff"));
    assert!(!fold_eq(b"\xc3", b"\xc3\xa9"));
    assert!(!fold_eq(b"\xED\xA0\x81\xED\xB0\xB7", b"\xF0\x90\x90\xB7"));
}

#[test]
fn a_directory_is_followed_by_all_that_lies_in_it() {
    let sorted =
        ["a", "A/b", "a/B/c", "a/b.txt", "a/é", "a!", "a.txt", "a0", "B", "b/x", "b x", "é", "É/x", "é!"];
    let mut paths = sorted.to_vec();
    paths.reverse();
    paths.sort_by(|a, b| tree_cmp(a.as_bytes(), b.as_bytes()));
    assert_eq!(paths, sorted);
}

#[test]
fn long_names_hash_alike_wherever_their_pieces_end() {
    for len in 60..70 {
        let (lower, upper) = ("ɐ".repeat(len), "Ɐ".repeat(len));
        assert_eq!(hash(lower.as_bytes()), hash(upper.as_bytes()));
        assert_ne!(hash(lower.as_bytes()), hash("ɐ".repeat(len + 1).as_bytes()));
    }
}

/// Names that collide often: few characters, each with its other case, some of other length in it, some broken.
fn any_name() -> impl Strategy<Value = Vec<u8>> {
    const PARTS: [&[u8]; 20] = [
        b"a",
        b"A",
        b"b",
        b"/",
        b"!",
        b".",
        b"\x00",
        b"\xc3\xa9",
        b"\xc3\x89",
        b"\xc9\x90",
        b"\xe2\xb1\xaf",
        b"\xf0\x90\x90\xb7",
        b"\xee\x80\x80",
        b"\xed\xa0\x81",
        b"\xed\xb0\xb7",
        b"\xff",
        b"\xc3",
        b"\xe6\x97",
        b"longer/than/8",
        b"LONGER/than/8",
    ];
    proptest::collection::vec(proptest::sample::select(&PARTS[..]), 0..12).prop_map(|parts| parts.concat())
}

/// The order of trees, spelled out: component by component, a directory before its contents.
fn tree_cmp_slowly(a: &[u8], b: &[u8]) -> Ordering {
    let components = |path: &[u8]| path.split(|&byte| byte == b'/').map(folded).collect::<Vec<_>>();
    components(a).cmp(&components(b))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn comparing_is_comparing_the_folded_bytes(a in any_name(), b in any_name()) {
        prop_assert_eq!(fold_cmp(&a, &b), folded(&a).cmp(&folded(&b)));
        prop_assert_eq!(tree_cmp(&a, &b), tree_cmp_slowly(&a, &b));
        prop_assert_eq!(fold_eq(&a, &b), hash(&a) == hash(&b));
    }

    #[test]
    fn folding_is_upcasing_every_unit(units in proptest::collection::vec(0..0x3000_u16, 0..40)) {
        let upper: Vec<u16> = units.iter().map(|&unit| upcase(unit)).collect();
        prop_assert_eq!(to_utf16(&folded(&from_utf16(&units))).unwrap(), upper);
    }

    #[test]
    fn arbitrary_bytes_compare_as_their_folded_bytes(a: Vec<u8>, b: Vec<u8>) {
        prop_assert_eq!(fold_cmp(&a, &b), folded(&a).cmp(&folded(&b)));
        prop_assert_eq!(tree_cmp(&a, &b), tree_cmp(&b, &a).reverse());
    }
}
