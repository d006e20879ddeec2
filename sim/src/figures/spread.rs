//! Distributions and series over several runs: the value at each rank, or at each time, with its interval.

use super::estimate::{Bootstrap, Estimate};

/// The ranks at which a run's distributions are kept: 0, 5, … 990 ‰, then every one to 1000 ‰.
pub fn ranks() -> Vec<u32> {
    (0..990).step_by(5).chain(990..=1000).collect()
}

/// At each rank the mean over runs with its interval, as far as every run has a value there.
pub fn over_runs(runs: &[Vec<Option<u64>>]) -> Vec<(u32, Estimate)> {
    let at = |position: usize| -> Option<Vec<f64>> {
        runs.iter().map(|run| run.get(position).copied().flatten().map(precise)).collect()
    };
    let mut bootstrap = Bootstrap::default();
    ranks()
        .into_iter()
        .enumerate()
        .map_while(|(position, permille)| Some((permille, bootstrap.estimate(&at(position)?)?)))
        .collect()
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds and bytes are shown with a few digits")]
fn precise(value: u64) -> f64 {
    value as f64
}

/// One run's values over time, ascending.
#[derive(Debug, Clone, PartialEq)]
pub struct Course {
    /// Time in virtual seconds, and the value.
    pub points: Vec<(f64, f64)>,
    /// The value from the last point on.
    pub afterwards: f64,
}

impl Course {
    fn at(&self, time: f64) -> Option<f64> {
        let next = self.points.partition_point(|(at, _)| *at <= time);
        if next == self.points.len() && self.points.last().is_some_and(|(at, _)| *at < time) {
            return Some(self.afterwards);
        }
        self.points.get(next.checked_sub(1)?).map(|(_, value)| *value)
    }
}

/// At each time of the longest run the mean over all runs with its interval; a run counts from its first point on.
pub fn over_time(runs: &[Course]) -> Vec<(f64, Estimate)> {
    let longest = runs.iter().max_by(|a, b| last(a).total_cmp(&last(b)));
    let times = longest.map(|run| run.points.iter().map(|(at, _)| *at)).into_iter().flatten();
    let mut bootstrap = Bootstrap::default();
    times
        .filter_map(|time| {
            let values: Vec<f64> = runs.iter().filter_map(|run| run.at(time)).collect();
            Some((time, bootstrap.estimate(&values)?))
        })
        .collect()
}

fn last(course: &Course) -> f64 {
    course.points.last().map_or(f64::NEG_INFINITY, |(at, _)| *at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curves_over_runs_stop_where_one_has_no_value() {
        let mut short = vec![Some(10); ranks().len()];
        short[2] = None;
        let long = vec![Some(20); ranks().len()];
        let curve = over_runs(&[short, long]);
        assert_eq!(curve.iter().map(|(rank, _)| *rank).collect::<Vec<_>>(), [0, 5]);
        assert!((curve[0].1.mean - 15.0).abs() < 1e-9);
        assert!(over_runs(&[]).is_empty());
    }

    #[test]
    fn courses_meet_at_the_times_of_the_longest_run() {
        let short = Course { points: vec![(0.0, 4.0), (10.0, 8.0)], afterwards: 0.0 };
        let long = Course { points: vec![(0.0, 2.0), (10.0, 4.0), (20.0, 6.0)], afterwards: 6.0 };
        let means: Vec<_> = over_time(&[short, long]).into_iter().map(|(at, e)| (at, e.mean, e.runs)).collect();
        assert_eq!(means, [(0.0, 3.0, 2), (10.0, 6.0, 2), (20.0, 3.0, 2)]);
    }
}
