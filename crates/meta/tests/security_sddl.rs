//! SDDL text: what is accepted in more than one spelling, what is refused and where.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests may panic as tests do")]

use winlayer_meta::security::{
    AccessMask, Ace, AceBody, AceFlags, Acl, AclPresence, Control, PlainKind, SecurityDescriptor,
    SecurityError, Sid, well_known,
};

fn respelled(text: &str) -> String {
    SecurityDescriptor::from_sddl(text).unwrap().to_sddl().unwrap()
}

fn error(text: &str) -> String {
    SecurityDescriptor::from_sddl(text).unwrap_err().to_string()
}

#[test]
fn other_spellings_become_the_one_that_windows_writes() {
    for (given, written) in [
        ("", ""),
        ("S:D:P", "D:PS:"),
        ("D:ARPAI(A;;GA;;;SY)", "D:PARAI(A;;GA;;;SY)"),
        (" O:ba  G: sy D: P (a; oici ;ga;;; wd) (D;;GR;;;AN)", "O:BAG:SYD:P(A;OICI;GA;;;WD)(D;;GR;;;AN)"),
        ("O:S-1-5-32-544G:S-1-1-0", "O:BAG:WD"),
        ("O:S-1-2-0x200D:", "O:S-1-2-512D:"),
        ("O:S-1-2-0x2dD:", "O:S-1-2-45D:"),
        ("D:(A;;0x1f01ff;;;WD)", "D:(A;;FA;;;WD)"),
        ("D:(A;;2032127;;;WD)", "D:(A;;FA;;;WD)"),
        ("D:(A;;07600777;;;WD)", "D:(A;;FA;;;WD)"),
        ("D:(A;;RPWPCRCCDCLCLORCWOWDSDDTSW;;;WD)", "D:(A;;CCDCLCSWRPWPDTLOCRSDRCWDWO;;;WD)"),
        ("D:(A;;FRFX;;;WD)", "D:(A;;0x1200a9;;;WD)"),
        ("D:(A;;GRGX;;;WD)", "D:(A;;GXGR;;;WD)"),
        ("D:(A;;KX;;;WD)", "D:(A;;KR;;;WD)"),
        ("D:(A;;FR FX;;;WD)", "D:(A;;0x1200a9;;;WD)"),
        ("S:(ML;;0x3;;;HI)", "S:(ML;;NWNR;;;HI)"),
        (
            "D:(OA;;CR;AB721A53-1E2F-11D0-9819-00AA0040529B;;WD)",
            "D:(OA;;CR;ab721a53-1e2f-11d0-9819-00aa0040529b;;WD)",
        ),
    ] {
        assert_eq!(respelled(given), written, "{given}");
    }
}

#[test]
fn other_spellings_of_conditions_become_the_one_that_windows_writes() {
    for (given, written) in [
        ("(@User.a==1)", "(@USER.a == 1)"),
        ("(@user.a && @Device.b || @resource.c)", "(((@USER.a) && (@DEVICE.b)) || (@RESOURCE.c))"),
        ("(@USER.a || @USER.b && @USER.c)", "((@USER.a) || ((@USER.b) && (@USER.c)))"),
        ("(a && b && c)", "(((a) && (b)) && (c))"),
        ("(a && (b && c))", "((a) && ((b) && (c)))"),
        ("(!a || !(!b))", "((!(a)) || (!(!(b))))"),
        ("(((a)))", "(a)"),
        ("(member_of{sid(ba),sid(S-1-1-0)})", "(Member_of {SID(BA), SID(WD)})"),
        ("(Member_of((SID(BA))))", "(Member_of SID(BA))"),
        ("(MEMBER_OF_ANY SID(BA))", "(Member_of_any SID(BA))"),
        ("(exists(a) && NOT_EXISTS @User.b)", "((Exists a) && (Not_Exists @USER.b))"),
        ("(a any_of{1,\"x\"})", "(a Any_of {1, \"x\"})"),
        ("(ab contains -0x10)", "(ab Contains -0x10)"),
        ("(@User.%0061b == #AB)", "(@USER.ab == #ab)"),
        ("(@User.ü == \"ü\")", "(@USER.%00fc == \"ü\")"),
        ("(a == b)", "(a == b)"),
        ("(Existsx)", "(Existsx)"),
    ] {
        let ace = |condition: &str| format!("D:(XA;;FX;;;WD;{condition})");
        assert_eq!(respelled(&ace(given)), ace(written), "{given}");
    }
}

#[test]
fn other_spellings_of_resource_attributes_become_the_one_that_windows_writes() {
    for (given, written) in [
        (r#"("n", ti, 0, 0x10, 010)"#, r#"("n",TI,0x0,16,8)"#),
        (r##"("n",TX,0x3,#00FF)"##, r#"("n",TX,0x3,00ff)"#),
        (r#"("n",TD,0,BA,S-1-1-0)"#, r#"("n",TD,0x0,SID(BA),SID(WD))"#),
        (r#"("n m",TS,0,"a""#, ""),
    ] {
        let ace = |attribute: &str| format!("S:(RA;;;;;WD;{attribute})");
        match written {
            "" => assert!(SecurityDescriptor::from_sddl(&ace(given)).is_err()),
            written => assert_eq!(respelled(&ace(given)), ace(written), "{given}"),
        }
    }
}

#[test]
fn errors_name_the_character_and_what_was_expected_there() {
    for (text, message) in [
        ("X:", "0: expected O:, G:, D: or S:, each once, found `X:`"),
        ("O:BAO:BA", "4: expected O:, G:, D: or S:, each once, found `O:BA`"),
        ("O:", "2: expected a sid (S-1-…) or one of its two-letter aliases, found the end"),
        ("O:XX", "2: expected a sid (S-1-…) or one of its two-letter aliases, found `XX`"),
        ("O:S-1-", "2: expected a sid (S-1-…) or one of its two-letter aliases, found `S-1-`"),
        ("D:(Q;;GA;;;SY)", "3: expected a type of access control entry, such as A or D, found `Q;;GA;;;SY)`"),
        (
            "D:(A;OIXX;GA;;;SY)",
            "7: expected a flag (OI, CI, NP, IO, ID, CR, SA, FA, TP) or a semicolon, found `XX;GA;;;SY)`",
        ),
        (
            "D:(A;;GAZZ;;;SY)",
            "8: expected a right, such as FA or GR, a number or a semicolon, found `ZZ;;;SY)`",
        ),
        ("D:(A;;0x123456789;;;SY)", "6: expected an access mask of at most 32 bits, found `0x123456789;…`"),
        ("D:(A;;0xzz;;;SY)", "6: expected a number of at most 64 bits, found `0xzz;;;SY)`"),
        (
            "D:(A;;GA;ab721a53-1e2f-11d0-9819-00aa0040529b;;SY)",
            "9: expected a semicolon, for only the types OA, OD, OU, OL and ZA have guids, found `ab721a53-1e2…`",
        ),
        ("D:(OA;;GA;ab721a53;;SY)", "10: expected a guid or a semicolon, found `ab721a53;;SY…`"),
        ("D:(A;;GA;;;SY", "13: expected a closing parenthesis, found the end"),
        ("D:(A;;GA;;;SY;)", "13: expected a closing parenthesis, found `;)`"),
        ("D:(XA;;GA;;;SY)", "14: expected a semicolon, found `)`"),
        ("D:(XA;;GA;;;SY;(a ==))", "20: expected an attribute, such as @USER.Title, found `))`"),
        ("D:(XA;;GA;;;SY;(a & b))", "18: expected &&, || or a closing parenthesis, found `& b))`"),
        ("D:(XA;;GA;;;ü)", "12: expected a sid (S-1-…) or one of its two-letter aliases, found `ü)`"),
        ("D:ü", "2: expected O:, G:, D: or S:, each once, found `ü`"),
        (
            "S:(RA;;;;;WD;(\"n\",TU,0,-1))",
            "23: expected a number that fits the type of the attribute, found `-1))`",
        ),
    ] {
        assert_eq!(error(text), format!("sddl character {message}"), "{text}");
    }
}

#[test]
fn an_alias_of_a_domain_needs_the_domain() {
    let text = "O:DAG:DUD:(A;;GA;;;LA)";
    assert_eq!(
        error(text),
        "sddl character 2: alias DA is an account of a domain: give the domain's SID, or write S-1-5-21-…-512"
    );
    let domain: Sid = "S-1-5-21-1-2-3".parse().unwrap();
    let descriptor = SecurityDescriptor::from_sddl_in_domain(text, &domain).unwrap();
    assert_eq!(
        descriptor.to_sddl().unwrap(),
        "O:S-1-5-21-1-2-3-512G:S-1-5-21-1-2-3-513D:(A;;GA;;;S-1-5-21-1-2-3-500)"
    );
}

#[test]
fn a_null_list_keeps_its_flags() {
    let text = "D:PAINO_ACCESS_CONTROL";
    let descriptor = SecurityDescriptor::from_sddl(text).unwrap();
    assert_eq!(*descriptor.dacl(), AclPresence::Null);
    assert!(descriptor.control().contains(Control::DACL_PROTECTED | Control::DACL_AUTO_INHERITED));
    assert_eq!(descriptor.to_sddl().unwrap(), text);
}

/// A descriptor whose DACL has one entry of this kind with this data.
fn with_data(kind: PlainKind, data: &[u8]) -> SecurityDescriptor {
    let body = AceBody::Plain { kind, mask: AccessMask(1), sid: well_known::EVERYONE, data: data.to_vec() };
    let mut descriptor = SecurityDescriptor::new();
    let acl = Acl::from_aces(vec![Ace { flags: AceFlags::default(), body }]).unwrap();
    descriptor.set_dacl(AclPresence::Present(acl));
    descriptor
}

#[test]
fn what_sddl_has_no_words_for_is_an_error_that_says_so() {
    let why = |kind, data: &[u8]| match with_data(kind, data).to_sddl().unwrap_err() {
        SecurityError::NoSddl { why, .. } => why,
        other => panic!("{other}"),
    };
    assert_eq!(why(PlainKind::AlarmCallback, b"artx"), "there is no word for the type");
    let condition = |tokens: &[u8]| why(PlainKind::AllowCallback, &[b"artx", tokens].concat());
    assert_eq!(why(PlainKind::AllowCallback, b""), "it does not start with the signature of a condition");
    assert_eq!(condition(b""), "it is not one condition");
    assert_eq!(condition(&[0x80]), "an operator in it has no operand");
    assert_eq!(condition(&[0xf8, 2, 0, 0, 0, 0x61, 0, 0xf8, 2, 0, 0, 0, 0x61, 0]), "it is not one condition");
    assert_eq!(condition(&[0x10, 0, 0, 0, 0, 0xa2]), "an operator in it has an operand of a wrong kind");
    assert_eq!(condition(&[0xf8, 0, 0, 0, 0]), "an attribute in it has no name");
    assert_eq!(condition(&[0xf8, 9, 0, 0, 0]), "it ends within a token");
    assert_eq!(condition(&[0x60]), "it has a token of an unknown type");
    let claim = |data: &[u8]| why(PlainKind::ResourceAttribute, data);
    assert_eq!(claim(&[0; 16]), "its type is unknown");
    assert_eq!(
        claim(&[16, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]),
        "it ends within its values"
    );
}

#[test]
fn a_claim_whose_values_all_point_to_one_large_text_is_refused() {
    let count = 100_u8;
    let mut data = vec![16, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, count, 0, 0, 0];
    let text_at = (16 + 4 * u32::from(count)).to_le_bytes();
    for _ in 0..count {
        data.extend(text_at);
    }
    data[0..4].copy_from_slice(&text_at);
    data.extend([b'x', 0].repeat(500));
    data.extend([0, 0]);
    let error = with_data(PlainKind::ResourceAttribute, &data).to_sddl().unwrap_err();
    assert_eq!(error.to_string(), "a resource attribute cannot be written as sddl: its values overlap");
}

#[test]
fn conditions_may_nest_as_deep_as_they_fit() {
    let deep = |n: usize| format!("D:(XA;;FX;;;WD;({}a{}))", "!(".repeat(n), ")".repeat(n));
    let text = deep(60_000);
    assert_eq!(respelled(&text), text);
    let error = error(&deep(70_000));
    assert!(error.contains("the most is 65535"), "{error}");
}
