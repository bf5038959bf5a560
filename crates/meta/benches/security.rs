//! How fast security descriptors are checked, read and written as bytes and as SDDL: an import checks one for every file.
#![allow(clippy::unwrap_used, reason = "a benchmark stops at what it does not expect")]

use divan::Bencher;
use divan::counter::ItemsCount;
use winlayer_meta::security::SecurityDescriptor;

/// As most files of a Windows image have it.
const SDDL: &str = "O:S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464G:SYD:PAI\
                    (A;;FA;;;S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464)\
                    (A;;0x1200a9;;;BA)(A;;0x1200a9;;;SY)(A;;0x1200a9;;;BU)(A;;0x1200a9;;;AC)";

fn main() {
    divan::main();
}

fn bytes() -> Vec<u8> {
    SecurityDescriptor::from_sddl(SDDL).unwrap().to_bytes()
}

#[divan::bench]
fn validate(bencher: Bencher<'_, '_>) {
    let bytes = bytes();
    bencher.counter(ItemsCount::new(1_u32)).bench(|| SecurityDescriptor::validate(&bytes));
}

#[divan::bench]
fn parse(bencher: Bencher<'_, '_>) {
    let bytes = bytes();
    bencher.counter(ItemsCount::new(1_u32)).bench(|| SecurityDescriptor::parse(&bytes));
}

#[divan::bench]
fn write_sddl(bencher: Bencher<'_, '_>) {
    let descriptor = SecurityDescriptor::parse(&bytes()).unwrap();
    bencher.counter(ItemsCount::new(1_u32)).bench(|| descriptor.to_sddl());
}

#[divan::bench]
fn read_sddl(bencher: Bencher<'_, '_>) {
    bencher.counter(ItemsCount::new(1_u32)).bench(|| SecurityDescriptor::from_sddl(SDDL));
}
