//! The text form of security descriptors, SDDL ([MS-DTYP] 2.5.1), both ways and in Windows' spelling.

mod aliases;
mod claim_parser;
mod claim_writer;
mod condition_parser;
mod condition_writer;
mod parse;
mod rights;
mod scanner;
mod text;
mod words;
mod write;

use super::descriptor::SecurityDescriptor;
use super::error::SecurityError;
use super::sid::Sid;
use scanner::Scanner;

impl SecurityDescriptor {
    /// The SDDL text, spelled as `ConvertSecurityDescriptorToStringSecurityDescriptor` spells it:
    /// `O:BAG:SYD:PAI(A;OICI;FA;;;SY)…`.
    ///
    /// SDDL has no words for the resource manager's byte, the revisions of lists, the flags that say what was chosen
    /// by default, and bytes that are not part of any field; they are left out. SIDs of a domain are spelled out.
    ///
    /// # Errors
    /// An entry of a kind that SDDL does not know, or with a condition or attribute that is not well-formed.
    pub fn to_sddl(&self) -> Result<String, SecurityError> {
        write::descriptor(self)
    }

    /// Reads SDDL text. The parts may come in any order, each at most once; the case of letters matters only in the
    /// tags `O:`, `G:`, `D:`, `S:`, and spaces may stand between words, as Windows has it.
    ///
    /// # Errors
    /// Text that is not SDDL, with the position in characters and what was expected there; an alias that stands for
    /// an account of a domain (see [`Self::from_sddl_in_domain`]); a list of more than 65,535 bytes.
    pub fn from_sddl(text: &str) -> Result<Self, SecurityError> {
        parse::descriptor(&mut Scanner::new(text, None))
    }

    /// Reads SDDL text in which aliases such as `DA` and `LA` stand for accounts of `domain`, the SID of a machine
    /// or domain (`S-1-5-21-…` with three more numbers).
    ///
    /// # Errors
    /// As [`Self::from_sddl`], but no alias is refused.
    pub fn from_sddl_in_domain(text: &str, domain: &Sid) -> Result<Self, SecurityError> {
        parse::descriptor(&mut Scanner::new(text, Some(domain)))
    }
}
