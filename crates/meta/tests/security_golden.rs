//! Security descriptors of real layers and known SDDL, byte for byte.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests may panic as tests do")]

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use winlayer_meta::security::SecurityDescriptor;

const RAWSD: &str = include_str!("data/security_rawsd.txt");
const SDDL: &str = include_str!("data/security_sddl.txt");

fn lines(data: &str, separator: char) -> Vec<(&str, &str)> {
    let lines: Vec<_> = data.lines().filter(|line| !line.starts_with('#')).collect();
    lines.into_iter().map(|line| line.split_once(separator).unwrap()).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn descriptors_of_layers_are_written_back_byte_for_byte() {
    let samples = lines(RAWSD, ' ');
    assert_eq!(samples.len(), 13);
    for (base64, sddl) in samples {
        let bytes = STANDARD.decode(base64).unwrap();
        SecurityDescriptor::validate(&bytes).unwrap();
        let parsed = SecurityDescriptor::parse(&bytes).unwrap();
        assert_eq!(parsed.to_bytes(), bytes);
        assert_eq!(parsed.to_sddl().unwrap(), sddl);
    }
}

#[test]
fn descriptors_of_layers_mean_the_same_after_sddl() {
    for (base64, sddl) in lines(RAWSD, ' ') {
        let parsed = SecurityDescriptor::parse(&STANDARD.decode(base64).unwrap()).unwrap();
        assert_eq!(SecurityDescriptor::from_sddl(sddl).unwrap(), parsed, "{sddl}");
    }
}

#[test]
fn what_ntfs_laid_out_is_laid_out_the_same_from_sddl() {
    let mut same = 0;
    for (base64, sddl) in lines(RAWSD, ' ') {
        let bytes = STANDARD.decode(base64).unwrap();
        let owner_is_last_but_one = bytes[4] != 0x14;
        if owner_is_last_but_one {
            assert_eq!(SecurityDescriptor::from_sddl(sddl).unwrap().to_bytes(), bytes, "{sddl}");
            same += 1;
        }
    }
    assert_eq!(same, 9);
}

#[test]
fn sddl_becomes_the_bytes_that_windows_makes_and_back() {
    let samples = lines(SDDL, '\t');
    assert!(samples.len() > 60);
    for (sddl, hex) in samples {
        let bytes = unhex(hex);
        let from_text = SecurityDescriptor::from_sddl(sddl).unwrap();
        assert_eq!(from_text.to_bytes(), bytes, "{sddl}");
        let from_bytes = SecurityDescriptor::parse(&bytes).unwrap();
        assert_eq!(from_bytes, from_text, "{sddl}");
        assert_eq!(from_bytes.to_sddl().unwrap(), sddl);
    }
}

#[test]
fn the_label_of_the_conformance_case_means_what_the_reference_made_of_it() {
    // What go-winio made of the text on Wine, which lays it out in another order.
    let reference = unhex(
        "0100108014000000240000003400000000000000010200000000000520000000200200000102000000000005200000002002\
         000002001c00010000001100140001000000010100000000001000100000",
    );
    let reference = SecurityDescriptor::parse(&reference).unwrap();
    assert_eq!(SecurityDescriptor::from_sddl("O:BAG:BAS:(ML;;NW;;;LW)").unwrap(), reference);
    assert_eq!(reference.to_sddl().unwrap(), "O:BAG:BAS:(ML;;NW;;;LW)");
}
