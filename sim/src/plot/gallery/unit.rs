//! The unit in which a figure is shown: the largest in which its greatest value is at least two.

/// A unit: its sign, and how many of the base unit it is.
pub(super) type Unit = (&'static str, f64);

/// Times, in milliseconds.
const TIMES: [Unit; 5] = [("d", 86_400_000.0), ("h", 3_600_000.0), ("min", 60_000.0), ("s", 1000.0), ("ms", 1.0)];
/// Amounts, in bytes.
const AMOUNTS: [Unit; 4] = [("GB", 1e9), ("MB", 1e6), ("kB", 1e3), ("B", 1.0)];

/// For times up to so many milliseconds.
pub(super) fn of_time(most: f64) -> Unit {
    fitting(&TIMES, most)
}

/// For a metric's own unit and greatest value.
pub(super) fn fitting_metric(unit: &'static str, most: f64) -> Unit {
    match unit {
        "ms" => of_time(most),
        "B" => fitting(&AMOUNTS, most),
        _ => (unit, 1.0),
    }
}

fn fitting(units: &[Unit], most: f64) -> Unit {
    let smallest = units.last().copied().unwrap_or(("", 1.0));
    units.iter().copied().find(|(_, size)| most >= 2.0 * size).unwrap_or(smallest)
}

/// A name with its unit, as an axis says it.
pub(super) fn label(name: &str, unit: &str) -> String {
    if unit.is_empty() { name.to_owned() } else { format!("{name} ({unit})") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_as_large_as_the_values() {
        assert_eq!(of_time(1500.0), ("ms", 1.0));
        assert_eq!(of_time(150_000.0), ("min", 60_000.0));
        assert_eq!(fitting_metric("B", 3e6), ("MB", 1e6));
        assert_eq!(fitting_metric("", 3e6), ("", 1.0));
    }
}
