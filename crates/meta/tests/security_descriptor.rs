//! Binary security descriptors: what is refused, where and why, and what a changed one becomes.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests may panic as tests do")]

use winlayer_meta::security::{
    AccessMask, Ace, AceBody, AceFlags, Acl, AclPresence, AclRevision, Control, ObjectKind, PlainKind,
    SecurityDescriptor, Sid, well_known,
};

/// `O:BAG:SYD:(A;;FA;;;SY)`: header 0–19, DACL 20–47, its ACE 28–47, owner 48–63, group 64–75.
fn sample() -> Vec<u8> {
    SecurityDescriptor::from_sddl("O:BAG:SYD:(A;;FA;;;SY)").unwrap().to_bytes()
}

fn error(bytes: &[u8]) -> String {
    let parsed = SecurityDescriptor::parse(bytes).unwrap_err();
    assert_eq!(SecurityDescriptor::validate(bytes), Err(parsed.clone()));
    parsed.to_string()
}

fn patched(at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut sample = sample();
    sample[at..at + bytes.len()].copy_from_slice(bytes);
    sample
}

#[test]
fn a_wrong_header_names_the_field() {
    assert_eq!(error(&[]), "header, revision at byte 0: needs 1 bytes, 0 are left");
    assert_eq!(error(&sample()[..19]), "header, header at byte 0: needs 20 bytes, 19 are left");
    assert_eq!(error(&patched(0, &[2])), "header, revision at byte 0: revision 2 is not known");
    assert_eq!(
        error(&patched(3, &[0])),
        "header, control at byte 2: control flags 0x0004 do not say self-relative (0x8000)"
    );
}

#[test]
fn an_offset_must_point_past_the_header_within_the_input_and_to_a_multiple_of_4() {
    assert_eq!(error(&patched(4, &[19])), "header, owner offset at byte 4: offset 19 is outside 20..76");
    assert_eq!(error(&patched(8, &[76])), "header, group offset at byte 8: offset 76 is outside 20..76");
    assert_eq!(error(&patched(16, &[21])), "header, dacl offset at byte 16: 21 is not a multiple of 4");
    assert_eq!(
        error(&patched(16, &[0xff; 4])),
        "header, dacl offset at byte 16: offset 4294967295 is outside 20..76"
    );
}

#[test]
fn a_damaged_sid_names_whose_it_is() {
    assert_eq!(error(&patched(48, &[0])), "owner, revision at byte 48: revision 0 is not known");
    assert_eq!(
        error(&patched(65, &[16])),
        "group, sub-authority count at byte 65: 16 sub-authorities, the most is 15"
    );
    assert_eq!(error(&sample()[..72]), "group, sid at byte 64: needs 12 bytes, 8 are left");
}

#[test]
fn a_damaged_list_names_the_entry_and_the_byte() {
    assert_eq!(error(&patched(20, &[9])), "dacl, revision at byte 20: revision 9 is not known");
    assert_eq!(error(&patched(22, &[7])), "dacl, size at byte 22: size 7 is smaller than its content of 8");
    assert_eq!(error(&patched(22, &[60])), "dacl, acl at byte 20: needs 60 bytes, 56 are left");
    assert_eq!(error(&patched(24, &[2])), "dacl ace 1, size at byte 50: needs 2 bytes, 0 are left");
    assert_eq!(error(&patched(30, &[22])), "dacl ace 0, size at byte 30: 22 is not a multiple of 4");
    assert_eq!(
        error(&patched(30, &[0])),
        "dacl ace 0, size at byte 30: size 0 is smaller than its content of 4"
    );
    assert_eq!(error(&patched(30, &[24])), "dacl ace 0, ace at byte 28: needs 24 bytes, 20 are left");
    assert_eq!(error(&patched(36, &[7])), "dacl ace 0, revision at byte 36: revision 7 is not known");
}

#[test]
fn a_dacl_offset_that_misses_the_list_is_refused() {
    // A conformance tar has one whose offset is 4 bytes past the list.
    let mut bytes = SecurityDescriptor::from_sddl("O:BAG:SY").unwrap().to_bytes();
    bytes[2] = 4;
    bytes[16] = 52;
    bytes.extend([2, 0, 52, 0, 2, 0, 0, 0, 0, 0, 20, 0]);
    assert_eq!(error(&bytes), "dacl, size at byte 54: size 0 is smaller than its content of 8");
}

#[test]
fn null_absent_and_empty_lists_are_three_things() {
    let dacl = |sddl: &str| {
        let bytes = SecurityDescriptor::from_sddl(sddl).unwrap().to_bytes();
        SecurityDescriptor::parse(&bytes).unwrap().dacl().clone()
    };
    assert_eq!(dacl("O:BA"), AclPresence::Absent);
    assert_eq!(dacl("O:BAD:NO_ACCESS_CONTROL"), AclPresence::Null);
    assert_eq!(dacl("O:BAD:").acl().unwrap().aces(), []);
}

#[test]
fn the_offset_of_a_list_that_is_not_flagged_as_present_is_ignored_as_windows_does() {
    let parsed = SecurityDescriptor::parse(&patched(2, &[0])).unwrap();
    assert_eq!(*parsed.dacl(), AclPresence::Absent);
    assert_eq!(parsed.to_bytes(), patched(2, &[0]));
}

#[test]
fn unused_bytes_and_reserved_fields_survive_until_the_value_is_changed() {
    let mut bytes = sample();
    bytes[1] = 0x5a; // resource manager control
    bytes[21] = 1; // Sbz1 of the list
    bytes[26] = 1; // Sbz2 of the list
    bytes.extend([0xee; 5]);
    let mut parsed = SecurityDescriptor::parse(&bytes).unwrap();
    assert_eq!(parsed.to_bytes(), bytes);
    assert_eq!(parsed.rm_control(), 0x5a);
    parsed.set_owner(Some(well_known::SYSTEM));
    let mut expected = SecurityDescriptor::from_sddl("O:SYG:SYD:(A;;FA;;;SY)").unwrap();
    expected.set_rm_control(0x5a);
    assert_eq!(parsed.to_bytes(), expected.to_bytes());
}

#[test]
fn entries_keep_what_follows_their_sid_and_unknown_kinds_keep_everything() {
    let mask = AccessMask::FILE_ALL_ACCESS;
    let kind = PlainKind::Allow;
    let with_data = AceBody::Plain { kind, mask, sid: well_known::USERS, data: vec![1, 2, 3, 4] };
    let unknown = AceBody::Unknown { kind: 0x77, bytes: vec![9, 8, 7, 6] };
    let aces = [with_data, unknown].map(|body| Ace { flags: AceFlags(0xff), body }).to_vec();
    let acl = Acl::from_aces(aces.clone()).unwrap();
    let mut bytes = Vec::new();
    acl.write(&mut bytes);
    assert_eq!(bytes.len(), acl.byte_len());
    assert_eq!(Acl::parse(&bytes).unwrap().aces(), aces);
}

#[test]
fn every_kind_of_ace_is_read_by_its_layout() {
    let sid = [1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0];
    for kind in 0..=0x15_u8 {
        let is_object = matches!(kind, 0x05..=0x08 | 0x0b | 0x0c | 0x0f | 0x10);
        let mut body = vec![1, 0, 0, 0];
        if is_object {
            body.extend([2, 0, 0, 0]);
            body.extend([0xab; 16]);
        }
        body.extend(sid);
        let size = u8::try_from(4 + body.len()).unwrap();
        let mut bytes = vec![4, 0, 8 + size, 0, 1, 0, 0, 0, kind, 0, size, 0];
        bytes.extend(body);
        let acl = Acl::parse(&bytes).unwrap();
        let ace = &acl.aces()[0];
        assert_eq!(ace.kind(), kind);
        assert_eq!(ace.sid().is_none(), kind == 4, "only the compound kind is not described");
        assert_eq!(matches!(ace.body, AceBody::Object { .. }), is_object);
        let mut written = Vec::new();
        acl.write(&mut written);
        assert_eq!(written, bytes);
    }
}

#[test]
fn the_revision_of_a_list_follows_its_entries() {
    let plain = Ace::new(PlainKind::Deny, AceFlags::default(), AccessMask(1), well_known::EVERYONE);
    let object = Ace {
        flags: AceFlags::default(),
        body: AceBody::Object {
            kind: ObjectKind::Allow,
            mask: AccessMask(1),
            object_type: None,
            inherited_object_type: None,
            sid: well_known::EVERYONE,
            data: Vec::new(),
        },
    };
    assert_eq!(Acl::from_aces(vec![plain.clone()]).unwrap().revision(), AclRevision::Basic);
    assert_eq!(Acl::from_aces(vec![plain, object]).unwrap().revision(), AclRevision::DirectoryService);
}

#[test]
fn a_list_past_64_kib_is_refused() {
    let ace = Ace::new(PlainKind::Allow, AceFlags::default(), AccessMask(1), well_known::USERS);
    let fits = (Acl::MAX_BYTES - 8) / ace.byte_len();
    assert!(Acl::from_aces(vec![ace.clone(); fits]).is_ok());
    let error = Acl::from_aces(vec![ace; fits + 1]).unwrap_err();
    assert_eq!(error.to_string(), "access control list needs 65552 bytes, the most is 65535");
}

#[test]
fn the_flags_that_follow_from_the_content_cannot_be_set_apart_from_it() {
    let mut descriptor = SecurityDescriptor::new();
    descriptor.set_control(Control(0xffff));
    assert_eq!(descriptor.control(), Control(0xffff).without(Control::DACL_PRESENT | Control::SACL_PRESENT));
    descriptor.set_dacl(AclPresence::Null);
    assert!(descriptor.control().contains(Control::DACL_PRESENT));
    descriptor.set_dacl(AclPresence::Absent);
    descriptor.set_control(Control(0));
    assert_eq!(descriptor, SecurityDescriptor::new());
    assert_eq!(descriptor.control(), Control::SELF_RELATIVE);
}

#[test]
fn the_sids_of_containers_are_what_windows_says_they_are() {
    for (sid, text) in [
        (well_known::CONTAINER_ADMINISTRATOR, "S-1-5-93-2-1"),
        (well_known::CONTAINER_USER, "S-1-5-93-2-2"),
        (well_known::ALL_APP_PACKAGES, "S-1-15-2-1"),
        (well_known::ALL_RESTRICTED_APP_PACKAGES, "S-1-15-2-2"),
        (well_known::TRUSTED_INSTALLER, "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464"),
        (well_known::HIGH_LEVEL, "S-1-16-12288"),
    ] {
        assert_eq!(text.parse::<Sid>(), Ok(sid));
    }
}
