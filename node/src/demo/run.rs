//! The demo from beginning to end.

use std::time::Instant;

use xiangyue_protocol::Refusal;
use xiangyue_protocol::schema::Points;

use super::article;
use super::data::{self, DemoFiles};
use super::partition;
use super::progress::Bars;
use super::stop::{self, Scratch};
use super::town::Town;
use crate::api::types::{DemoReport, GoldenRow, ScaleReport, Stats};
use crate::config::Config;
use crate::run::DemoOptions;

/// The village that the article names first (L10), and the code of the hair dye in the generated rule book (L11).
const FIRST: &str = "谢楼村";
const HAIR_DYE: &str = "dye-family";

/// Runs the demo, calls `report` once when the figures are there, and returns when it is over.
///
/// # Errors
/// What kept a part of the demo from running. A figure that is not as it should be is in the report instead.
pub fn demo(_config: &Config, options: &DemoOptions, report: &mut dyn FnMut(&DemoReport)) -> Result<(), Refusal> {
    stop::listen()?;
    let began = Instant::now();
    let bars = Bars::new(options.lang);
    let scratch = Scratch::new(&options.folder)?;
    let folder = scratch.path();
    let bar = bars.begin("生成潞城镇演示数据（XLSX、CSV）", "Lucheng's records as XLSX and CSV", 1);
    let files = data::generate(options.seed, &folder.join("files"))?;
    bar.inc(1);
    bar.finish();
    let town = Town::found(folder, &files, &bars)?;
    town.import(&files, &bars)?;
    town.converge(&bars, "同步到镇", "sync to the township")?;
    let stats = town.stats()?;
    let mut golden = golden_rows(&stats, &files);
    let facts = partition::play(&town, &stats, &bars)?;
    if options.article {
        golden.extend(article::golden(&town, &files, options.seed, &folder.join("article"), &bars)?);
    }
    let after = town.stats()?;
    let converged = town.equal_nodes()? == town.nodes().count() as u64 - 1;
    let ok = converged && golden.iter().chain(&facts).all(|row| row.ok);
    let seconds = began.elapsed().as_secs_f64();
    report(&DemoReport {
        depositors: after.depositors,
        points_gross: after.gross,
        points_redeemed: after.redeemed,
        accounts_negative: after.accounts_negative,
        converged,
        seconds,
        ok,
        villages: after.villages,
        golden,
        facts,
        // With `exit` it would be gone before anybody could open it.
        console: if options.exit { String::new() } else { town.console()? },
    });
    if !options.exit {
        stop::wait();
    }
    Ok(())
}

/// Measures this machine with counties of so many villages, one after the other.
///
/// # Errors
/// What kept one from being measured.
pub fn scale(options: &DemoOptions, villages: &[usize]) -> Result<ScaleReport, Refusal> {
    stop::listen()?;
    let bars = Bars::new(options.lang);
    let measure = |villages: &usize| {
        let scratch = Scratch::new(&options.folder)?;
        article::measure(*villages, options.seed, scratch.path(), &bars)
    };
    Ok(ScaleReport { scale: villages.iter().map(measure).collect::<Result<_, Refusal>>()? })
}

/// The value of one of the further figures.
fn figure(stats: &Stats, id: &str) -> String {
    stats.rows.iter().find(|row| row.id == id).map(|row| row.value.clone()).unwrap_or_default()
}

fn equal(id: &str, zh: &str, en: &str, expected: impl ToString, computed: impl ToString) -> GoldenRow {
    let (expected, computed) = (expected.to_string(), computed.to_string());
    let ok = expected == computed;
    GoldenRow::new(id, (zh, en), expected, computed, ok)
}

fn above(id: &str, zh: &str, en: &str, (sign, least): (&str, i64), computed: i64) -> GoldenRow {
    let ok = if sign == ">" { computed > least } else { computed >= least };
    GoldenRow::new(id, (zh, en), format!("{sign} {least}"), computed.to_string(), ok)
}

/// What the article reports of Lucheng, beside what the township's statistics say.
fn golden_rows(stats: &Stats, files: &DemoFiles) -> Vec<GoldenRow> {
    let first = stats.villages.iter().max_by_key(|village| village.merchant_points);
    let (name, points) = first.map_or(("", Points::ZERO), |village| (village.name.as_str(), village.merchant_points));
    vec![
        equal("L2", "储值户", "depositors", 18_717, stats.depositors),
        above("L3", "累计积分", "cumulative points", (">", 1_000_000), stats.gross.0),
        equal("L6", "打卡最多的未成年人：积分", "minor with most check-ins: points", 276, figure(stats, "L6.points")),
        equal("L6", "同一账户：打卡天数", "same account: check-in days", 156, figure(stats, "L6.days")),
        equal("L6", "同一账户", "same account", &files.child, figure(stats, "L6.account")),
        equal("L10", "驿站兑换积分最多的村", "first village at the care station", FIRST, name),
        above("L10", "该村兑换积分", "its points", (">=", 3_000), points.0),
        equal("L10", "驿站兑换次数最多的村", "first village by count", FIRST, figure(stats, "L10.first_by_count")),
        equal(
            "L11",
            "两人染发一次兑换",
            "hair dye for two, one redemption",
            196,
            figure(stats, &format!("L11.largest.{}", HAIR_DYE)),
        ),
    ]
}
