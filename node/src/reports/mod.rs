//! Reports: tidy tables of the figures, each for one purpose, made from the same sums as `stats`.
//!
//! The API makes one with the replica in hand and writes it in a format that people hand on; nothing is stored. A
//! report says what it is of, as of when it is known and who is missing, in every format.

mod agents;
mod bank;
mod boards;
mod checks;
mod figures;
mod merchants;
mod months;
mod officers;
mod settlement;
mod table;
mod write;

use xiangyue_protocol::replica::Replica;
use xiangyue_protocol::{Date, Millis, Refusal};

use self::table::Body;
use crate::api::types::{Report, ReportName, ReportQuery};
use crate::registers::Counts;
use crate::stats::{self, Freshness};

pub use write::write;

/// Makes a report.
///
/// # Errors
/// [`Code::BadNumber`](xiangyue_protocol::Code::BadNumber) for a threshold or rate below zero.
pub fn make(
    replica: &Replica,
    counts: &Counts,
    query: &ReportQuery,
    now: Millis,
    freshness: &[Freshness],
) -> Result<Report, Refusal> {
    let today: Date = now.china_date();
    let month = query.month;
    let Body { columns, rows, total, notes } = match query.name {
        ReportName::Villages => bank::villages(replica, month),
        ReportName::Segments => bank::segments(replica, month, query.lang),
        ReportName::Months => months::months(replica, month),
        ReportName::Exemplars => {
            let set = || replica.views().provisions.setting("exemplar_points", today);
            let threshold = table::at_least_zero(query.threshold.unwrap_or_else(set))?;
            bank::exemplars(replica, month, threshold, query.lang)
        }
        ReportName::Merchants => merchants::by_village(replica, month),
        ReportName::Ranking => merchants::ranking(replica, month),
        ReportName::Settlement => {
            settlement::settlement(replica, month, table::at_least_zero(query.fen_per_point)?, query.lang)
        }
        ReportName::Officers => officers::officers(replica, counts, query.at.unwrap_or(today)),
        ReportName::Checks => checks::checks(replica, month, today, query.lang),
        ReportName::Completeness => months::completeness(replica, month, today),
        ReportName::Agents => agents::agents(replica, counts, month),
        ReportName::Boards => boards::boards(replica, counts, month, today, query.lang),
        name => figures::make(name, &frame(replica, query, today), counts).unwrap_or_default(),
    };
    let org = replica.org().clone();
    let org_name = replica.views().directory.name(&org).to_string();
    let horizon = stats::horizon(replica, now, freshness);
    Ok(Report { name: query.name, org, org_name, month, horizon, columns, rows, total, notes })
}

/// Whether a report is made from rows of forms, which have to be counted first.
pub fn needs_counts(name: ReportName) -> bool {
    matches!(name, ReportName::Agents | ReportName::Boards | ReportName::Officers) || figures::has(name)
}

fn frame(replica: &Replica, query: &ReportQuery, today: Date) -> figures::Frame {
    let own = replica.org();
    let orgs = table::villages(replica).into_iter().chain([own.clone()]);
    let orgs = orgs.map(|org| (org.clone(), replica.views().directory.name(&org))).collect();
    figures::Frame { orgs, today, month: query.month, lang: query.lang, provisions: replica.views().provisions.clone() }
}
