//! Citizen ids (GB 11643): recognised, checked, replaced by a pseudonym, and masked wherever text is shown or kept.
//!
//! The number itself leaves this module only as `p` and a keyed hash, or with its middle hidden.

use std::borrow::Cow;

use smol_str::{SmolStr, format_smolstr};
use xiangyue_protocol::{Code, Date, Refusal};

const DIGITS: usize = 18;
/// Of the ids issued until 1999: no century, no check digit.
const OLD_DIGITS: usize = 15;
/// Hexadecimal digits of the hash in a pseudonym: 96 bits, so that no two of a township's people meet.
const PSEUDONYM_DIGITS: usize = 24;
const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
const CHECKS: &[u8; 11] = b"10X98765432";

/// Whether this text, already in half-width characters, has the shape of a citizen id.
pub(crate) fn looks_like(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() == DIGITS
        && bytes[..17].iter().all(u8::is_ascii_digit)
        && matches!(bytes[17], b'0'..=b'9' | b'X' | b'x')
}

/// Whether this text, in half-width characters, is an id with its middle hidden, as reports show it.
pub(crate) fn looks_masked(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'X' | b'x');
    matches!(text.len(), 14..=DIGITS) && text.contains("****") && text.bytes().all(|byte| byte == b'*' || plain(byte))
}

/// Whether this text, in half-width characters, is a citizen id of the old 15 digits.
pub(crate) fn looks_old(text: &str) -> bool {
    text.len() == OLD_DIGITS
        && text.bytes().all(|byte| byte.is_ascii_digit())
        && date(&format!("19{}", &text[6..12])).is_some()
}

/// Whether an id stands somewhere in the text.
pub(crate) fn holds_one(text: &str) -> bool {
    matches!(mask_valid(text), Cow::Owned(_))
}

/// A date in eight digits.
fn date(digits: &str) -> Option<Date> {
    let number = |range: std::ops::Range<usize>| digits.get(range).and_then(|digits| digits.parse::<i16>().ok());
    let (year, month, day) = (number(0..4)?, number(4..6)?, number(6..8)?);
    Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

/// Whether a text of the right shape has a possible birth date.
fn has_birth_date(text: &str) -> bool {
    date(&text[6..14]).is_some_and(|born| (1850..2100).contains(&born.year()))
}

/// Whether a text of the right shape has a possible birth date and the right check digit.
fn is_valid(text: &str) -> bool {
    let sum: u32 = text.bytes().zip(WEIGHTS).map(|(byte, weight)| u32::from(byte.wrapping_sub(b'0')) * weight).sum();
    has_birth_date(text) && text.as_bytes().last().map(u8::to_ascii_uppercase) == Some(CHECKS[(sum % 11) as usize])
}

/// The pseudonym of a citizen id: the same id and key give the same pseudonym.
///
/// # Errors
/// [`Code::BadCitizenId`] when the check digit or the date is wrong; the detail is masked.
pub(crate) fn pseudonym(text: &str, key: &[u8; 32]) -> Result<SmolStr, Refusal> {
    if !is_valid(text) {
        return Err(Refusal::new(Code::BadCitizenId, masked(text)));
    }
    let hash = blake3::keyed_hash(key, text.to_ascii_uppercase().as_bytes());
    Ok(format_smolstr!("p{}", &hash.to_hex()[..PSEUDONYM_DIGITS]))
}

fn masked(text: &str) -> String {
    format!("{}********{}", &text[..6], &text[text.len() - 2..])
}

/// The text with every run of characters that has the shape of a citizen id, new or old, masked.
pub(crate) fn mask_shapes(text: &str) -> Cow<'_, str> {
    mask_where(text, |run| looks_like(run) || looks_old(run))
}

/// The text with every valid citizen id masked.
pub(crate) fn mask_valid(text: &str) -> Cow<'_, str> {
    mask_where(text, |run| looks_like(run) && is_valid(run))
}

/// The text with every citizen id masked, mistyped ones too: what holds a birth date. For free text, in which other
/// long numbers may stand.
pub(crate) fn mask_likely(text: &str) -> Cow<'_, str> {
    mask_where(text, |run| looks_old(run) || looks_like(run) && has_birth_date(run))
}

fn mask_where(text: &str, hide: impl Fn(&str) -> bool) -> Cow<'_, str> {
    let digits = text.chars().filter(|c| folded(*c).is_some());
    if text.len() < OLD_DIGITS || digits.take(OLD_DIGITS).count() < OLD_DIGITS {
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
        assert_eq!(mask_likely("给11010519491231002X送餐"), "给110105********2X送餐");
        assert_eq!(mask_likely("给１１０１０５１９４９１２３１００２Ｘ送餐"), "给110105********2X送餐");
        assert_eq!(mask_likely("错号 110105194912310021"), "错号 110105********21");
        assert_eq!(mask_likely("旧号 110105491231002"), "旧号 110105********02");
        assert_eq!(mask_likely("单号 202611239999999999"), "单号 202611239999999999");
        assert_eq!(mask_shapes("110105194912310021"), "110105********21");
        assert_eq!(mask_shapes("1101051949123100211"), "1101051949123100211");
    }
}
