//! Charts of made-up runs: which are drawn, what stands in them, and that both formats come out.

use serde_json::{Value, json};
use xiangyue_sim::figures::cells::Run;
use xiangyue_sim::figures::spread::ranks;
use xiangyue_sim::observer::Sample;
use xiangyue_sim::plot::canvas::{png, svg};
use xiangyue_sim::plot::chart::{Chart, Scale};
use xiangyue_sim::plot::gallery::{Gallery, Measured, charts};

fn run(policy: &str, lasts: &str, seed: u64) -> Measured {
    let cost = if policy == "flood" { 40.0 } else { 8.0 } + if seed == 1 { -1.0 } else { 1.0 };
    let hours: u64 = lasts.trim_end_matches('h').parse().unwrap_or(0);
    let summary = json!({
        "converged": true, "nodes": 10, "max_rss_bytes": 5_000_000, "sends_per_change": cost,
        "bytes_per_change": 900.0 * cost, "ideal_bytes_per_change": 2000.0, "redundancy": 0.5,
        "refused_for_rights": 0.25, "delivered_within": { "60s": 0.9 }, "hops": { "mean": 1.5, "counts": [0, 5, 5] },
        "recoveries": [{ "lasted_ms": hours * 3_600_000, "took_ms": 4000 + hours * 1000 + seed * 10 }],
    });
    let parameters = vec![("policy.propagation".to_owned(), json!(policy)), ("fault.1.lasts".to_owned(), json!(lasts))];
    let times: Vec<Option<u64>> = ranks().into_iter().map(|rank| Some(u64::from(rank) * 10 + seed)).collect();
    let samples = (0..3).map(|n| Sample { at: n * 60_000_000, behind_p99: n * 5000, ..Sample::default() }).collect();
    Measured { run: Run { parameters, seed, summary }, convergence: times.clone(), delivery: times, samples }
}

fn grid() -> Vec<Measured> {
    let each = |policy| ["1h", "2h", "4h"].map(|lasts| [1, 2].map(|seed| run(policy, lasts, seed)));
    ["flood", "parent"].map(each).into_iter().flatten().flatten().collect()
}

fn chart<'a>(gallery: &'a Gallery, name: &str) -> &'a Chart {
    gallery.charts.iter().find(|chart| chart.name == name).unwrap_or_else(|| panic!("no {name}"))
}

#[test]
fn a_sweep_gives_every_chart_with_means_and_intervals() {
    let gallery = charts("made up", &grid(), None);
    let names: Vec<&str> = gallery.charts.iter().map(|chart| chart.name.as_str()).collect();
    let all = ["convergence-cdf", "staleness", "hops", "recovery", "bytes", "sends", "redundancy", "reliability"];
    assert_eq!(names, [&all[..], &["refused", "memory"]].concat());
    assert_eq!(gallery.left_out, []);

    let sends = chart(&gallery, "sends");
    assert_eq!(sends.x.label, "fault.1.lasts (h)");
    assert_eq!(sends.layers.iter().map(|layer| layer.name.as_str()).collect::<Vec<_>>(), ["flood", "parent"]);
    let point = sends.layers[0].points[1];
    assert_eq!((point.x, point.y), (2.0, 40.0));
    // Two runs at 39 and 41: error 1, t(1) = 12.7062; below zero nothing is drawn.
    assert!(point.y_range.is_some_and(|(low, high)| (low - 27.2938).abs() < 1e-3 && (high - 52.7062).abs() < 1e-3));

    let recovery = chart(&gallery, "recovery");
    assert_eq!(recovery.layers[1].points.iter().map(|point| point.x).collect::<Vec<_>>(), [1.0, 2.0, 4.0]);
    assert!((recovery.layers[1].points[2].y - 8.015).abs() < 1e-9, "{:?}", recovery.layers[1].points[2]);
    let bytes = chart(&gallery, "bytes");
    assert_eq!(bytes.y.label, "per change (kB)");
    assert_eq!(
        bytes.layers.last().map(|layer| (layer.name.as_str(), layer.points[0].y)),
        Some(("ideal: each reader once", 2.0))
    );
}

#[test]
fn another_parameter_can_be_put_on_the_horizontal_axis() {
    let gallery = charts("made up", &grid(), Some("policy.propagation"));
    let sends = chart(&gallery, "sends");
    assert_eq!(sends.x.scale, Scale::Names(vec!["flood".to_owned(), "parent".to_owned()]));
    assert_eq!(sends.layers.len(), 3);
}

#[test]
fn one_run_gives_what_it_can_and_says_what_it_cannot() {
    let mut alone = run("flood", "1h", 1);
    alone.run.parameters.clear();
    alone.run.summary["recoveries"] = Value::Null;
    let gallery = charts("alone", &[alone], None);
    let names: Vec<&str> = gallery.charts.iter().map(|chart| chart.name.as_str()).collect();
    assert_eq!(names, ["convergence-cdf", "staleness", "hops"]);
    assert!(gallery.left_out.iter().any(|(name, why)| name == "recovery" && why.contains("no partition")));
    assert!(gallery.left_out.iter().any(|(name, why)| name == "memory" && why.contains("nothing was varied")));
    assert!(gallery.charts[0].note.contains("one seed, so no interval"), "{}", gallery.charts[0].note);
}

#[test]
fn both_formats_come_out_and_repeat() {
    for chart in &charts("made up", &grid(), None).charts {
        let text = svg(chart).unwrap();
        assert!(text.starts_with("<svg width=\"500\" height=\"330\" viewBox=\"0 0 3000 1980\""), "{}", &text[..90]);
        assert!(text.contains(&chart.title) && text.trim_end().ends_with("</svg>"));
        assert_eq!(svg(chart).unwrap(), text);
    }
    let first = &charts("made up", &grid(), None).charts[0];
    let image = png(first).unwrap();
    let reader = ::png::Decoder::new(std::io::Cursor::new(&image)).read_info().unwrap();
    assert_eq!((reader.info().width, reader.info().height), (1500, 990));
}
