//! What new files and directories inherit, written as SDDL.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests may panic as tests do")]

use winlayer_meta::security::{
    Acl, AutoInherit, Defaults, NewObject, ObjectType, SecurityDescriptor, well_known,
};

fn sd(text: &str) -> SecurityDescriptor {
    SecurityDescriptor::from_sddl(text).unwrap()
}

fn defaults() -> Defaults {
    let dacl = sd("D:(A;;GA;;;SY)").dacl().acl().cloned();
    Defaults { owner: well_known::CONTAINER_USER, group: well_known::CONTAINER_USER, dacl }
}

/// The lists of a child of `parent` that the creator wants to have `creator`, without the owner and group.
fn child_of(parent: &str, kind: ObjectType, creator: Option<&str>, auto_inherit: AutoInherit) -> String {
    let creator = creator.map(sd);
    let defaults = defaults();
    let child = NewObject { kind, creator: creator.as_ref(), defaults: &defaults, auto_inherit };
    let made = SecurityDescriptor::for_child(Some(&sd(parent)), &child).unwrap();
    let text = made.to_sddl().unwrap();
    text.replace("O:S-1-5-93-2-2G:S-1-5-93-2-2", "")
}

fn file(parent: &str) -> String {
    child_of(parent, ObjectType::File, None, AutoInherit::AsParent)
}

fn directory(parent: &str) -> String {
    child_of(parent, ObjectType::Directory, None, AutoInherit::AsParent)
}

#[test]
fn children_of_the_root_of_the_drive_get_what_windows_gives_them() {
    let root = "O:BAG:SYD:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;0x1200a9;;;BU)(A;CI;LC;;;BU)(A;CIIO;DC;;;BU)\
                (A;OICIIO;GA;;;CO)";
    assert_eq!(file(root), "D:AI(A;ID;FA;;;SY)(A;ID;FA;;;BA)(A;ID;0x1200a9;;;BU)(A;ID;FA;;;S-1-5-93-2-2)");
    assert_eq!(
        directory(root),
        "D:AI(A;OICIID;FA;;;SY)(A;OICIID;FA;;;BA)(A;OICIID;0x1200a9;;;BU)(A;CIID;LC;;;BU)(A;CIID;DC;;;BU)\
         (A;ID;FA;;;S-1-5-93-2-2)(A;OICIIOID;GA;;;CO)"
    );
}

#[test]
fn every_combination_of_flags_follows_the_table_of_the_specification() {
    let parent = |flags: &str| format!("D:AI(A;{flags};FR;;;WD)");
    for (flags, in_directory, in_file) in [
        ("", None, None),
        ("IO", None, None),
        ("OI", Some("OIIOID"), Some("ID")),
        ("OINP", None, Some("ID")),
        ("CI", Some("CIID"), None),
        ("CINP", Some("ID"), None),
        ("OICI", Some("OICIID"), Some("ID")),
        ("OICINP", Some("ID"), Some("ID")),
        ("OICIIO", Some("OICIID"), Some("ID")),
        ("CINPIO", Some("ID"), None),
    ] {
        let expected = |flags: Option<&str>| match flags {
            Some(flags) => format!("D:AI(A;{flags};FR;;;WD)"),
            None => "D:AI(A;;FA;;;SY)".to_owned(), // the default
        };
        assert_eq!(directory(&parent(flags)), expected(in_directory), "directory, {flags}");
        assert_eq!(file(&parent(flags)), expected(in_file), "file, {flags}");
    }
}

#[test]
fn an_entry_is_split_only_if_what_takes_effect_differs_from_what_is_passed_on() {
    assert_eq!(directory("D:AI(A;OICI;GA;;;BU)"), "D:AI(A;ID;FA;;;BU)(A;OICIIOID;GA;;;BU)");
    assert_eq!(directory("D:AI(A;OICI;FA;;;BU)"), "D:AI(A;OICIID;FA;;;BU)");
    assert_eq!(directory("D:AI(A;OICI;FR;;;CG)"), "D:AI(A;ID;FR;;;S-1-5-93-2-2)(A;OICIIOID;FR;;;CG)");
    assert_eq!(directory("D:AI(A;OICINP;GR;;;CO)"), "D:AI(A;ID;FR;;;S-1-5-93-2-2)");
    assert_eq!(file("D:AI(A;OI;GXGR;;;BU)"), "D:AI(A;ID;0x1200a9;;;BU)");
}

#[test]
fn without_automatic_inheritance_nothing_is_marked_as_inherited() {
    assert_eq!(file("D:(A;OI;FA;;;BU)"), "D:(A;;FA;;;BU)");
    let parent = "D:AI(A;OICIID;FA;;;BU)";
    assert_eq!(child_of(parent, ObjectType::File, None, AutoInherit::Off), "D:(A;;FA;;;BU)");
    assert_eq!(
        child_of("D:(A;OI;FA;;;BU)", ObjectType::File, None, AutoInherit::On),
        "D:AI(A;ID;FA;;;BU)S:AI".replace("S:AI", "")
    );
}

#[test]
fn the_creators_entries_come_first_and_the_inherited_follow() {
    let parent = "D:AI(A;OICI;FA;;;BA)";
    let child = |creator| child_of(parent, ObjectType::File, Some(creator), AutoInherit::AsParent);
    assert_eq!(child("D:(D;;GW;;;BU)(A;ID;FA;;;AU)"), "D:AI(D;;FW;;;BU)(A;ID;FA;;;BA)");
    assert_eq!(child("D:P(A;;GR;;;BU)(A;ID;FA;;;AU)"), "D:PAI(A;;FR;;;BU)(A;;FA;;;AU)");
    assert_eq!(child("D:"), "D:AI(A;ID;FA;;;BA)");
    assert_eq!(child("D:NO_ACCESS_CONTROL"), "D:AINO_ACCESS_CONTROL");
    let off = child_of(parent, ObjectType::File, Some("D:(A;;GR;;;BU)"), AutoInherit::Off);
    assert_eq!(off, "D:(A;;FR;;;BU)");
}

#[test]
fn the_creators_inheritable_entries_are_made_concrete_too() {
    let creator = Some("D:P(A;OICI;GA;;;BA)(A;OICIIO;GA;;;CO)(A;CI;LC;;;BU)");
    let make = |kind| child_of("D:AI", kind, creator, AutoInherit::AsParent);
    assert_eq!(
        make(ObjectType::Directory),
        "D:PAI(A;;FA;;;BA)(A;OICIIO;GA;;;BA)(A;OICIIO;GA;;;CO)(A;CI;LC;;;BU)"
    );
    assert_eq!(make(ObjectType::File), "D:PAI(A;;FA;;;BA)(A;;LC;;;BU)");
}

#[test]
fn a_default_list_of_the_creator_gives_way_to_what_is_inherited() {
    let mut creator = sd("D:(A;;GR;;;BU)");
    creator.set_control(winlayer_meta::security::Control::DACL_DEFAULTED);
    let defaults = defaults();
    let child = NewObject {
        kind: ObjectType::File,
        creator: Some(&creator),
        defaults: &defaults,
        auto_inherit: AutoInherit::AsParent,
    };
    let made = |parent: &str| {
        let made = SecurityDescriptor::for_child(Some(&sd(parent)), &child).unwrap();
        made.to_sddl().unwrap().replace("O:S-1-5-93-2-2G:S-1-5-93-2-2", "")
    };
    assert_eq!(made("D:AI(A;OI;FA;;;BA)"), "D:AI(A;ID;FA;;;BA)");
    assert_eq!(made("D:AI(A;CI;FA;;;BA)"), "D:AI(A;;FR;;;BU)");
}

#[test]
fn owner_and_group_are_the_creators_or_the_defaults_and_stand_for_creator_sids() {
    let parent = sd("O:BAG:BAD:AI(A;OI;FR;;;CO)(A;OI;FW;;;CG)");
    let creator = sd("O:SY");
    let defaults = defaults();
    let child = NewObject {
        kind: ObjectType::File,
        creator: Some(&creator),
        defaults: &defaults,
        auto_inherit: AutoInherit::AsParent,
    };
    let made = SecurityDescriptor::for_child(Some(&parent), &child).unwrap().to_sddl().unwrap();
    assert_eq!(made, "O:SYG:S-1-5-93-2-2D:AI(A;ID;FR;;;SY)(A;ID;FW;;;S-1-5-93-2-2)");
}

#[test]
fn without_a_parent_the_defaults_are_made_concrete() {
    let defaults = defaults();
    let child = NewObject {
        kind: ObjectType::File,
        creator: None,
        defaults: &defaults,
        auto_inherit: AutoInherit::AsParent,
    };
    let made = SecurityDescriptor::for_child(None, &child).unwrap().to_sddl().unwrap();
    assert_eq!(made, "O:S-1-5-93-2-2G:S-1-5-93-2-2D:(A;;FA;;;SY)");
}

#[test]
fn entries_for_children_of_a_class_are_passed_on_and_take_no_effect() {
    let class = "bf967aba-0de6-11d0-a285-00aa003049e2";
    let parent = format!("D:AI(OA;OICI;CR;;{class};WD)(OA;OICI;CR;{class};;WD)");
    assert_eq!(directory(&parent), format!("D:AI(OA;OICIIOID;CR;;{class};WD)(OA;OICIID;CR;{class};;WD)"));
    assert_eq!(file(&parent), format!("D:AI(OA;ID;CR;{class};;WD)"));
}

#[test]
fn audits_labels_and_attributes_are_inherited_through_the_sacl() {
    let parent = "S:AI(AU;OICISA;GA;;;WD)(ML;OICI;NW;;;LW)(RA;CI;;;;WD;(\"n\",TI,0x0,1))";
    assert_eq!(file(parent), "D:(A;;FA;;;SY)S:AI(AU;IDSA;FA;;;WD)(ML;ID;NW;;;LW)");
    assert_eq!(
        directory(parent),
        "D:(A;;FA;;;SY)S:AI(AU;IDSA;FA;;;WD)(AU;OICIIOIDSA;GA;;;WD)(ML;OICIID;NW;;;LW)\
         (RA;CIID;;;;WD;(\"n\",TI,0x0,1))"
    );
}

#[test]
fn a_list_that_splitting_makes_too_large_is_refused() {
    let one = sd("D:(A;OICI;GA;;;BA)");
    let ace = one.dacl().acl().unwrap().aces()[0].clone();
    let acl = Acl::from_aces(vec![ace; 2000]).unwrap();
    let mut parent = SecurityDescriptor::new();
    parent.set_dacl(winlayer_meta::security::AclPresence::Present(acl));
    let defaults = defaults();
    let child = NewObject {
        kind: ObjectType::Directory,
        creator: None,
        defaults: &defaults,
        auto_inherit: AutoInherit::AsParent,
    };
    let error = SecurityDescriptor::for_child(Some(&parent), &child).unwrap_err();
    assert_eq!(error.to_string(), "access control list needs 96008 bytes, the most is 65535");
}
