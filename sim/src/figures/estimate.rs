//! A figure over several seeds: its mean and how far the mean may be off.
//!
//! Each seed is one observation; whatever happened inside a run is summed up into one number first, because what
//! happens inside one run is not independent. Intervals are at the 95 % level. Means of counts and ratios take
//! Student's t; figures with long tails (percentiles, times) take the bootstrap over seeds, which assumes no
//! shape. Both are poor with fewer than five seeds, and one seed has no interval at all.

use std::collections::BTreeMap;

use crate::rng::Rng;

/// A mean over runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The mean.
    pub mean: f64,
    /// The 95 % confidence interval of the mean; none from a single run.
    pub interval: Option<(f64, f64)>,
    /// Over how many runs.
    pub runs: usize,
}

/// Bootstrap intervals: the runs are drawn anew with replacement 2,000 times, and the interval is from the 2.5th to
/// the 97.5th percentile of the means. The draws are the same at each call and for all figures, so that a curve's
/// interval is that of whole curves.
#[derive(Debug, Clone, Default)]
pub struct Bootstrap {
    /// For each number of runs, the positions drawn.
    draws: BTreeMap<usize, Vec<Vec<usize>>>,
}

impl Bootstrap {
    /// How often the runs are drawn anew.
    const RESAMPLES: usize = 2000;

    /// Mean and interval. None of none.
    pub fn estimate(&mut self, values: &[f64]) -> Option<Estimate> {
        let centre = mean(values)?;
        let interval = (values.len() > 1).then(|| {
            let draws = self.draws.entry(values.len()).or_insert_with(|| draws(values.len()));
            let sum = |draw: &Vec<usize>| draw.iter().filter_map(|at| values.get(*at)).sum::<f64>();
            let mut means: Vec<f64> = draws.iter().map(|draw| sum(draw) / values.len() as f64).collect();
            means.sort_unstable_by(f64::total_cmp);
            let at = |permille| super::rank::nearest_rank(&means, permille).unwrap_or(centre);
            (at(25), at(975))
        });
        Some(Estimate { mean: centre, interval, runs: values.len() })
    }
}

fn draws(count: usize) -> Vec<Vec<usize>> {
    let mut rng = Rng::new(0, "figures", "bootstrap");
    let mut one = || usize::try_from(rng.below(count as u64)).unwrap_or(0);
    (0..Bootstrap::RESAMPLES).map(|_| (0..count).map(|_| one()).collect()).collect()
}

impl Estimate {
    /// Mean with Student's t interval: mean ± t(0.975, n−1)·s/√n. None of none.
    pub fn student(values: &[f64]) -> Option<Estimate> {
        let mean = mean(values)?;
        let half = standard_error(values, mean).map(|error| t_975(values.len() as f64 - 1.0) * error);
        Some(Estimate { mean, interval: half.map(|half| (mean - half, mean + half)), runs: values.len() })
    }

    /// Mean with a percentile bootstrap interval; see [`Bootstrap`]. For many figures of the same runs, keep one
    /// of these.
    pub fn bootstrap(values: &[f64]) -> Option<Estimate> {
        Bootstrap::default().estimate(values)
    }

    /// The lower end of the interval, or the mean if there is none.
    pub fn low(&self) -> f64 {
        self.interval.map_or(self.mean, |(low, _)| low)
    }

    /// The upper end of the interval, or the mean if there is none.
    pub fn high(&self) -> f64 {
        self.interval.map_or(self.mean, |(_, high)| high)
    }

    /// Whether the interval shows that the mean is not zero.
    pub fn excludes_zero(&self) -> bool {
        self.interval.is_some_and(|(low, high)| low > 0.0 || high < 0.0)
    }
}

/// Mean of `after` − mean of `before` with its interval, of runs that have nothing in common (Welch).
pub fn difference(before: &[f64], after: &[f64]) -> Option<Estimate> {
    let (a, b) = (mean(before)?, mean(after)?);
    let runs = before.len().min(after.len());
    let interval = standard_error(before, a).zip(standard_error(after, b)).map(|(ea, eb)| {
        let (va, vb) = (ea * ea, eb * eb);
        let freedom =
            (va + vb).powi(2) / (va * va / (before.len() as f64 - 1.0) + vb * vb / (after.len() as f64 - 1.0));
        // Without any spread the quotient is 0/0, and the interval has no width whatever t is.
        let half = t_975(if freedom.is_finite() { freedom } else { 1.0 }) * (va + vb).sqrt();
        (b - a - half, b - a + half)
    });
    Some(Estimate { mean: b - a, interval, runs })
}

/// Mean of `after` − `before` with its interval, of runs that belong together pair by pair (the same seed).
pub fn paired_difference(before: &[f64], after: &[f64]) -> Option<Estimate> {
    let differences: Vec<f64> = before.iter().zip(after).map(|(before, after)| after - before).collect();
    Estimate::student(&differences)
}

/// The arithmetic mean; none of none.
pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// s/√n with s² = Σ(x−mean)²/(n−1); none of fewer than two.
fn standard_error(values: &[f64], mean: f64) -> Option<f64> {
    let count = values.len() as f64;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (values.len() > 1).then(|| (squares / (count - 1.0) / count).sqrt())
}

/// The 97.5 % point of Student's t. Up to 30 degrees of freedom from the table, fractions rounded down (a wider
/// interval); beyond by the Cornish–Fisher expansion (Abramowitz and Stegun 26.7.5), good to four digits there.
fn t_975(freedom: f64) -> f64 {
    const TABLE: [f64; 30] = [
        12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281, 2.2010, 2.1788, 2.1604,
        2.1448, 2.1314, 2.1199, 2.1098, 2.1009, 2.0930, 2.0860, 2.0796, 2.0739, 2.0687, 2.0639, 2.0595, 2.0555, 2.0518,
        2.0484, 2.0452, 2.0423,
    ];
    let whole = freedom.floor().max(1.0);
    if let Some((_, value)) = (1..).map(f64::from).zip(TABLE).find(|(degree, _)| *degree == whole) {
        return value;
    }
    let x = 1.959_964_f64;
    let first = (x.powi(3) + x) / 4.0;
    let second = (5.0 * x.powi(5) + 16.0 * x.powi(3) + 3.0 * x) / 96.0;
    let third = (3.0 * x.powi(7) + 19.0 * x.powi(5) + 17.0 * x.powi(3) - 15.0 * x) / 384.0;
    x + first / whole + second / whole.powi(2) + third / whole.powi(3)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn close(got: f64, expected: f64) {
        assert!((got - expected).abs() < 5e-4, "{got} for {expected}");
    }

    #[test]
    fn t_is_that_of_the_tables() {
        let table = [(1.0, 12.706), (4.0, 2.776), (9.0, 2.262), (30.0, 2.042), (40.0, 2.021), (120.0, 1.980)];
        for (freedom, value) in table {
            close(t_975(freedom), value);
        }
        close(t_975(4.9), 2.776);
        close(t_975(1e9), 1.960);
    }

    #[test]
    fn mean_and_interval_by_hand() {
        // 2, 4, 4, 4, 5, 5, 7, 9: mean 5, s² = 32/7, s/√8 = 0.755929, t(7) = 2.3646, half 1.787470.
        let estimate = Estimate::student(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]).unwrap();
        close(estimate.mean, 5.0);
        close(estimate.low(), 3.2125);
        close(estimate.high(), 6.7875);
        assert_eq!(estimate.runs, 8);
    }

    #[test]
    fn the_mean_is_not_the_minimum_nor_the_median() {
        let values = [1.0, 1.0, 1.0, 97.0];
        close(Estimate::student(&values).unwrap().mean, 25.0);
        close(Estimate::bootstrap(&values).unwrap().mean, 25.0);
    }

    #[test]
    fn one_run_has_no_interval_and_none_no_mean() {
        let one = Estimate::student(&[3.0]).unwrap();
        assert_eq!((one.mean, one.interval, one.runs), (3.0, None, 1));
        assert!(!one.excludes_zero());
        assert_eq!(Estimate::bootstrap(&[3.0]).unwrap().interval, None);
        assert_eq!(Estimate::student(&[]), None);
        assert_eq!(Estimate::bootstrap(&[]), None);
    }

    #[test]
    fn bootstrap_repeats_and_agrees_with_student_where_the_shape_is_plain() {
        let values: Vec<f64> = (0..40).map(|n| f64::from(n % 8)).collect();
        let (boot, student) = (Estimate::bootstrap(&values).unwrap(), Estimate::student(&values).unwrap());
        assert_eq!(Some(boot), Estimate::bootstrap(&values));
        assert!((boot.low() - student.low()).abs() < 0.1, "{boot:?} {student:?}");
        assert!((boot.high() - student.high()).abs() < 0.1, "{boot:?} {student:?}");
    }

    #[test]
    fn differences_by_hand() {
        // Welch: means 2 and 5, variances 1 and 4 of three each: error √(1/3+4/3) = 1.290994;
        // freedom (5/3)²/((1/9)/2+(16/9)/2) = 2.94, rounded down 2: t = 4.3027, half 5.554754.
        let welch = difference(&[1.0, 2.0, 3.0], &[3.0, 5.0, 7.0]).unwrap();
        close(welch.mean, 3.0);
        close(welch.low(), -2.5548);
        assert!(!welch.excludes_zero());
        // Pairwise the differences are 2, 3, 4: error 1/√3 = 0.577350, half 2.484165.
        let paired = paired_difference(&[1.0, 2.0, 3.0], &[3.0, 5.0, 7.0]).unwrap();
        close(paired.low(), 0.5158);
        assert!(paired.excludes_zero());
    }

    #[test]
    fn equal_runs_do_not_differ_and_constant_ones_may() {
        let same = [4.0, 4.0, 4.0];
        assert!(!difference(&same, &same).unwrap().excludes_zero());
        assert!(difference(&same, &[5.0, 5.0]).unwrap().excludes_zero());
        assert!(!paired_difference(&same, &same).unwrap().excludes_zero());
    }

    proptest! {
        #[test]
        fn intervals_hold_the_mean_and_the_mean_lies_within_the_values(
            values in proptest::collection::vec(-1e6..1e6f64, 2..40),
        ) {
            let least = values.iter().copied().fold(f64::INFINITY, f64::min);
            let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            for estimate in [Estimate::student(&values).unwrap(), Estimate::bootstrap(&values).unwrap()] {
                prop_assert!(estimate.low() <= estimate.mean + 1e-6 && estimate.mean <= estimate.high() + 1e-6);
                prop_assert!(least - 1e-6 <= estimate.mean && estimate.mean <= most + 1e-6);
            }
        }

        #[test]
        fn moving_and_stretching_all_values_moves_and_stretches_the_estimate(
            values in proptest::collection::vec(-1e3..1e3f64, 2..20), by in -100.0..100.0f64, factor in 0.1..10.0f64,
        ) {
            let moved: Vec<f64> = values.iter().map(|value| value * factor + by).collect();
            let (plain, changed) = (Estimate::student(&values).unwrap(), Estimate::student(&moved).unwrap());
            prop_assert!((plain.mean * factor + by - changed.mean).abs() < 1e-6);
            prop_assert!((plain.low() * factor + by - changed.low()).abs() < 1e-6);
        }
    }
}
