//! What an XLSX may unpack to, checked before its reader sees it.
//!
//! An XLSX is a zip: 64 MiB can hold 64 GiB of zeros, and one attribute can announce a table of strings larger than
//! any memory. Declared sizes are not trusted; every part is unpacked once, into nothing, under a budget.

use std::io::{Cursor, Read};

use xiangyue_protocol::{Code, Refusal};
use zip::ZipArchive;

use super::limits;

/// Refuses a zip whose parts are too large together or announce too much.
///
/// # Errors
/// [`Code::BadFile`] when it is not a sound zip, [`Code::FileTooLarge`] beyond the limits.
pub(super) fn check(bytes: &[u8]) -> Result<(), Refusal> {
    let mut zip = ZipArchive::new(Cursor::new(bytes)).map_err(bad)?;
    let mut budget = limits::UNPACKED_BYTES;
    for at in 0..zip.len() {
        let mut part = zip.by_index(at).map_err(bad)?;
        let strings = part.name().map_err(bad)?.to_ascii_lowercase().ends_with("sharedstrings.xml");
        let mut announced = Announced::default();
        let mut buffer = [0; 16 << 10];
        loop {
            let read = part.read(&mut buffer).map_err(bad)?;
            if read == 0 {
                break;
            }
            budget = budget.checked_sub(read as u64).ok_or_else(|| {
                Refusal::new(Code::FileTooLarge, format_args!("unpacked > {} MiB", limits::UNPACKED_BYTES >> 20))
            })?;
            if strings {
                announced.feed(&buffer[..read])?;
            }
        }
    }
    Ok(())
}

fn bad(error: impl std::fmt::Display) -> Refusal {
    Refusal::new(Code::BadFile, error)
}

/// Looks for `uniqueCount="…"` in a stream of bytes, in ASCII or UTF-16.
#[derive(Default)]
struct Announced {
    matched: usize,
    value: u64,
}

impl Announced {
    const NAME: &[u8] = b"uniqueCount";

    fn feed(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        for byte in bytes.iter().copied().filter(|byte| *byte != 0) {
            if self.matched < Self::NAME.len() {
                let goes_on = byte == Self::NAME[self.matched];
                self.matched = if goes_on { self.matched + 1 } else { usize::from(byte == Self::NAME[0]) };
                continue;
            }
            match byte {
                b'0'..=b'9' => self.value = self.value.saturating_mul(10).saturating_add(u64::from(byte - b'0')),
                b'=' | b'"' | b'\'' | b'+' | b' ' | b'\t' | b'\r' | b'\n' if self.value == 0 => {}
                _ => *self = Announced::default(),
            }
            if self.value > limits::SHARED_STRINGS {
                let what = format_args!("> {} texts", limits::SHARED_STRINGS).to_string();
                return Err(Refusal::new(Code::FileTooLarge, what));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    fn zip_of(name: &str, parts: &[&[u8]]) -> Vec<u8> {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        zip.start_file(name, SimpleFileOptions::default()).unwrap();
        for part in parts {
            zip.write_all(part).unwrap();
        }
        zip.finish().unwrap().into_inner()
    }

    #[test]
    fn a_zip_bomb_is_refused() {
        let zeros = vec![0; 1 << 20];
        let parts = vec![&zeros[..]; 513];
        let bomb = zip_of("xl/worksheets/sheet1.xml", &parts);
        assert!(bomb.len() < 2 << 20);
        assert_eq!(check(&bomb).unwrap_err().code(), Code::FileTooLarge);
        assert!(check(&zip_of("xl/worksheets/sheet1.xml", &parts[..8])).is_ok());
    }

    #[test]
    fn an_announced_table_of_strings_is_bounded() {
        let huge = b"<sst uniqueCount=\"99999999999\">";
        let utf16: Vec<u8> = huge.iter().flat_map(|b| [*b, 0]).collect();
        for text in [&huge[..], &utf16, b"<sst uniqueuniqueCount = '8000001'>"] {
            assert_eq!(check(&zip_of("xl/sharedStrings.xml", &[text])).unwrap_err().code(), Code::FileTooLarge);
        }
        assert!(
            check(&zip_of("xl/SharedStrings.xml", &[b"<sst count=\"99999999999\" uniqueCount=\"8000000\">"])).is_ok()
        );
    }

    #[test]
    fn a_torn_zip_is_refused() {
        let whole = zip_of("a", &[b"hello"]);
        for len in 0..whole.len() {
            assert!(check(&whole[..len]).is_err(), "{len}");
        }
    }
}
