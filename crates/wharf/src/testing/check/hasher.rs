//! A hash of small numbers that is quick without an optimiser too, as tests are built. Nobody hostile chooses them.

use std::hash::{BuildHasherDefault, Hasher};

/// For maps whose keys are numbers.
pub(super) type Quick = BuildHasherDefault<Mix>;

/// Folds each number in by a rotation and a multiplication, and mixes the bits at the end (the finaliser of splitmix64).
#[derive(Debug, Default)]
pub(super) struct Mix(u64);

const ODD: u64 = 0x9e37_79b9_7f4a_7c15;

impl Hasher for Mix {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u32(&mut self, number: u32) {
        self.write_u64(u64::from(number));
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0.rotate_left(5) ^ number).wrapping_mul(ODD);
    }

    fn write_isize(&mut self, number: isize) {
        self.write_u64(number.cast_unsigned() as u64);
    }

    fn finish(&self) -> u64 {
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed ^ (mixed >> 27)
    }
}
