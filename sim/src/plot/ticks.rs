//! Where an axis gets its marks, and how numbers are written at them.

/// A stretch of an axis: the least and the greatest value shown, and the marks between.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Ticks {
    /// The least value shown.
    pub(super) low: f64,
    /// The greatest value shown.
    pub(super) high: f64,
    /// Values with a mark and a number.
    pub(super) marks: Vec<f64>,
}

/// Even marks at 1, 2 or 5 times a power of ten that hold both ends; about `wanted`.
pub(super) fn linear(low: f64, high: f64, wanted: u32) -> Ticks {
    let high = if high > low { high } else { low + 1.0 };
    let rough = (high - low) / f64::from(wanted.max(1));
    let decade = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|n| n * decade).into_iter().find(|s| *s >= rough * 0.999).unwrap_or(rough);
    let (first, last) = ((low / step + 1e-9).floor(), (high / step - 1e-9).ceil());
    let marks: Vec<f64> =
        (0..=100).map(|n| first + f64::from(n)).take_while(|n| *n <= last).map(|n| n * step).collect();
    Ticks { low: first * step, high: last * step, marks }
}

/// Marks at powers of ten, and at 2 and 5 times these if there are few; the ends are such marks.
pub(super) fn log(low: f64, high: f64, wanted: u32) -> Ticks {
    let (low, high) = if low > 0.0 && high >= low { (low, high) } else { (1.0, 10.0) };
    let (first, last) = (low.log10().floor(), high.log10().ceil().max(low.log10().floor() + 1.0));
    let decades = last - first;
    let all = |steps: &[f64]| -> Vec<f64> {
        let powers = (0..=60).map(|n| first + f64::from(n)).take_while(|power| *power <= last);
        powers.flat_map(|power| steps.iter().map(move |step| step * 10_f64.powf(power))).collect()
    };
    let fine = all(&[1.0, 2.0, 5.0]);
    // The ends need not be whole decades: the marks next to the values do.
    let start = fine.iter().copied().rev().find(|mark| *mark <= low * 1.0001).unwrap_or(low);
    let end = fine.iter().copied().find(|mark| *mark >= high * 0.9999 && *mark > start).unwrap_or(high);
    let inside = |marks: Vec<f64>| -> Vec<f64> {
        marks.into_iter().filter(|mark| *mark >= start * 0.9999 && *mark <= end * 1.0001).collect()
    };
    let marks = if decades * 3.0 <= f64::from(wanted) {
        inside(fine)
    } else {
        let every = (decades / f64::from(wanted.max(1))).ceil().max(1.0);
        inside(all(&[1.0])).into_iter().filter(|mark| (mark.log10().round() - first) % every == 0.0).collect()
    };
    Ticks { low: start, high: end, marks }
}

/// A number as an axis shows it: as few digits as tell it from its neighbours, thousands apart.
pub(super) fn number(value: f64) -> String {
    let size = value.abs();
    if size >= 1e9 || (size > 0.0 && size < 1e-4) {
        return format!("{value:e}");
    }
    let short = format!("{value:.6}");
    let short = short.trim_end_matches('0').trim_end_matches('.');
    let (sign, rest) = short.strip_prefix('-').map_or(("", short), |rest| ("-", rest));
    let (whole, fraction) = rest.split_once('.').unwrap_or((rest, ""));
    let mut grouped = String::new();
    for (position, digit) in whole.chars().enumerate() {
        if position > 0 && (whole.len() - position).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let dot = if fraction.is_empty() { "" } else { "." };
    if grouped == "0" && fraction.is_empty() { "0".to_owned() } else { format!("{sign}{grouped}{dot}{fraction}") }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn even_marks_are_round_numbers() {
        assert_eq!(linear(0.0, 9.3, 5).marks, [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]);
        assert_eq!(linear(0.0, 0.0, 5).high, 1.0);
        assert_eq!(linear(-3.0, 4.0, 5).low, -4.0);
    }

    #[test]
    fn logarithmic_marks_are_decades_or_their_fifths() {
        assert_eq!(log(30.0, 700.0, 8).marks, [20.0, 50.0, 100.0, 200.0, 500.0, 1000.0]);
        assert_eq!(log(1.0, 1e6, 8).marks, [1.0, 10.0, 100.0, 1e3, 1e4, 1e5, 1e6]);
        assert_eq!(log(0.0, 0.0, 8).low, 1.0);
    }

    #[test]
    fn numbers_are_short_and_grouped() {
        let shown =
            [(0.0, "0"), (0.25, "0.25"), (1e4, "10,000"), (1234567.0, "1,234,567"), (-1.5, "-1.5"), (2e10, "2e10")];
        for (value, text) in shown {
            assert_eq!(number(value), text);
        }
    }

    proptest! {
        #[test]
        fn marks_hold_every_value_and_are_few(low in 0.0..1e7f64, more in 1e-3..1e7f64, wanted in 2..10u32) {
            for ticks in [linear(low, low + more, wanted), log(low + 1e-3, low + more, wanted)] {
                prop_assert!(ticks.low <= low + 1e-3 && ticks.high >= (low + more) * 0.999, "{ticks:?}");
                prop_assert!(ticks.marks.len() <= 3 * wanted as usize + 3, "{ticks:?}");
                prop_assert!(ticks.marks.windows(2).all(|pair| pair[0] < pair[1]));
            }
        }
    }
}
