//! Percentiles by nearest rank, of a list and of a distribution that does not keep its values.
//!
//! The percentile of `permille` of `n` values is the value at rank ⌈permille·n/1000⌉, counted from 1 in ascending
//! order; rank 1 for 0 ‰. It is always a value that occurred, never one between two.

use std::collections::BTreeMap;

/// The rank, from 1, of a percentile among `count` values.
fn rank(count: u64, permille: u32) -> u64 {
    let wide = u128::from(count) * u128::from(permille.min(1000));
    u64::try_from(wide.div_ceil(1000)).unwrap_or(count).max(1)
}

/// The percentile of values in ascending order; none of none.
pub fn nearest_rank<T: Copy>(ascending: &[T], permille: u32) -> Option<T> {
    let rank = usize::try_from(rank(ascending.len() as u64, permille)).unwrap_or(usize::MAX);
    ascending.get(rank - 1).copied()
}

/// A distribution in bounded memory: values up to 2,047 as they are, larger ones rounded down to eleven binary
/// digits, so within 0.1 % of themselves. Sum, least and greatest are exact.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    counts: BTreeMap<u64, u64>,
    count: u64,
    sum: u128,
    greatest: u64,
}

impl Tally {
    /// Binary digits that are kept.
    const DIGITS: u32 = 11;

    /// Enters a value.
    pub fn add(&mut self, value: u64) {
        let drop = (u64::BITS - value.leading_zeros()).saturating_sub(Self::DIGITS);
        *self.counts.entry(value >> drop << drop).or_insert(0) += 1;
        self.count += 1;
        self.sum += u128::from(value);
        self.greatest = self.greatest.max(value);
    }

    /// How many values were entered.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The arithmetic mean; none of none.
    #[expect(clippy::cast_precision_loss, reason = "a mean is shown with a few digits")]
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum as f64 / self.count as f64)
    }

    /// The percentile by nearest rank; the greatest value for 1000 ‰; none of none.
    pub fn nearest_rank(&self, permille: u32) -> Option<u64> {
        self.nearest_ranks(&[permille], self.count).pop().flatten()
    }

    /// The percentiles of ascending `permilles` where `of` values were due. What never came counts as larger than
    /// all that came: a rank beyond those that came has no value.
    pub fn nearest_ranks(&self, permilles: &[u32], of: u64) -> Vec<Option<u64>> {
        let mut below = 0;
        let mut steps = self.counts.iter();
        let mut value = 0;
        let mut at = |permille: &u32| {
            let wanted = rank(of.max(self.count), *permille);
            while below < wanted {
                let (next, times) = steps.next()?;
                (value, below) = (*next, below + times);
            }
            Some(if wanted == self.count { self.greatest } else { value })
        };
        permilles.iter().map(&mut at).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn percentiles_by_hand() {
        // The example of the nearest-rank method that text books give: 15, 20, 35, 40, 50.
        let values = [15, 20, 35, 40, 50];
        let expected = [(50, 15), (300, 20), (400, 20), (500, 35), (1000, 50)];
        for (permille, value) in expected {
            assert_eq!(nearest_rank(&values, permille), Some(value), "{permille} permille");
        }
        assert_eq!(nearest_rank(&values, 0), Some(15));
        assert_eq!(nearest_rank::<u64>(&[], 500), None);
    }

    #[test]
    fn a_tally_by_hand() {
        let mut tally = Tally::default();
        assert_eq!((tally.mean(), tally.nearest_rank(500)), (None, None));
        for value in [3, 1, 2, 10] {
            tally.add(value);
        }
        assert_eq!(tally.mean(), Some(4.0));
        let ranks = tally.nearest_ranks(&[0, 250, 251, 500, 750, 751, 1000], 4);
        assert_eq!(ranks, [1, 1, 2, 2, 3, 10, 10].map(Some));
        // Of eight that were due four never came: the half is where the last of them stands.
        let ranks = tally.nearest_ranks(&[125, 126, 500, 501, 1000], 8);
        assert_eq!(ranks, [Some(1), Some(2), Some(10), None, None]);
    }

    proptest! {
        #[test]
        fn a_tally_agrees_with_the_sorted_list(
            mut values in proptest::collection::vec(prop_oneof![0..5000u64, any::<u64>()], 1..200),
            permille in 0..=1000u32,
        ) {
            let mut tally = Tally::default();
            values.iter().for_each(|value| tally.add(*value));
            values.sort_unstable();
            let exact = nearest_rank(&values, permille).unwrap();
            let got = tally.nearest_rank(permille).unwrap();
            prop_assert!(got <= exact && exact - got <= exact / 1024, "{got} for {exact}");
            if exact < 2048 {
                prop_assert_eq!(got, exact);
            }
            prop_assert_eq!(tally.nearest_rank(1000), values.last().copied());
        }

        #[test]
        fn at_least_the_share_lies_at_or_below_and_less_than_it_below(
            mut values in proptest::collection::vec(0..50u64, 1..60), permille in 1..=1000u32,
        ) {
            values.sort_unstable();
            let value = nearest_rank(&values, permille).unwrap();
            let count = |keep: &dyn Fn(&u64) -> bool| values.iter().filter(|v| keep(v)).count() as u64 * 1000;
            let share = u64::from(permille) * values.len() as u64;
            prop_assert!(count(&|v| *v <= value) >= share);
            prop_assert!(count(&|v| *v < value) < share);
        }
    }
}
