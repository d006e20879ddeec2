//! Runs grouped by what was varied. A cell is one combination of parameters; its runs differ only in their seed.

use serde_json::Value;

use super::estimate::Estimate;
use super::metric::Metric;

/// Parameters that were varied, in the order in which the sweep names them.
pub type Parameters = Vec<(String, Value)>;

/// One finished run.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// What was varied, with its value in this run.
    pub parameters: Parameters,
    /// The seed.
    pub seed: u64,
    /// Its `summary.json`.
    pub summary: Value,
}

/// All runs of one combination of parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    /// What they have in common.
    pub parameters: Parameters,
    /// The runs, by seed.
    pub runs: Vec<Run>,
}

/// Groups runs; cells stand in the order of their first run, runs in the order of their seeds.
pub fn cells(runs: Vec<Run>) -> Vec<Cell> {
    let mut cells: Vec<Cell> = Vec::new();
    for run in runs {
        match cells.iter_mut().find(|cell| cell.parameters == run.parameters) {
            Some(cell) => cell.runs.push(run),
            None => cells.push(Cell { parameters: run.parameters.clone(), runs: vec![run] }),
        }
    }
    for cell in &mut cells {
        cell.runs.sort_by_key(|run| run.seed);
    }
    cells
}

impl Cell {
    /// The value of a parameter.
    pub fn parameter(&self, name: &str) -> Option<&Value> {
        self.parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// A figure of each run that has it, with the run's seed.
    pub fn values(&self, metric: &Metric) -> Vec<(u64, f64)> {
        self.runs.iter().filter_map(|run| Some((run.seed, metric.of(&run.summary)?))).collect()
    }

    /// A figure over the runs; none if no run has it.
    pub fn estimate(&self, metric: &Metric) -> Option<Estimate> {
        let values: Vec<f64> = self.values(metric).into_iter().map(|(_, value)| value).collect();
        metric.estimate(&values)
    }

    /// The parameters but `without`, for a legend: `a=1, b=x`; of a single one that is a word, the word alone.
    pub fn label(&self, without: Option<&str>) -> String {
        let shown: Vec<_> = self.parameters.iter().filter(|(name, _)| Some(name.as_str()) != without).collect();
        match shown.as_slice() {
            [(_, Value::String(word))] if word.starts_with(char::is_alphabetic) => word.clone(),
            _ => shown
                .iter()
                .map(|(name, value)| format!("{}={}", self.short(name), text(value)))
                .collect::<Vec<_>>()
                .join(", "),
        }
    }

    /// The last part of a dotted name, where no other parameter ends alike.
    fn short<'a>(&self, name: &'a str) -> &'a str {
        let last = |name: &'a str| name.rsplit('.').next().unwrap_or(name);
        let alike = self.parameters.iter().filter(|(other, _)| other.rsplit('.').next() == Some(last(name))).count();
        if alike > 1 { name } else { last(name) }
    }
}

/// A parameter's value as one writes it.
pub fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.as_f64().map_or_else(|| number.to_string(), |number| number.to_string()),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::figures::metric::SENDS;

    fn run(policy: &str, seed: u64, sends: f64) -> Run {
        let parameters = vec![("policy".to_owned(), json!(policy)), ("nodes".to_owned(), json!(9))];
        Run { parameters, seed, summary: json!({ "sends_per_change": sends }) }
    }

    #[test]
    fn runs_of_one_combination_make_one_cell_and_its_mean() {
        let runs = vec![run("flood", 2, 8.0), run("parent", 1, 3.0), run("flood", 1, 4.0), run("flood", 3, 9.0)];
        let cells = cells(runs);
        assert_eq!(cells.len(), 2);
        assert_eq!(cells[0].values(&SENDS), [(1, 4.0), (2, 8.0), (3, 9.0)]);
        let estimate = cells[0].estimate(&SENDS).unwrap();
        // Mean 7, s² = 7, error √(7/3) = 1.527525, t(2) = 4.3027.
        assert!((estimate.mean - 7.0).abs() < 1e-9 && (estimate.low() - 0.4275).abs() < 1e-3, "{estimate:?}");
        assert_eq!(cells[1].estimate(&SENDS).unwrap().interval, None);
    }

    #[test]
    fn labels_name_what_differs() {
        let cell = &cells(vec![run("flood", 1, 1.0)])[0];
        assert_eq!(cell.label(None), "policy=flood, nodes=9");
        assert_eq!(cell.label(Some("nodes")), "flood");
        assert_eq!(cell.label(Some("policy")), "nodes=9");
        assert_eq!(cell.parameter("nodes"), Some(&json!(9)));
        let dotted = |name: &str, value| (name.to_owned(), value);
        let parameters = vec![dotted("fault.1.lasts", json!("9d")), dotted("fault.2.lasts", json!("1h"))];
        let cell = Cell { parameters, runs: Vec::new() };
        assert_eq!(cell.label(None), "fault.1.lasts=9d, fault.2.lasts=1h");
        let cell = Cell { parameters: vec![dotted("fault.1.share", json!(0.0))], runs: Vec::new() };
        assert_eq!(cell.label(None), "share=0");
    }
}
