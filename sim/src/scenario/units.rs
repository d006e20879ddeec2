//! Quantities as scenario files spell them: durations, rates, shares, counts, distances, and ranges of these.
//!
//! Each reads from text with a unit and says what it wanted when it cannot. A range is drawn from by whoever owns
//! the key; [`docs/scenarios.md`](../../../docs/scenarios.md) says per key for what it is drawn: seed, node, link or frame.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{self, Deserialize, Deserializer, Visitor};

use crate::rng::Rng;
use crate::scheduler::{MILLI, Micros, SECOND};

/// What a number with a unit measures.
pub trait Quantity {
    /// For messages: what is wanted, with an example.
    const WANTED: &'static str;
    /// Units and how much of the base unit each is.
    const UNITS: &'static [(&'static str, u64)];
    /// Whether a number without a unit will do.
    const BARE: bool = false;
    /// The most there can be, in the base unit.
    const MOST: u64 = u64::MAX;
}

macro_rules! quantities {
    ($($(#[$doc:meta])* $name:ident $wanted:literal $bare:literal [$(($unit:literal, $size:expr)),*] $($most:literal)?;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name {}
        impl Quantity for $name {
            const WANTED: &'static str = $wanted;
            const UNITS: &'static [(&'static str, u64)] = &[$(($unit, $size)),*];
            const BARE: bool = $bare;
            $(const MOST: u64 = $most;)?
        }
    )*};
}

quantities! {
    /// Durations, in microseconds.
    Time "a duration in us, ms, s, min, h, d or w, such as \"20ms\" or \"9d\"" false [
        ("us", 1), ("ms", MILLI), ("s", SECOND), ("min", 60 * SECOND), ("h", 3600 * SECOND), ("d", 86_400 * SECOND), ("w", 604_800 * SECOND)
    ];
    /// Rates, in bytes a second.
    Rate "a rate in bit/s, kbit/s, Mbit/s, B/s, kB/s or MB/s, such as \"30kbit/s\"" false [
        ("kbit/s", 125), ("Mbit/s", 125_000), ("B/s", 1), ("kB/s", 1000), ("MB/s", 1_000_000)
    ];
    /// Shares, in thousandths.
    Share "a share from 0% to 100% in steps of 0.1%, such as \"5%\"" false [("%", 10)] 1000;
    /// Distances, in metres.
    Distance "a distance in m or km, such as \"12km\"" false [("m", 1), ("km", 1000)];
    /// Exponents, in thousandths.
    Exponent "a number in steps of 0.001, such as 0.8" false [("", 1000)];
    /// How many.
    Count "a whole number, such as 3" true [];
}

/// One value.
pub struct Amount<Q>(pub u64, PhantomData<Q>);

/// A value or a range of values, both ends included.
pub struct Range<Q> {
    /// The least.
    pub low: u64,
    /// The most.
    pub high: u64,
    of: PhantomData<Q>,
}

impl<Q: Quantity> Amount<Q> {
    /// So much.
    pub const fn of(value: u64) -> Amount<Q> {
        Amount(value, PhantomData)
    }
}

impl<Q: Quantity> Range<Q> {
    /// From `low` to `high`.
    pub const fn of(low: u64, high: u64) -> Range<Q> {
        Range { low, high, of: PhantomData }
    }

    /// One of its values.
    pub fn draw(&self, rng: &mut Rng) -> u64 {
        rng.between(self.low, self.high)
    }

    /// Both ends.
    pub fn ends(&self) -> (u64, u64) {
        (self.low, self.high)
    }
}

/// Reads one number with its unit; none when it is not one.
pub(super) fn read<Q: Quantity>(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = (&text[..digits], text[digits..].trim());
    let size = match Q::UNITS.iter().find(|(name, _)| *name == unit) {
        Some((_, size)) => *size,
        None if unit.is_empty() && (Q::BARE || number == "0") => 1,
        None => return None,
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    if fraction.is_empty() || fraction.len() > 9 {
        return None;
    }
    let scale = 10_u64.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let part = fraction.parse::<u64>().ok()?.checked_mul(size)?;
    if !part.is_multiple_of(scale) {
        return None;
    }
    let value = whole.parse::<u64>().ok()?.checked_mul(size)?.checked_add(part / scale)?;
    (value <= Q::MOST).then_some(value)
}

/// Reads `low..high`, or one number for both.
fn read_range<Q: Quantity>(text: &str) -> Result<(u64, u64), String> {
    let wrong = || format!("`{text}` is not {}", Q::WANTED);
    let Some((low, high)) = text.split_once("..") else {
        let value = read::<Q>(text).ok_or_else(wrong)?;
        return Ok((value, value));
    };
    let wrong = || format!("`{text}` is not a range of two: {}", Q::WANTED);
    let (low, high) = (read::<Q>(low).ok_or_else(wrong)?, read::<Q>(high).ok_or_else(wrong)?);
    if low > high { Err(format!("`{text}`: a range goes from the lesser to the greater")) } else { Ok((low, high)) }
}

struct Reader<T, Q>(PhantomData<(T, Q)>);

impl<Q: Quantity, T: TryFrom<String, Error = String>> Visitor<'_> for Reader<T, Q> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Q::WANTED)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        T::try_from(text.to_owned()).map_err(E::custom)
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<T, E> {
        T::try_from(number.to_string()).map_err(E::custom)
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<T, E> {
        T::try_from(number.to_string()).map_err(E::custom)
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<T, E> {
        T::try_from(number.to_string()).map_err(E::custom)
    }
}

macro_rules! readable {
    ($type:ident, $read:expr) => {
        impl<Q: Quantity> TryFrom<String> for $type<Q> {
            type Error = String;
            fn try_from(text: String) -> Result<Self, String> {
                $read(text)
            }
        }
        impl<'de, Q: Quantity> Deserialize<'de> for $type<Q> {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(Reader::<Self, Q>(PhantomData))
            }
        }
        impl<Q> Clone for $type<Q> {
            fn clone(&self) -> Self {
                *self
            }
        }
        impl<Q> Copy for $type<Q> {}
    };
}

readable!(Amount, |text: String| {
    read::<Q>(&text).map(Amount::of).ok_or_else(|| format!("`{text}` is not {}", Q::WANTED))
});
readable!(Range, |text: String| read_range::<Q>(&text).map(|(low, high)| Range::of(low, high)));

impl<Q> fmt::Debug for Amount<Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<Q> fmt::Debug for Range<Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.low, self.high)
    }
}

/// Durations that may lie before zero, for clocks that are slow; in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Offsets {
    /// The least.
    pub low: i64,
    /// The most.
    pub high: i64,
}

impl Offsets {
    /// One of its values.
    pub fn draw(&self, rng: &mut Rng) -> i64 {
        self.low.saturating_add_unsigned(rng.below(self.high.abs_diff(self.low).saturating_add(1)))
    }

    /// The same, in milliseconds.
    pub fn draw_millis(&self, rng: &mut Rng) -> i64 {
        self.draw(rng) / 1000
    }
}

impl TryFrom<String> for Offsets {
    type Error = String;

    fn try_from(text: String) -> Result<Offsets, String> {
        let one = |part: &str| {
            let part = part.trim();
            let (negative, size) = part.strip_prefix('-').map_or((false, part), |rest| (true, rest));
            let size = i64::try_from(read::<Time>(size)?).ok()?;
            Some(if negative { -size } else { size })
        };
        let (low, high) = text.split_once("..").unwrap_or((&text, &text));
        match (one(low), one(high)) {
            (Some(low), Some(high)) if low <= high => Ok(Offsets { low, high }),
            _ => Err(format!("`{text}` is not {}, with a minus where it lies before", Time::WANTED)),
        }
    }
}

impl<'de> Deserialize<'de> for Offsets {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader::<Self, Time>(PhantomData))
    }
}

/// A point in time or a length of it: a duration, or a share of the time that clerks work.
#[derive(Debug, Clone, Copy)]
pub enum Moment {
    /// So long.
    Time(Range<Time>),
    /// So much of `phases.load`, in thousandths.
    Load(Range<Share>),
}

impl Moment {
    /// One of its values, when clerks work for so long.
    pub fn draw(&self, rng: &mut Rng, load: Micros) -> Micros {
        match self {
            Moment::Time(range) => range.draw(rng),
            Moment::Load(range) => load / 1000 * range.draw(rng),
        }
    }
}

impl Moment {
    /// The least of its values, when clerks work for so long.
    pub fn least(&self, load: Micros) -> Micros {
        match self {
            Moment::Time(range) => range.low,
            Moment::Load(range) => load / 1000 * range.low,
        }
    }

    /// Whether the least of its values is none at all.
    pub fn is_nothing(&self) -> bool {
        match self {
            Moment::Time(range) => range.low == 0,
            Moment::Load(range) => range.low == 0,
        }
    }
}

impl TryFrom<String> for Moment {
    type Error = String;

    fn try_from(text: String) -> Result<Moment, String> {
        let moment = if text.contains('%') {
            Range::try_from(text).map(Moment::Load)
        } else {
            Range::try_from(text).map(Moment::Time)
        };
        moment.map_err(|what| format!("{what}, or a share of `phases.load`, such as \"25%\""))
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader::<Self, Time>(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_with_their_units() {
        assert_eq!(read::<Time>("20ms"), Some(20_000));
        assert_eq!(read::<Time>("1.5 h"), Some(5_400_000_000));
        assert_eq!(read::<Time>("9d"), Some(777_600 * SECOND));
        assert_eq!(read::<Rate>("30kbit/s"), Some(3_750));
        assert_eq!(read::<Rate>("2MB/s"), Some(2_000_000));
        assert_eq!(read::<Share>("0.5%"), Some(5));
        assert_eq!(read::<Distance>("12km"), Some(12_000));
        assert_eq!(read::<Count>("12"), Some(12));
        assert_eq!([read::<Exponent>("0.8"), read::<Exponent>("1")], [Some(800), Some(1000)]);
    }

    #[test]
    fn what_has_no_unit_or_a_wrong_one_or_too_many_digits_is_refused() {
        let refused = [read::<Time>("20"), read::<Time>("20 parsecs"), read::<Time>("-1s"), read::<Time>("ms")];
        assert_eq!(refused, [None; 4]);
        assert_eq!([read::<Share>("0.05%"), read::<Count>("1.5"), read::<Rate>("99999999999999MB/s")], [None; 3]);
        assert_eq!(read::<Time>("0"), Some(0));
    }

    #[test]
    fn ranges_have_an_order() {
        assert_eq!(read_range::<Time>("20ms..600ms"), Ok((20_000, 600_000)));
        assert!(read_range::<Count>("8..2").unwrap_err().contains("lesser"));
        assert!(read_range::<Count>("2..x").unwrap_err().contains("whole number"));
        let back = Offsets::try_from("-2h..90s".to_owned()).unwrap();
        assert_eq!((back.low, back.high), (-7_200_000_000, 90_000_000));
    }
}
