//! Reading and writing bytes: LEB128 numbers and length-prefixed runs, every length checked before use.

use crate::error::{Code, Refusal};

/// Appends an unsigned LEB128 number.
pub(crate) fn put_uint(out: &mut Vec<u8>, mut value: u64) {
    loop {
        let [low, ..] = value.to_le_bytes();
        value >>= 7;
        if value == 0 {
            out.push(low & 0x7f);
            return;
        }
        out.push(low | 0x80);
    }
}

/// Appends a signed LEB128 number.
pub(crate) fn put_int(out: &mut Vec<u8>, mut value: i64) {
    loop {
        let [byte, ..] = value.to_le_bytes();
        let low = byte & 0x7f;
        value >>= 7;
        if (value == 0 && low & 0x40 == 0) || (value == -1 && low & 0x40 != 0) {
            out.push(low);
            return;
        }
        out.push(low | 0x80);
    }
}

/// Appends a length and the bytes.
pub(crate) fn put_run(out: &mut Vec<u8>, bytes: &[u8]) {
    put_uint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// A cursor over foreign bytes. Every read either succeeds or refuses; none allocates.
#[derive(Clone)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { rest: bytes }
    }

    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    fn short() -> Refusal {
        Refusal::new(Code::BadSegment, "cut short")
    }

    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8], Refusal> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or_else(Self::short)?;
        self.rest = rest;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Refusal> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or_else(Self::short)?;
        self.rest = rest;
        Ok(*taken)
    }

    pub(crate) fn byte(&mut self) -> Result<u8, Refusal> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(crate) fn uint(&mut self) -> Result<u64, Refusal> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let part = u64::from(byte & 0x7f);
            if shift == 63 && part > 1 {
                break;
            }
            value |= part << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Refusal::new(Code::BadSegment, "number too long"))
    }

    /// A signed LEB128 number.
    pub(crate) fn int(&mut self) -> Result<i64, Refusal> {
        let mut value = 0i64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= i64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                let used = shift + 7;
                return Ok(if used < 64 && byte & 0x40 != 0 { value | (-1i64 << used) } else { value });
            }
        }
        Err(Refusal::new(Code::BadSegment, "number too long"))
    }

    /// A length, refused above `max`.
    pub(crate) fn len(&mut self, max: usize) -> Result<usize, Refusal> {
        let len = self.uint()?;
        usize::try_from(len)
            .ok()
            .filter(|len| *len <= max)
            .ok_or_else(|| Refusal::new(Code::TooLarge, format_args!("{len} bytes, limit {max}")))
    }

    /// A length-prefixed run of at most `max` bytes.
    pub(crate) fn run(&mut self, max: usize) -> Result<&'a [u8], Refusal> {
        let len = self.len(max)?;
        self.take(len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_back() {
        for value in [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX] {
            let mut bytes = Vec::new();
            put_uint(&mut bytes, value);
            assert_eq!(Reader::new(&bytes).uint().expect("number"), value);
            assert!(Reader::new(&bytes[..bytes.len() - 1]).uint().is_err());
        }
        assert!(Reader::new(&[0xff; 11]).uint().is_err());
        for value in [0, 1, -1, 63, 64, -64, -65, 300, i64::MAX, i64::MIN] {
            let mut bytes = Vec::new();
            put_int(&mut bytes, value);
            assert_eq!(Reader::new(&bytes).int().expect("number"), value);
        }
        assert_eq!(Reader::new(&[0x7f]).int().expect("minus one"), -1);
        assert_eq!(Reader::new(&[0x80, 0x7f]).int().expect("minus 128"), -128);
    }
}
