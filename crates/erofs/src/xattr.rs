//! Extended attributes: every name and value is kept once, and stored where it takes the least room.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use crate::error::{Problem, shown};
use crate::format::{BLOCK_SIZE, MAX_SHARED_XATTRS, PutLe, XATTR_HEADER_SIZE};
use crate::inode::XattrId;
use crate::{Error, Result};

/// The most bytes that a listing may have, with one NUL behind each name (`XATTR_LIST_MAX`).
const MAX_LISTING: u64 = 65_536;
/// `sizeof(struct erofs_xattr_entry)`, which is also its alignment.
const ENTRY_HEADER_SIZE: usize = 4;

/// The prefixes that have a number (`EROFS_XATTR_INDEX_*`), and whether more of the name follows.
const PREFIXES: [(&[u8], u8, Rest); 5] = [
    (b"user.", 1, Rest::Some),
    (b"system.posix_acl_access", 2, Rest::None),
    (b"system.posix_acl_default", 3, Rest::None),
    (b"trusted.", 4, Rest::Some),
    (b"security.", 6, Rest::Some),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Rest {
    None,
    Some,
}

/// A full name, with its prefix replaced by a number.
struct Name<'a> {
    len: u8,
    prefix: u8,
    suffix: &'a [u8],
    suffix_len: u8,
}

impl<'a> Name<'a> {
    fn new(name: &'a [u8]) -> Result<Self> {
        let refused = |reason| Error::from(Problem::XattrName { name: shown(name), reason });
        let short = |part: &[u8]| {
            // 255 bytes is also what the kernel takes, prefix included (XATTR_NAME_MAX).
            u8::try_from(part.len()).map_err(|_| refused("the name has more than 255 bytes"))
        };
        let len = short(name)?;
        if name.contains(&0) {
            return Err(refused("the name has a NUL in it"));
        }
        for (text, prefix, rest) in PREFIXES {
            match name.strip_prefix(text) {
                Some(suffix) if suffix.is_empty() == (rest == Rest::None) => {
                    return Ok(Self { len, prefix, suffix, suffix_len: short(suffix)? });
                }
                _ => {}
            }
        }
        Err(refused(
            "EROFS stores the name spaces user., trusted. and security., and POSIX ACLs, and a name must follow",
        ))
    }
}

/// All attributes of an image.
pub(crate) struct XattrPool {
    /// The attributes in their on-disk form, one behind the other, each a multiple of 4 bytes.
    bytes: Vec<u8>,
    xattrs: Vec<Xattr>,
    /// Finds an attribute by the hash of its on-disk form; two with one hash sit at neighbouring keys.
    by_hash: HashMap<u64, XattrId>,
    hasher: RandomState,
    names: HashMap<Box<[u8]>, NameId>,
}

/// An attribute's name, for telling names apart quickly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct NameId(u32);

struct Xattr {
    /// Where it begins in the pool, in units of 4 bytes.
    start: u32,
    /// How many inodes have it.
    uses: u32,
    name: NameId,
    /// The length of its full name.
    name_len: u8,
}

/// The extended attributes of one inode, in the two places where EROFS keeps them.
#[derive(Debug, Default)]
pub(crate) struct Divided {
    /// In the area that all inodes share.
    pub(crate) shared: Vec<XattrId>,
    /// Behind the inode itself.
    pub(crate) inline: Vec<XattrId>,
}

impl XattrPool {
    pub(crate) fn new() -> Self {
        Self {
            bytes: Vec::new(),
            xattrs: Vec::new(),
            by_hash: HashMap::new(),
            hasher: RandomState::new(),
            names: HashMap::new(),
        }
    }

    /// Returns the attribute with this full name and value, added if it is new.
    pub(crate) fn intern(&mut self, name: &[u8], value: &[u8]) -> Result<XattrId> {
        let parts = Name::new(name)?;
        let too_large = || Problem::XattrTooLarge { name: shown(name), len: value.len() };
        let value_len = u16::try_from(value.len()).map_err(|_| too_large())?;

        let start = self.bytes.len();
        let units = u32::try_from(start / ENTRY_HEADER_SIZE)
            .map_err(|_| Problem::ImageTooLarge { what: "more than 16 GiB of extended attributes" })?;
        self.bytes.put_u8(parts.suffix_len);
        self.bytes.put_u8(parts.prefix);
        self.bytes.put_u16(value_len);
        self.bytes.extend_from_slice(parts.suffix);
        self.bytes.extend_from_slice(value);
        self.bytes.pad_to_multiple_of(ENTRY_HEADER_SIZE);

        let mut key = self.hasher.hash_one(&self.bytes[start..]);
        while let Some(&known) = self.by_hash.get(&key) {
            if *self.entry(known) == self.bytes[start..] {
                self.bytes.truncate(start);
                return Ok(known);
            }
            key = key.wrapping_add(1);
        }
        let id = u32::try_from(self.xattrs.len())
            .map_err(|_| Problem::TooMany { what: "extended attributes", limit: u64::from(u32::MAX) })?;
        let name = self.name_id(name)?;
        self.by_hash.insert(key, XattrId(id));
        self.xattrs.push(Xattr { start: units, uses: 0, name, name_len: parts.len });
        Ok(XattrId(id))
    }

    fn name_id(&mut self, name: &[u8]) -> Result<NameId> {
        if let Some(&known) = self.names.get(name) {
            return Ok(known);
        }
        let id = u32::try_from(self.names.len())
            .map(NameId)
            .map_err(|_| Problem::TooMany { what: "names of attributes", limit: u64::from(u32::MAX) })?;
        self.names.insert(name.into(), id);
        Ok(id)
    }

    /// Checks the attributes of one inode.
    pub(crate) fn check(&self, ids: &[XattrId]) -> Result<()> {
        let mut names = Vec::with_capacity(ids.len());
        let mut listing = 0;
        for &id in ids {
            let unknown = Problem::UnknownId { what: "extended attribute", index: id.0 };
            let xattr = self.xattrs.get(id.index()).ok_or(unknown)?;
            names.push((xattr.name, id));
            listing += u64::from(xattr.name_len) + 1;
        }
        if listing > MAX_LISTING {
            return Err(Problem::XattrListTooLong { len: listing }.into());
        }
        names.sort_unstable();
        if let Some([(_, twice), _]) = names.array_windows().find(|[(a, _), (b, _)]| a == b) {
            return Err(Problem::XattrTwice { name: self.full_name(*twice) }.into());
        }
        Ok(())
    }

    /// Counts how often each attribute is used, given the attributes of all inodes.
    pub(crate) fn count_uses(&mut self, ids: &[XattrId]) {
        for id in ids {
            let uses = &mut self.xattrs[id.index()].uses;
            *uses = uses.saturating_add(1);
        }
    }

    /// The full name, escaped, for messages.
    fn full_name(&self, id: XattrId) -> String {
        let entry = self.entry(id);
        let prefix =
            PREFIXES.iter().find(|(_, number, _)| *number == entry[1]).map_or(&b""[..], |found| found.0);
        let suffix = &entry[ENTRY_HEADER_SIZE..ENTRY_HEADER_SIZE + usize::from(entry[0])];
        shown(&[prefix, suffix].concat())
    }

    /// Returns how many attributes there are.
    pub(crate) fn len(&self) -> usize {
        self.xattrs.len()
    }

    /// Returns an attribute's on-disk form: `struct erofs_xattr_entry`, name, value, padding.
    pub(crate) fn entry(&self, id: XattrId) -> &[u8] {
        let start = self.xattrs[id.index()].start as usize * ENTRY_HEADER_SIZE;
        let header = &self.bytes[start..start + ENTRY_HEADER_SIZE];
        let value_len = usize::from(u16::from_le_bytes([header[2], header[3]]));
        let len = ENTRY_HEADER_SIZE + usize::from(header[0]) + value_len;
        &self.bytes[start..start + len.next_multiple_of(ENTRY_HEADER_SIZE)]
    }

    /// Says where an attribute takes the least room.
    ///
    /// Sharing costs a reference of 4 bytes for each use. What is larger than a block is always shared, so
    /// that inodes stay close together and their attributes within what `i_xattr_icount` can count.
    fn is_shared(&self, id: XattrId) -> bool {
        let (size, uses) = (self.entry(id).len() as u64, u64::from(self.xattrs[id.index()].uses));
        size > BLOCK_SIZE || size + 4 * uses < size * uses
    }

    /// Divides the attributes of one inode between the shared area and the inode's own.
    pub(crate) fn divide(&self, ids: &[XattrId]) -> Divided {
        let mut divided = Divided::default();
        for &id in ids {
            if divided.shared.len() < MAX_SHARED_XATTRS && self.is_shared(id) {
                divided.shared.push(id);
            } else {
                divided.inline.push(id);
            }
        }
        divided
    }
}

impl Divided {
    /// Returns how many bytes stand behind the inode; none if it has no attribute at all.
    pub(crate) fn size(&self, pool: &XattrPool) -> u64 {
        if self.shared.is_empty() && self.inline.is_empty() {
            return 0;
        }
        let inline: usize = self.inline.iter().map(|&id| pool.entry(id).len()).sum();
        XATTR_HEADER_SIZE + 4 * self.shared.len() as u64 + inline as u64
    }

    /// Appends what stands behind the inode: `struct erofs_xattr_ibody_header`, references, attributes.
    ///
    /// `place` gives an attribute's place in the shared area, in units of 4 bytes.
    pub(crate) fn put(&self, out: &mut Vec<u8>, pool: &XattrPool, place: impl Fn(XattrId) -> u32) {
        if self.shared.is_empty() && self.inline.is_empty() {
            return;
        }
        out.put_u32(0); // h_name_filter, a hint that needs a feature bit: asking for an absent name is fast enough
        out.put_u8(u8::try_from(self.shared.len()).unwrap_or(u8::MAX));
        out.extend_from_slice(&[0; 7]);
        for &id in &self.shared {
            out.put_u32(place(id));
        }
        for &id in &self.inline {
            out.extend_from_slice(pool.entry(id));
        }
    }
}
