//! The two-letter names that SDDL has for well-known SIDs, as the Windows SDK's sddl.h lists them.

use crate::security::sid::Sid;

/// What an alias stands for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Account {
    /// A SID that is the same everywhere.
    Fixed(Sid),
    /// An account of the machine's or the domain's own SID.
    OfDomain(u32),
}

const fn builtin(rid: u32) -> Account {
    Account::Fixed(Sid::known(5, [32, rid]))
}

const fn nt(rid: u32) -> Account {
    Account::Fixed(Sid::known(5, [rid]))
}

const fn creator(rid: u32) -> Account {
    Account::Fixed(Sid::known(3, [rid]))
}

const fn level(rid: u32) -> Account {
    Account::Fixed(Sid::known(16, [rid]))
}

const fn of_domain(rid: u32) -> Account {
    Account::OfDomain(rid)
}

/// Every alias, in alphabetical order.
const ALIASES: [(&str, Account); 68] = [
    ("AA", builtin(579)),
    ("AC", Account::Fixed(Sid::known(15, [2, 1]))),
    ("AN", nt(7)),
    ("AO", builtin(548)),
    ("AP", of_domain(525)),
    ("AS", Account::Fixed(Sid::known(18, [1]))),
    ("AU", nt(11)),
    ("BA", builtin(544)),
    ("BG", builtin(546)),
    ("BO", builtin(551)),
    ("BU", builtin(545)),
    ("CA", of_domain(517)),
    ("CD", builtin(574)),
    ("CG", creator(1)),
    ("CN", of_domain(522)),
    ("CO", creator(0)),
    ("CY", builtin(569)),
    ("DA", of_domain(512)),
    ("DC", of_domain(515)),
    ("DD", of_domain(516)),
    ("DG", of_domain(514)),
    ("DU", of_domain(513)),
    ("EA", of_domain(519)),
    ("ED", nt(9)),
    ("EK", of_domain(527)),
    ("ER", builtin(573)),
    ("ES", builtin(576)),
    ("HA", builtin(578)),
    ("HI", level(12288)),
    ("HO", builtin(584)),
    ("IS", builtin(568)),
    ("IU", nt(4)),
    ("KA", of_domain(526)),
    ("LA", of_domain(500)),
    ("LG", of_domain(501)),
    ("LS", nt(19)),
    ("LU", builtin(559)),
    ("LW", level(4096)),
    ("ME", level(8192)),
    ("MP", level(8448)),
    ("MS", builtin(577)),
    ("MU", builtin(558)),
    ("NO", builtin(556)),
    ("NS", nt(20)),
    ("NU", nt(2)),
    ("OW", creator(4)),
    ("PA", of_domain(520)),
    ("PO", builtin(550)),
    ("PS", nt(10)),
    ("PU", builtin(547)),
    ("RA", builtin(575)),
    ("RC", nt(12)),
    ("RD", builtin(555)),
    ("RE", builtin(552)),
    ("RM", builtin(580)),
    ("RO", of_domain(498)),
    ("RS", of_domain(553)),
    ("RU", builtin(554)),
    ("SA", of_domain(518)),
    ("SH", builtin(585)),
    ("SI", level(16384)),
    ("SO", builtin(549)),
    ("SS", Account::Fixed(Sid::known(18, [2]))),
    ("SU", nt(6)),
    ("SY", nt(18)),
    ("UD", Account::Fixed(Sid::known(5, [84, 0, 0, 0, 0, 0]))),
    ("WD", Account::Fixed(Sid::known(1, [0]))),
    ("WR", nt(33)),
];

/// The alias that Windows writes for a SID that is the same everywhere.
pub(super) fn alias_of(sid: &Sid) -> Option<&'static str> {
    ALIASES.iter().find_map(|(alias, account)| match account {
        Account::Fixed(known) if known == sid => Some(*alias),
        _ => None,
    })
}

/// What an alias stands for, and its name in the table; the case of the letters does not matter.
pub(super) fn account(alias: &str) -> Option<(&'static str, Account)> {
    ALIASES.iter().find(|(name, _)| name.eq_ignore_ascii_case(alias)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aliases_are_sorted_and_each_names_one_account() {
        assert!(ALIASES.is_sorted_by(|a, b| a.0 < b.0));
        for (alias, named) in ALIASES {
            if let Account::Fixed(sid) = named {
                assert_eq!(alias_of(&sid), Some(alias));
            }
        }
    }
}
