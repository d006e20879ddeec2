//! What was varied between the cells of a sweep, as a horizontal axis.

use serde_json::Value;

use super::super::chart::{Axis, Scale};
use super::unit;
use crate::figures::cells::{Cell, text};

/// The parameter on the horizontal axis.
pub(super) struct Varied {
    /// Its name.
    pub(super) name: String,
    /// The axis.
    pub(super) axis: Axis,
    places: Vec<(Value, f64)>,
}

impl Varied {
    /// Of the parameters that take several values, the one asked for, else the first with numbers or times, else
    /// the first; none if nothing varies.
    pub(super) fn new(cells: &[Cell], asked: Option<&str>) -> Option<Varied> {
        let names: Vec<&String> = cells.first()?.parameters.iter().map(|(name, _)| name).collect();
        let varying = |name: &&&String| values(cells, name).len() > 1;
        let measured = |name: &&&String| values(cells, name).iter().all(|value| size(value).is_some());
        let asked = asked.and_then(|asked| names.iter().find(|name| name.as_str() == asked));
        let first = || names.iter().filter(varying).find(measured).or_else(|| names.iter().find(varying));
        let name = (*asked.or_else(first)?).clone();
        let values = values(cells, &name);
        let sizes: Option<Vec<(f64, bool)>> = values.iter().map(size).collect();
        Some(match sizes {
            Some(sizes) => Varied::measured(name, values, &sizes),
            None => {
                let names = values.iter().map(text).collect();
                let places = values.into_iter().zip((0..).map(f64::from)).collect();
                Varied { axis: Axis { label: spoken(&name), scale: Scale::Names(names) }, name, places }
            }
        })
    }

    fn measured(name: String, values: Vec<Value>, sizes: &[(f64, bool)]) -> Varied {
        let most = sizes.iter().map(|(size, _)| *size).fold(f64::NEG_INFINITY, f64::max);
        let least = sizes.iter().map(|(size, _)| *size).fold(f64::INFINITY, f64::min);
        let percent = values.iter().any(|value| value.as_str().is_some_and(|text| text.ends_with('%')));
        let (sign, unit) = match sizes.iter().any(|(_, time)| *time) {
            true => unit::of_time(most),
            false => (if percent { "%" } else { "" }, 1.0),
        };
        let scale = if least > 0.0 && most / least >= 50.0 { Scale::Log } else { Scale::Linear };
        let places = values.into_iter().zip(sizes.iter().map(|(size, _)| size / unit)).collect();
        Varied { axis: Axis { label: unit::label(&spoken(&name), sign), scale }, name, places }
    }

    /// Where a cell stands.
    pub(super) fn place(&self, cell: &Cell) -> Option<f64> {
        let value = cell.parameter(&self.name)?;
        self.places.iter().find(|(known, _)| known == value).map(|(_, place)| *place)
    }

    /// Cells that differ in this parameter alone, by ascending place, with what they have in common.
    pub(super) fn rows<'a>(&self, cells: &'a [Cell]) -> Vec<(String, Vec<(f64, &'a Cell)>)> {
        let mut rows: Vec<(String, Vec<(f64, &Cell)>)> = Vec::new();
        for cell in cells {
            let Some(place) = self.place(cell) else { continue };
            let label = cell.label(Some(&self.name));
            match rows.iter_mut().find(|(known, _)| *known == label) {
                Some((_, row)) => row.push((place, cell)),
                None => rows.push((label, vec![(place, cell)])),
            }
        }
        for (_, row) in &mut rows {
            row.sort_by(|a, b| a.0.total_cmp(&b.0));
        }
        rows
    }
}

/// The values of a parameter, in the order of the cells.
fn values(cells: &[Cell], name: &str) -> Vec<Value> {
    let mut values: Vec<Value> = Vec::new();
    for value in cells.iter().filter_map(|cell| cell.parameter(name)) {
        if !values.contains(value) {
            values.push(value.clone());
        }
    }
    values
}

/// A value as a number; of a share such as `5%`, its hundredths; of a time such as `90s`, its milliseconds, and that
/// it is a time.
fn size(value: &Value) -> Option<(f64, bool)> {
    if let Some(number) = value.as_f64() {
        return Some((number, false));
    }
    let text = value.as_str()?;
    if let Some(share) = text.strip_suffix('%') {
        return Some((share.trim().parse().ok()?, false));
    }
    let (digits, unit) = text.split_at(text.find(|c: char| c.is_ascii_alphabetic())?);
    let millis = match unit {
        "us" => 0.001,
        "ms" => 1.0,
        "s" => 1000.0,
        "m" | "min" => 60_000.0,
        "h" => 3_600_000.0,
        "d" => 86_400_000.0,
        "w" => 604_800_000.0,
        _ => return None,
    };
    Some((digits.trim().parse::<f64>().ok()? * millis, true))
}

/// A parameter's dotted name as an axis says it.
fn spoken(name: &str) -> String {
    name.replace('_', " ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::figures::cells::{Run, cells};

    fn grid(values: &[Value]) -> Vec<Cell> {
        let run = |value: &Value, other: &str| Run {
            parameters: vec![("policy".to_owned(), json!(other)), ("fault.lasts".to_owned(), value.clone())],
            seed: 1,
            summary: Value::Null,
        };
        cells(values.iter().flat_map(|value| [run(value, "a"), run(value, "b")]).collect())
    }

    #[test]
    fn numbers_and_times_are_measured_and_names_get_places() {
        let cells = grid(&[json!("1h"), json!("90min"), json!("3h")]);
        let varied = Varied::new(&cells, None).unwrap();
        assert_eq!(varied.axis.label, "fault.lasts (h)");
        let rows = varied.rows(&cells);
        assert_eq!(rows.iter().map(|(label, _)| label.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(rows[0].1.iter().map(|(place, _)| *place).collect::<Vec<_>>(), [1.0, 1.5, 3.0]);

        let shares = grid(&[json!("5%"), json!("20%")]);
        assert_eq!(Varied::new(&shares, None).unwrap().axis.label, "fault.lasts (%)");

        let varied = Varied::new(&cells, Some("policy")).unwrap();
        assert_eq!(varied.axis.scale, Scale::Names(vec!["a".to_owned(), "b".to_owned()]));
    }

    #[test]
    fn wide_ranges_are_logarithmic_and_nothing_varied_is_no_axis() {
        let cells = grid(&[json!(10), json!(1000)]);
        assert_eq!(Varied::new(&cells, None).unwrap().axis.scale, Scale::Log);
        assert!(Varied::new(&cells[..1], None).is_none());
        assert!(Varied::new(&[], None).is_none());
    }
}
