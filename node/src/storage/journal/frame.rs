//! The bytes of a journal file: its header and the frame around each record.
//!
//! Pure functions over byte slices. What a peer sends ends up as payload here, so neither check can be computed
//! without the journal's salt: a payload that imitates a frame is not taken for one when a damaged file is searched.

/// Largest payload in bytes. Checked before anything is allocated for it.
pub const MAX_PAYLOAD: u32 = 4 << 20;
/// Bytes of a file's header.
pub const FILE_HEADER: u64 = HEADER_BYTES as u64;
/// Bytes of a record before its payload.
pub const FRAME_HEADER: usize = 24;

const MAGIC: [u8; 4] = *b"XYJ1";
const VERSION: u16 = 1;
pub(super) const HEADER_BYTES: usize = 32;
const HASHED: usize = 20;

/// What the first bytes of a file say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Header {
    /// A header of this format version.
    Good { number: u32, salt: u64 },
    /// Whole, and written by a later version.
    Newer(u16),
    /// Not a header.
    Damaged,
}

impl Header {
    /// Reads a header.
    pub(super) fn parse(bytes: &[u8; HEADER_BYTES]) -> Header {
        let hash = blake3::hash(&bytes[..HASHED]);
        if bytes[..4] != MAGIC || bytes[HASHED..] != hash.as_bytes()[..12] {
            return Header::Damaged;
        }
        match u16::from_le_bytes([bytes[4], bytes[5]]) {
            VERSION => Header::Good { number: read_u32(&bytes[8..12]), salt: read_u64(&bytes[12..20]) },
            other => Header::Newer(other),
        }
    }

    /// Writes the header of file `number`.
    pub(super) fn bytes(number: u32, salt: u64) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..4].copy_from_slice(&MAGIC);
        bytes[4..6].copy_from_slice(&VERSION.to_le_bytes());
        bytes[8..12].copy_from_slice(&number.to_le_bytes());
        bytes[12..20].copy_from_slice(&salt.to_le_bytes());
        let hash = blake3::hash(&bytes[..HASHED]);
        bytes[HASHED..].copy_from_slice(&hash.as_bytes()[..12]);
        bytes
    }
}

/// The name of file `number` in the journal's folder.
pub(super) fn file_name(number: u32) -> String {
    format!("{number:08}.xyj")
}

/// The number in a file's name; `None` for any other file.
pub(super) fn file_number(name: &str) -> Option<u32> {
    let digits = name.strip_suffix(".xyj")?;
    let number = digits.parse().ok()?;
    (file_name(number) == name).then_some(number)
}

/// The two keyed checks of a record, derived from the journal's salt.
#[derive(Clone)]
pub(super) struct FrameKey {
    payload: [u8; 32],
    add: u64,
    multiply: u64,
}

impl FrameKey {
    /// The key of the journal with this salt.
    pub(super) fn new(salt: u64) -> Self {
        let length = blake3::derive_key("xiangyue journal 1: length check", &salt.to_le_bytes());
        FrameKey {
            payload: blake3::derive_key("xiangyue journal 1: payload hash", &salt.to_le_bytes()),
            add: read_u64(&length[..8]),
            // Odd, so that multiplying loses nothing.
            multiply: read_u64(&length[8..16]) | 1,
        }
    }

    /// Appends the frame of `payload`, whose length the caller has checked and gives as `length`.
    pub(super) fn encode(&self, payload: &[u8], length: u32, into: &mut Vec<u8>) {
        into.extend_from_slice(&length.to_le_bytes());
        into.extend_from_slice(&self.length_check(length).to_le_bytes());
        into.extend_from_slice(&self.payload_hash(payload));
        into.extend_from_slice(payload);
    }

    /// The payload length that eight bytes of a frame state, when they are plausible.
    pub(super) fn plausible_length(&self, bytes: &[u8]) -> Option<u32> {
        let length = read_u32(&bytes[..4]);
        let plausible = (1..=MAX_PAYLOAD).contains(&length) && self.length_check(length) == read_u32(&bytes[4..8]);
        plausible.then_some(length)
    }

    /// Whether a whole frame's payload is the one it was written with.
    pub(super) fn payload_is_whole(&self, frame: &[u8]) -> bool {
        self.payload_hash(&frame[FRAME_HEADER..]) == frame[8..FRAME_HEADER]
    }

    fn length_check(&self, length: u32) -> u32 {
        // Multiply-shift with a secret multiplier: as cheap as a byte-by-byte search needs it to be.
        ((u64::from(length) ^ self.add).wrapping_mul(self.multiply) >> 32) as u32
    }

    fn payload_hash(&self, payload: &[u8]) -> [u8; 16] {
        let mut half = [0; 16];
        half.copy_from_slice(&blake3::keyed_hash(&self.payload, payload).as_bytes()[..16]);
        half
    }
}

fn read_u32(bytes: &[u8]) -> u32 {
    u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}

fn read_u64(bytes: &[u8]) -> u64 {
    u64::from(read_u32(bytes)) | u64::from(read_u32(&bytes[4..])) << 32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flipped_bit_of_a_header_is_seen() {
        let good = Header::bytes(7, 0x0123_4567_89ab_cdef);
        assert_eq!(Header::parse(&good), Header::Good { number: 7, salt: 0x0123_4567_89ab_cdef });
        for bit in 0..good.len() * 8 {
            let mut bad = good;
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Header::parse(&bad), Header::Damaged, "bit {bit}");
        }
    }

    #[test]
    fn every_flipped_bit_of_a_frame_is_seen() {
        let key = FrameKey::new(99);
        let mut frame = Vec::new();
        key.encode(b"a payload", 9, &mut frame);
        let whole = |f: &[u8]| key.plausible_length(f) == Some(9) && key.payload_is_whole(f);
        assert!(whole(&frame));
        for bit in 0..frame.len() * 8 {
            let mut bad = frame.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(!whole(&bad), "bit {bit}");
        }
    }

    #[test]
    fn zeros_and_frames_of_another_journal_are_implausible() {
        for salt in 0..1000 {
            assert_eq!(FrameKey::new(salt).plausible_length(&[0; 8]), None);
        }
        let mut foreign = Vec::new();
        FrameKey::new(1).encode(b"x", 1, &mut foreign);
        assert_eq!(FrameKey::new(2).plausible_length(&foreign), None);
    }

    #[test]
    fn only_canonical_names_are_journal_files() {
        assert_eq!(file_number("00000012.xyj"), Some(12));
        assert_eq!(file_number(&file_name(u32::MAX)), Some(u32::MAX));
        for other in ["12.xyj", "+0000012.xyj", "00000012.xyj.bak", "lock", ""] {
            assert_eq!(file_number(other), None, "{other}");
        }
    }
}
