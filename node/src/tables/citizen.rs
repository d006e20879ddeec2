//! Citizen ids (GB 11643): recognised, checked, replaced by a pseudonym, and masked wherever text is shown or kept.
//!
//! The number itself leaves this module only as `p` and a keyed hash, or with its middle hidden.

use std::borrow::Cow;

use smol_str::{SmolStr, format_smolstr};
use xiangyue_protocol::{Code, Date, Refusal};

const DIGITS: usize = 18;
/// Hexadecimal digits of the hash in a pseudonym: 96 bits, so that no two of a township's people meet.
const PSEUDONYM_DIGITS: usize = 24;
const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
const CHECKS: &[u8; 11] = b"10X98765432";

/// Whether this text, already in half-width characters, has the shape of a citizen id.
pub(super) fn looks_like(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() == DIGITS
        && bytes[..17].iter().all(u8::is_ascii_digit)
        && matches!(bytes[17], b'0'..=b'9' | b'X' | b'x')
}

/// Whether a text of the right shape has a possible birth date and the right check digit.
fn is_valid(text: &str) -> bool {
    let number = |range: std::ops::Range<usize>| text.get(range).and_then(|digits| digits.parse::<i16>().ok());
    let born = number(6..10)
        .zip(number(10..12))
        .zip(number(12..14))
        .and_then(|((year, month), day)| Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok());
    let sum: u32 = text.bytes().zip(WEIGHTS).map(|(byte, weight)| u32::from(byte.wrapping_sub(b'0')) * weight).sum();
    born.is_some_and(|born| born.year() >= 1850)
        && text.as_bytes().last().map(u8::to_ascii_uppercase) == Some(CHECKS[(sum % 11) as usize])
}

/// The pseudonym of a citizen id: the same id and key give the same pseudonym.
///
/// # Errors
/// [`Code::BadCitizenId`] when the check digit or the date is wrong; the detail is masked.
pub(super) fn pseudonym(text: &str, key: &[u8; 32]) -> Result<SmolStr, Refusal> {
    if !is_valid(text) {
        return Err(Refusal::new(Code::BadCitizenId, masked(text)));
    }
    let hash = blake3::keyed_hash(key, text.to_ascii_uppercase().as_bytes());
    Ok(format_smolstr!("p{}", &hash.to_hex()[..PSEUDONYM_DIGITS]))
}

fn masked(text: &str) -> String {
    format!("{}********{}", &text[..6], &text[16..])
}

/// The text with every run of characters that has the shape of a citizen id masked.
pub(super) fn mask_shapes(text: &str) -> Cow<'_, str> {
    mask_where(text, looks_like)
}

/// The text with every valid citizen id masked. For text in which other numbers of 18 digits may stand.
pub(super) fn mask_valid(text: &str) -> Cow<'_, str> {
    mask_where(text, |run| looks_like(run) && is_valid(run))
}

fn mask_where(text: &str, hide: impl Fn(&str) -> bool) -> Cow<'_, str> {
    if text.len() < DIGITS || text.chars().filter(|c| folded(*c).is_some()).take(DIGITS).count() < DIGITS {
        return Cow::Borrowed(text);
    }
    let mut out = String::new();
    let mut copied = 0;
    let mut run = String::new();
    let mut start = 0;
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        if let Some(digit) = folded(c) {
            if run.is_empty() {
                start = at;
            }
            run.push(digit);
            continue;
        }
        if hide(&run) {
            out.push_str(&text[copied..start]);
            out.push_str(&masked(&run));
            copied = at;
        }
        run.clear();
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    out.push_str(&text[copied..]);
    Cow::Owned(out)
}

/// The half-width form of a character that a citizen id may hold.
fn folded(c: char) -> Option<char> {
    let c = super::value::half(c);
    (c.is_ascii_digit() || c == 'X' || c == 'x').then_some(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the standard.
    const GOOD: &str = "11010519491231002X";

    #[test]
    fn the_standards_example_is_valid_and_any_other_check_digit_is_not() {
        assert!(is_valid(GOOD));
        for check in "0123456789".chars() {
            let bad = format!("{}{check}", &GOOD[..17]);
            assert!(!is_valid(&bad), "{bad}");
        }
    }

    #[test]
    fn an_impossible_birth_date_is_refused_even_with_a_fitting_check_digit() {
        let head = "11010519490231002";
        let valid = "0123456789X".chars().filter(|check| is_valid(&format!("{head}{check}"))).count();
        assert_eq!(valid, 0);
    }

    #[test]
    fn pseudonyms_depend_on_the_key_and_not_on_the_case() {
        let one = pseudonym(GOOD, &[1; 32]).unwrap();
        assert_eq!(one.len(), 25);
        assert!(one.starts_with('p'));
        assert_eq!(one, pseudonym("11010519491231002x", &[1; 32]).unwrap());
        assert_ne!(one, pseudonym(GOOD, &[2; 32]).unwrap());
    }

    #[test]
    fn a_wrong_id_is_refused_without_showing_it() {
        let refusal = pseudonym("110105194912310021", &[1; 32]).unwrap_err();
        assert_eq!(refusal.code(), Code::BadCitizenId);
        assert_eq!(refusal.detail(), "110105********21");
    }

    #[test]
    fn ids_inside_text_are_masked_in_either_width() {
        assert_eq!(mask_valid("给11010519491231002X送餐"), "给110105********2X送餐");
        assert_eq!(mask_valid("给１１０１０５１９４９１２３１００２Ｘ送餐"), "给110105********2X送餐");
        assert_eq!(mask_valid("单号 110105194912310021"), "单号 110105194912310021");
        assert_eq!(mask_shapes("110105194912310021"), "110105********21");
        assert_eq!(mask_shapes("1101051949123100211"), "1101051949123100211");
    }
}
