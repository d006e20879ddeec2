//! Zipf's law: of many, the n-th is asked for 1/n^s as often as the first.
//!
//! Weights are whole numbers made with integer roots: floating point may end in another digit on another machine,
//! and a seed must give the same run everywhere.

use crate::rng::Rng;

/// Binary digits behind the point of the numbers below.
const POINT: u32 = 32;
/// Binary digits of the exponent behind its point.
const FINE: u32 = 10;

/// Who is asked for, and how often.
#[derive(Debug)]
pub(super) struct Popular {
    /// Sums of the weights up to and with each; empty when all are asked for alike.
    upto: Vec<u64>,
}

impl Popular {
    /// Of those with these ranks, counted from 1. The exponent is in thousandths, at most 2,000; 0: all alike.
    pub(super) fn of(ranks: impl Iterator<Item = u64>, exponent_permille: u64) -> Popular {
        let exponent = (exponent_permille.min(2_000) << FINE) / 1000;
        let sums = ranks.scan(0_u64, |sum, rank| {
            *sum += weight(rank, exponent);
            Some(*sum)
        });
        Popular { upto: if exponent == 0 { Vec::new() } else { sums.collect() } }
    }

    /// One of these.
    pub(super) fn pick<'a, T>(&self, from: &'a [T], rng: &mut Rng) -> Option<&'a T> {
        let Some(all) = self.upto.last() else { return rng.pick(from) };
        let drawn = rng.below(*all);
        from.get(self.upto.partition_point(|sum| *sum <= drawn))
    }
}

/// 2^46 divided by `rank` to the power of `exponent`, at least 1. Of 100,000 the sum fits 64 bits.
fn weight(rank: u64, exponent: u64) -> u64 {
    let rank = u128::from(rank.clamp(1, 100_000));
    let mut power = (0..exponent >> FINE).fold(1_u128 << POINT, |power, _| power * rank);
    let mut root = rank << POINT;
    for digit in (0..FINE).rev() {
        root = (root << POINT).isqrt();
        if (exponent >> digit) & 1 == 1 {
            power = (power * root) >> POINT;
        }
    }
    u64::try_from((1_u128 << (POINT + 46)) / power).unwrap_or(u64::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_fall_as_the_law_says() {
        let share = |rank, exponent: u64| weight(rank, (exponent << FINE) / 1000) * 100_000 / weight(1, 0);
        // In hundred-thousandths; the exponent is rounded down to a 1024th.
        let law = [((10, 1_000), 10_000), ((16, 500), 25_000), ((10, 800), 15_849), ((7, 1_250), 8_783)];
        for ((rank, exponent), expected) in law {
            let found = share(rank, exponent);
            assert!(found.abs_diff(expected) <= expected / 400, "{rank}^-{exponent}: {found}, not {expected}");
        }
        assert_eq!(weight(100, 2 << FINE), (1 << 46) / 10_000);
    }

    #[test]
    fn the_first_of_a_hundred_is_asked_for_a_hundred_times_as_often_as_the_last() {
        let all: Vec<u64> = (1..=100).collect();
        let popular = Popular::of(all.iter().copied(), 1_000);
        let mut rng = Rng::new(1, "test", "zipf");
        let mut counts = vec![0_u64; 101];
        for _ in 0..100_000 {
            counts[usize::try_from(*popular.pick(&all, &mut rng).unwrap()).unwrap()] += 1;
        }
        // One in 5.19, the hundredth harmonic number.
        assert!((18_700..19_900).contains(&counts[1]), "{}", counts[1]);
        assert!((9_200..10_100).contains(&counts[2]), "{}", counts[2]);
        assert!((120..270).contains(&counts[100]), "{}", counts[100]);
    }

    #[test]
    fn an_exponent_of_nothing_draws_as_before() {
        let all: Vec<u64> = (1..=9).collect();
        let popular = Popular::of(all.iter().copied(), 0);
        let draws = |pick: &dyn Fn(&mut Rng) -> u64| {
            let mut rng = Rng::new(1, "test", "zipf");
            (0..50).map(|_| pick(&mut rng)).collect::<Vec<_>>()
        };
        assert_eq!(draws(&|rng| *popular.pick(&all, rng).unwrap()), draws(&|rng| *rng.pick(&all).unwrap()));
    }
}
