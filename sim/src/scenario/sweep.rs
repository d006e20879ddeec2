//! `[sweep]`: every combination of the values that keys are given, each under the same seeds.

use std::collections::BTreeMap;

use super::document::Set;

/// One combination: a value for each key of the sweep. Without a sweep there is one, and it is empty.
pub(super) fn points(sweep: &BTreeMap<String, Vec<toml::Value>>) -> Vec<Vec<Set>> {
    let mut points = vec![Vec::new()];
    for (key, values) in sweep {
        let with = |point: &Vec<Set>, value: &toml::Value| {
            let set = Set { key: key.clone(), value: value.clone() };
            point.iter().cloned().chain([set]).collect()
        };
        points = points.iter().flat_map(|point| values.iter().map(move |value| with(point, value))).collect();
    }
    points
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_meets_every_other_in_the_order_of_keys() {
        let sweep: BTreeMap<String, Vec<toml::Value>> =
            toml::from_str("\"b.x\" = [\"parent\", \"flood\"]\n\"a.y\" = [1, 2, 3]").unwrap();
        let points: Vec<String> = points(&sweep)
            .iter()
            .map(|point| point.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
            .collect();
        assert_eq!(points.len(), 6);
        assert_eq!((points[0].as_str(), points[5].as_str()), ("a.y=1 b.x=parent", "a.y=3 b.x=flood"));
        assert_eq!(super::points(&BTreeMap::new()), [Vec::new()]);
    }
}
