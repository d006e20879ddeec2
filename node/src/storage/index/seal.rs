//! How a row is laid out in an engine that is not trusted: cut into parts, each sealed with its key.
//!
//! A part's seal binds its key, so that a value served under another key is seen. The sum over all parts' hashes,
//! kept outside the engine, sees what a seal cannot: parts that are missing, or older than they should be.

/// Bytes of value in one part: well below 64 KiB, so that large values ask nothing unusual of the engine.
const PART: usize = 32 << 10;
const VERSION: u8 = 5;
/// Version, length of the whole value, hash.
const SEAL: usize = 1 + 4 + 16;

/// Key space of first parts, followed by the row's key.
const HEAD: u8 = 1;
/// Key space of further parts, followed by the row's key and the part's number.
const TAIL: u8 = 2;

/// What the parts of an index add up to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sum {
    /// Number of parts.
    pub(super) count: u64,
    /// Exclusive or of the parts' hashes: order does not matter, and a part leaves the way it came.
    pub(super) root: [u8; 16],
}

impl Sum {
    /// Counts a stored part in.
    pub(super) fn add(&mut self, part: &Part<'_>) {
        self.count += 1;
        self.mix(part);
    }

    /// Counts a stored part out.
    pub(super) fn remove(&mut self, part: &Part<'_>) {
        self.count = self.count.saturating_sub(1);
        self.mix(part);
    }

    fn mix(&mut self, part: &Part<'_>) {
        for (mine, theirs) in self.root.iter_mut().zip(part.hash) {
            *mine ^= theirs;
        }
    }
}

/// A stored part whose seal has been verified.
#[derive(Debug)]
pub(super) struct Part<'a> {
    /// Length of the whole value in bytes.
    pub(super) total: u32,
    /// This part's bytes.
    pub(super) bytes: &'a [u8],
    hash: &'a [u8],
}

impl<'a> Part<'a> {
    /// Opens a part stored under `key`; `None` when it is not what was sealed under that key.
    pub(super) fn open(key: &[u8], sealed: &'a [u8]) -> Option<Part<'a>> {
        if sealed.len() < SEAL || sealed[0] != VERSION {
            return None;
        }
        let (seal, bytes) = sealed.split_at(SEAL);
        let hash = &seal[5..];
        if hash_of(key, &seal[..5], bytes) != hash {
            return None;
        }
        let total = u32::from_le_bytes([seal[1], seal[2], seal[3], seal[4]]);
        Some(Part { total, bytes, hash })
    }

    /// Number of parts of the whole value.
    pub(super) fn parts(&self) -> u16 {
        parts_of(self.total as usize)
    }
}

/// The parts of a row as they are stored: key and sealed bytes. `None` when the value is too long to be numbered.
pub(super) fn parts<'a>(key: &'a [u8], value: &'a [u8]) -> Option<impl Iterator<Item = (Vec<u8>, Vec<u8>)> + 'a> {
    let total = u32::try_from(value.len()).ok()?;
    if value.len().div_ceil(PART) > usize::from(u16::MAX) {
        return None;
    }
    Some((0..parts_of(value.len())).map(move |number| {
        let start = usize::from(number) * PART;
        let bytes = &value[start..value.len().min(start + PART)];
        let key = part_key(key, number);
        let sealed = sealed(&key, total, bytes);
        (key, sealed)
    }))
}

/// The stored key of a part of a row.
pub(super) fn part_key(key: &[u8], number: u16) -> Vec<u8> {
    let mut stored = Vec::with_capacity(key.len() + 3);
    stored.push(if number == 0 { HEAD } else { TAIL });
    stored.extend_from_slice(key);
    if number > 0 {
        stored.extend_from_slice(&number.to_be_bytes());
    }
    stored
}

fn parts_of(length: usize) -> u16 {
    // An empty value still has its first part. Longer ones than `parts` makes cannot have a valid seal.
    u16::try_from(length.div_ceil(PART).max(1)).unwrap_or(u16::MAX)
}

fn sealed(key: &[u8], total: u32, bytes: &[u8]) -> Vec<u8> {
    let mut sealed = Vec::with_capacity(SEAL + bytes.len());
    sealed.push(VERSION);
    sealed.extend_from_slice(&total.to_le_bytes());
    let hash = hash_of(key, &sealed, bytes);
    sealed.extend_from_slice(&hash);
    sealed.extend_from_slice(bytes);
    sealed
}

fn hash_of(key: &[u8], meta: &[u8], bytes: &[u8]) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&(key.len() as u64).to_le_bytes());
    hasher.update(key);
    hasher.update(meta);
    hasher.update(bytes);
    let mut half = [0; 16];
    half.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    half
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(key: &[u8], value: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
        parts(key, value).unwrap().collect()
    }

    #[test]
    fn values_are_cut_and_put_together_at_every_border() {
        for length in [0, 1, PART - 1, PART, PART + 1, 3 * PART, 3 * PART + 7] {
            let value: Vec<u8> = (0..length).map(|i| u8::try_from(i % 251).unwrap()).collect();
            let stored = stored(b"key", &value);
            let mut together = Vec::new();
            for (key, sealed) in &stored {
                let part = Part::open(key, sealed).unwrap();
                assert_eq!(part.total as usize, length);
                assert_eq!(usize::from(part.parts()), stored.len());
                assert!(sealed.len() < 64 << 10);
                together.extend_from_slice(part.bytes);
            }
            assert_eq!(together, value);
        }
    }

    #[test]
    fn a_part_under_another_key_or_with_a_flipped_bit_does_not_open() {
        let (key, sealed) = stored(b"a", b"value").remove(0);
        assert!(Part::open(&part_key(b"b", 0), &sealed).is_none());
        for bit in 0..sealed.len() * 8 {
            let mut bad = sealed.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(Part::open(&key, &bad).is_none(), "bit {bit}");
        }
    }

    #[test]
    fn the_sum_forgets_order_and_what_was_removed() {
        let rows = [stored(b"a", b"1").remove(0), stored(b"b", b"2").remove(0), stored(b"c", b"3").remove(0)];
        let open = |i: usize| Part::open(&rows[i].0, &rows[i].1).unwrap();
        let (mut one, mut other) = (Sum::default(), Sum::default());
        (0..3).for_each(|i| one.add(&open(i)));
        one.remove(&open(1));
        [2, 0].into_iter().for_each(|i| other.add(&open(i)));
        assert_eq!(one, other);
        other.remove(&open(2));
        assert_ne!(one, other);
    }
}
