//! Security descriptors and SDDL under arbitrary input.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests may panic as tests do")]

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use winlayer_meta::security::{
    AccessMask, Ace, AceBody, AceFlags, Acl, AclPresence, AutoInherit, Control, Defaults, Guid, NewObject,
    ObjectKind, ObjectType, PlainKind, SecurityDescriptor, Sid, well_known,
};

fn sid() -> impl Strategy<Value = Sid> {
    let well_known = prop_oneof![
        Just(well_known::EVERYONE),
        Just(well_known::CREATOR_OWNER),
        Just(well_known::CREATOR_GROUP),
        Just(well_known::ADMINISTRATORS),
    ];
    let any = (0..1_u64 << 48, vec(any::<u32>(), 0..=15))
        .prop_map(|(authority, sub)| Sid::new(authority, &sub).unwrap());
    prop_oneof![well_known, any]
}

fn mask() -> impl Strategy<Value = AccessMask> {
    prop_oneof![
        any::<u32>(),
        prop::sample::select(vec![0, 0x1f_01ff, 0x12_0089, 0xf003f, 0x1000_0000, 0xa000_0000, 0x1_00ff]),
    ]
    .prop_map(AccessMask)
}

/// The kinds that SDDL can say without a condition or attribute.
const PLAIN: [PlainKind; 8] = [
    PlainKind::Allow,
    PlainKind::Deny,
    PlainKind::Audit,
    PlainKind::Alarm,
    PlainKind::MandatoryLabel,
    PlainKind::ScopedPolicyId,
    PlainKind::ProcessTrustLabel,
    PlainKind::AccessFilter,
];
const OBJECT: [ObjectKind; 4] = [ObjectKind::Allow, ObjectKind::Deny, ObjectKind::Audit, ObjectKind::Alarm];

fn guid() -> impl Strategy<Value = Option<Guid>> {
    option::of(any::<[u8; 16]>().prop_map(Guid::from_bytes))
}

fn ace() -> impl Strategy<Value = Ace> {
    let plain = (prop::sample::select(PLAIN.to_vec()), mask(), sid())
        .prop_map(|(kind, mask, sid)| AceBody::Plain { kind, mask, sid, data: Vec::new() });
    let object = (prop::sample::select(OBJECT.to_vec()), mask(), guid(), guid(), sid()).prop_map(
        |(kind, mask, object_type, inherited_object_type, sid)| AceBody::Object {
            kind,
            mask,
            object_type,
            inherited_object_type,
            sid,
            data: Vec::new(),
        },
    );
    (any::<u8>(), prop_oneof![3 => plain, 1 => object])
        .prop_map(|(flags, body)| Ace { flags: AceFlags(flags), body })
}

fn list() -> impl Strategy<Value = AclPresence> {
    prop_oneof![
        1 => Just(AclPresence::Absent),
        1 => Just(AclPresence::Null),
        4 => vec(ace(), 0..6).prop_map(|aces| AclPresence::Present(Acl::from_aces(aces).unwrap())),
    ]
}

fn descriptor() -> impl Strategy<Value = SecurityDescriptor> {
    (option::of(sid()), option::of(sid()), list(), list(), any::<u16>()).prop_map(
        |(owner, group, dacl, sacl, control)| {
            let mut out = SecurityDescriptor::new();
            out.set_owner(owner);
            out.set_group(group);
            out.set_dacl(dacl);
            out.set_sacl(sacl);
            out.set_control(Control(control));
            out
        },
    )
}

/// A descriptor whose DACL has one entry with `data`, padded as lists pad it.
fn with_data(kind: PlainKind, mut data: Vec<u8>) -> SecurityDescriptor {
    data.resize(data.len().next_multiple_of(4), 0);
    let body = AceBody::Plain { kind, mask: AccessMask(1), sid: well_known::EVERYONE, data };
    let acl = Acl::from_aces(vec![Ace { flags: AceFlags::default(), body }]).unwrap();
    let mut descriptor = SecurityDescriptor::new();
    descriptor.set_dacl(AclPresence::Present(acl));
    descriptor
}

/// A size of 4 bytes, then the content.
fn sized(content: &[u8]) -> Vec<u8> {
    let size = u32::try_from(content.len()).unwrap();
    [&size.to_le_bytes(), content].concat()
}

fn utf16(text: &[u16]) -> Vec<u8> {
    text.iter().flat_map(|unit| unit.to_le_bytes()).collect()
}

fn sid_bytes(sid: Sid) -> Vec<u8> {
    let mut bytes = Vec::new();
    sid.write(&mut bytes);
    bytes
}

fn name() -> impl Strategy<Value = Vec<u8>> {
    let word =
        prop::sample::select(vec!["SID", "exists", "Member_of", "a", "7", "-1", "@USER.x", "a{b}", "%0041"]);
    let word = word.prop_map(|word| word.encode_utf16().collect::<Vec<u16>>());
    prop_oneof![word, vec(0x20..0x7f_u16, 1..4), vec(1..=u16::MAX, 1..4)].prop_map(|name| utf16(&name))
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    "[^\"\0]{0,6}".prop_map(|text| utf16(&text.encode_utf16().collect::<Vec<u16>>()))
}

fn single() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        (any::<u64>(), 1..=3_u8, 1..=3_u8).prop_map(|(n, sign, base)| [
            &[4],
            &n.to_le_bytes()[..],
            &[sign, base]
        ]
        .concat()),
        text().prop_map(|text| [&[0x10], &sized(&text)[..]].concat()),
        vec(any::<u8>(), 0..5).prop_map(|octets| [&[0x18], &sized(&octets)[..]].concat()),
        sid().prop_map(|sid| [&[0x51], &sized(&sid_bytes(sid))[..]].concat()),
    ]
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    let list = vec(single(), 0..3).prop_map(|items| [&[0x50], &sized(&items.concat())[..]].concat());
    prop_oneof![3 => single(), 1 => list]
}

fn attribute() -> impl Strategy<Value = Vec<u8>> {
    (0xf8..=0xfb_u8, name()).prop_map(|(scope, name)| [&[scope], &sized(&name)[..]].concat())
}

/// The tokens of a condition in postfix order.
fn condition() -> impl Strategy<Value = Vec<u8>> {
    let operator = |codes: &[u8]| prop::sample::select(codes.to_vec()).prop_map(|code| vec![code]);
    let relation = operator(&[0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x88, 0x8e, 0x8f]);
    let membership = operator(&[0x89, 0x8a, 0x8b, 0x8c, 0x90, 0x91, 0x92, 0x93]);
    let term = prop_oneof![
        attribute(),
        (attribute(), prop_oneof![attribute(), value()], relation)
            .prop_map(|(left, right, op)| [left, right, op].concat()),
        (value(), membership).prop_map(|(value, op)| [value, op].concat()),
        (attribute(), operator(&[0x87, 0x8d])).prop_map(|(attribute, op)| [attribute, op].concat()),
    ];
    term.prop_recursive(5, 24, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(left, right)| [left, right, vec![0xa0]].concat()),
            (inner.clone(), inner.clone()).prop_map(|(left, right)| [left, right, vec![0xa1]].concat()),
            inner.prop_map(|inner| [inner, vec![0xa2]].concat()),
        ]
    })
}

/// A claim laid out as Windows does: header, name, values.
fn claim() -> impl Strategy<Value = Vec<u8>> {
    let number = || any::<u64>().prop_map(|n| n.to_le_bytes().to_vec());
    let values = prop_oneof![
        (prop::sample::select(vec![1_u16, 2, 6]), vec(number(), 0..4)),
        (Just(3), vec(text().prop_map(|text| [text, vec![0, 0]].concat()), 0..4)),
        (Just(5), vec(sid().prop_map(|sid| sized(&sid_bytes(sid))), 0..4)),
        (Just(0x10), vec(vec(any::<u8>(), 0..5).prop_map(|octets| sized(&octets)), 0..4)),
    ];
    (name(), any::<u32>(), values).prop_map(|(name, flags, (kind, values))| {
        let word = |n: usize| u32::try_from(n).unwrap().to_le_bytes();
        let name_at = 16 + 4 * values.len();
        let mut out =
            [&word(name_at)[..], &kind.to_le_bytes(), &[0, 0], &flags.to_le_bytes(), &word(values.len())]
                .concat();
        let mut value_at = name_at + name.len() + 2;
        for value in &values {
            out.extend(word(value_at));
            value_at += value.len();
        }
        out.extend(name);
        out.extend([0, 0]);
        out.extend(values.concat());
        out
    })
}

/// What SDDL keeps of control flags: those about lists that are there.
fn said_in_sddl(descriptor: &SecurityDescriptor) -> SecurityDescriptor {
    let mut kept = 0;
    if *descriptor.dacl() != AclPresence::Absent {
        kept |= 0x1500;
    }
    if *descriptor.sacl() != AclPresence::Absent {
        kept |= 0x2a00;
    }
    let mut out = descriptor.clone();
    out.set_control(Control(descriptor.control().0 & kept));
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn arbitrary_bytes_are_parsed_or_refused_and_written_back_as_they_were(bytes in vec(any::<u8>(), 0..200)) {
        let parsed = SecurityDescriptor::parse(&bytes);
        prop_assert_eq!(parsed.clone().err(), SecurityDescriptor::validate(&bytes).err());
        if let Ok(parsed) = parsed {
            prop_assert_eq!(&parsed.to_bytes(), &bytes);
        }
        let _ = Sid::parse(&bytes);
        let _ = Acl::parse(&bytes);
    }

    #[test]
    fn a_damaged_descriptor_is_parsed_or_refused_alike(
        descriptor in descriptor(),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = descriptor.to_bytes();
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(cut.index(bytes.len() * 2).min(bytes.len()));
        let parsed = SecurityDescriptor::parse(&bytes);
        prop_assert_eq!(parsed.clone().err(), SecurityDescriptor::validate(&bytes).err());
        if let Ok(parsed) = parsed {
            prop_assert_eq!(parsed.to_bytes(), bytes);
            let _ = parsed.to_sddl();
        }
    }

    #[test]
    fn a_descriptor_survives_bytes(descriptor in descriptor(), rm in any::<u8>()) {
        let mut descriptor = descriptor;
        descriptor.set_rm_control(rm);
        let bytes = descriptor.to_bytes();
        SecurityDescriptor::validate(&bytes).unwrap();
        prop_assert_eq!(SecurityDescriptor::parse(&bytes).unwrap(), descriptor);
    }

    #[test]
    fn a_descriptor_survives_sddl(descriptor in descriptor()) {
        let text = descriptor.to_sddl().unwrap();
        let read = SecurityDescriptor::from_sddl(&text).unwrap();
        prop_assert_eq!(&read, &said_in_sddl(&descriptor), "{}", text);
        prop_assert_eq!(read.to_sddl().unwrap(), text);
    }

    #[test]
    fn arbitrary_text_is_read_or_refused(text in ".{0,60}") {
        let _ = SecurityDescriptor::from_sddl(&text);
    }

    #[test]
    fn text_made_of_sddl_words_that_is_read_is_written_alike_ever_after(
        words in vec(prop::sample::select(WORDS.to_vec()), 0..24),
    ) {
        if let Ok(read) = SecurityDescriptor::from_sddl(&words.concat()) {
            let written = read.to_sddl().unwrap();
            let again = SecurityDescriptor::from_sddl(&written).unwrap();
            prop_assert_eq!(&again, &read, "{}", written);
            prop_assert_eq!(again.to_sddl().unwrap(), written);
        }
    }

    #[test]
    fn conditions_made_of_words_that_are_read_are_written_alike_ever_after(
        words in vec(prop::sample::select(CONDITION_WORDS.to_vec()), 0..12),
    ) {
        let text = format!("D:(XA;;GA;;;WD;({}))", words.concat());
        if let Ok(read) = SecurityDescriptor::from_sddl(&text) {
            let written = read.to_sddl().unwrap();
            prop_assert_eq!(&SecurityDescriptor::from_sddl(&written).unwrap(), &read, "{}", written);
        }
    }

    #[test]
    fn a_condition_survives_sddl(tokens in condition()) {
        let descriptor = with_data(PlainKind::AllowCallback, [b"artx", tokens.as_slice()].concat());
        let text = descriptor.to_sddl().unwrap();
        prop_assert_eq!(SecurityDescriptor::from_sddl(&text).unwrap(), descriptor, "{}", text);
    }

    #[test]
    fn a_resource_attribute_survives_sddl(claim in claim()) {
        let descriptor = with_data(PlainKind::ResourceAttribute, claim);
        let text = descriptor.to_sddl().unwrap();
        prop_assert_eq!(SecurityDescriptor::from_sddl(&text).unwrap(), descriptor, "{}", text);
    }

    #[test]
    fn conditions_and_attributes_of_arbitrary_bytes_that_are_written_are_read_back(
        data in vec(prop::sample::select(TOKEN_BYTES.to_vec()), 0..40),
        kind in prop::sample::select(vec![PlainKind::AllowCallback, PlainKind::ResourceAttribute]),
    ) {
        let signature: &[u8] = if kind == PlainKind::AllowCallback { b"artx" } else { b"" };
        if let Ok(text) = with_data(kind, [signature, data.as_slice()].concat()).to_sddl() {
            let read = SecurityDescriptor::from_sddl(&text).unwrap();
            prop_assert_eq!(read.to_sddl().unwrap(), text);
        }
    }

    #[test]
    fn what_a_child_inherits_is_sound_and_names_no_creator_where_it_takes_effect(
        parent in option::of(descriptor()),
        creator in option::of(descriptor()),
        is_file in any::<bool>(),
        auto_inherit in prop::sample::select(vec![AutoInherit::AsParent, AutoInherit::On, AutoInherit::Off]),
    ) {
        let mut creator = creator;
        if let Some(creator) = creator.as_mut() {
            creator.set_owner(None);
            creator.set_group(None);
        }
        let defaults = Defaults { owner: well_known::USERS, group: well_known::SYSTEM, dacl: None };
        let kind = if is_file { ObjectType::File } else { ObjectType::Directory };
        let child = NewObject { kind, creator: creator.as_ref(), defaults: &defaults, auto_inherit };
        let made = SecurityDescriptor::for_child(parent.as_ref(), &child).unwrap();
        prop_assert_eq!(&SecurityDescriptor::parse(&made.to_bytes()).unwrap(), &made);
        for ace in [made.dacl(), made.sacl()].into_iter().filter_map(AclPresence::acl).flat_map(Acl::aces) {
            prop_assert!(!is_file || ace.flags.0 & 0x0f == 0);
            if ace.flags.0 & 0x08 == 0 {
                prop_assert!(![well_known::CREATOR_OWNER, well_known::CREATOR_GROUP].contains(ace.sid().unwrap()));
            }
        }
    }
}

const WORDS: [&str; 32] = [
    "O:",
    "G:",
    "D:",
    "S:",
    "BA",
    "SY",
    "WD",
    "S-1-5-18",
    "P",
    "AI",
    "AR",
    "NO_ACCESS_CONTROL",
    "(A;;GA;;;WD)",
    "(A;OICI;",
    "(OA;;",
    "FA",
    "GR",
    "0x7",
    "017",
    ";",
    ";;;",
    "WD)",
    ")",
    "(ML;;NW;;;LW)",
    "(XA;;FX;;;WD;(",
    "a",
    " == ",
    "1",
    "))",
    "(RA;;;;;WD;(\"n\",TI,0",
    ",1",
    "(FL;TP;GA;;;WD;(@USER.x))",
];

const CONDITION_WORDS: [&str; 30] = [
    "(",
    ")",
    "!",
    "&&",
    "||",
    " ",
    "==",
    "<=",
    "<",
    "!=",
    " Contains ",
    " Any_of ",
    "Exists ",
    "Member_of ",
    "a",
    "b1",
    "@USER.x",
    "@DEVICE.y%0020",
    "SID(BA)",
    "{",
    "}",
    ",",
    "1",
    "-07",
    "+0x1f",
    "\"t\"",
    "#00ff",
    "SID",
    "(a)",
    "{1, 2}",
];

const TOKEN_BYTES: [u8; 24] = [
    0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 0x10, 0x18, 0x24, 0x41, 0x50, 0x51, 0x7b, 0x80, 0x87, 0x89, 0xa0, 0xa2,
    0xf8, 0xf9,
];
