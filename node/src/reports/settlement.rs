//! What each merchant is owed for each month: its points at the rate agreed for their day (article L9).

use std::collections::BTreeMap;

use xiangyue_protocol::replica::Replica;
use xiangyue_protocol::schema::Points;
use xiangyue_protocol::{Date, Month, OrgCode};

use super::table::{Body, count, decimal_column, number_column, org_cells, text, text_column};
use crate::api::types::ReportCell;
use crate::i18n::Lang;
use crate::stats::walk::parts;

/// By what a redemption is settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Standing {
    /// By the rate of the agreement in force.
    Agreed,
    /// The agreement in force names no rate, or the merchant has none: by the usual rate.
    Usual,
    /// The merchant has agreements, and none in force on that day: a person decides.
    Outside,
}

impl Standing {
    fn told(self, lang: Lang) -> &'static str {
        match self {
            Standing::Agreed => lang.pick("按协议", "by agreement"),
            Standing::Usual => lang.pick("未约定金额", "no rate agreed"),
            Standing::Outside => lang.pick("协议期外", "outside the agreement"),
        }
    }
}

/// How a merchant's redemptions of a day are settled, and at how many fen a point.
fn rate(replica: &Replica, merchant: &OrgCode, on: Date, usual: i64) -> (Standing, i64) {
    match replica.views().provisions.agreement(merchant, on) {
        (_, Some(agreement)) => agreement.fen.map_or((Standing::Usual, usual), |fen| (Standing::Agreed, fen)),
        (true, None) => (Standing::Outside, 0),
        (false, None) => (Standing::Usual, usual),
    }
}

pub(super) fn settlement(replica: &Replica, month: Option<Month>, usual: i64, lang: Lang) -> Body {
    let mut sums: BTreeMap<(&OrgCode, Month, Standing, i64), (u64, Points)> = BTreeMap::new();
    for part in parts(replica, month) {
        for slip in part.redemptions() {
            let Some(merchant) = &slip.place else { continue };
            let (standing, fen) = rate(replica, merchant, slip.date, usual);
            let (times, points) = sums.entry((merchant, part.month, standing, fen)).or_default();
            *times += 1;
            *points += slip.points;
        }
    }
    let row = |((merchant, of, standing, fen), (times, points)): ((&OrgCode, Month, Standing, i64), (u64, Points))| {
        let [name, code] = org_cells(replica, merchant);
        let amount = |cell: ReportCell| if standing == Standing::Outside { ReportCell::Empty(()) } else { cell };
        vec![
            name,
            code,
            text(of.to_string()),
            text(standing.told(lang)),
            count(times),
            count(points.0),
            amount(count(fen)),
            amount(count(points.0.saturating_mul(fen))),
        ]
    };
    let columns = vec![
        text_column("merchant", "商户", "merchant"),
        text_column("code", "代码", "code"),
        text_column("month", "月份", "month"),
        text_column("standing", "结算依据", "settled"),
        number_column("redemptions", "兑换次数", "redemptions"),
        number_column("points", "兑换积分", "points redeemed"),
        decimal_column("rate_fen", "每分折合（元）", "yuan a point", 2),
        decimal_column("amount_fen", "结算金额（元）", "amount, yuan", 2),
    ];
    Body::new(columns, sums.into_iter().map(row).collect()).summed(&["redemptions", "points", "amount_fen"]).noted(
        "按兑换当日有效的商户协议结算；协议期外的兑换单列，不计金额；已冲正的兑换不计。",
        "By the agreement in force on the day of the redemption; redemptions outside of it stand apart and without \
             an amount; reversed ones do not count.",
    )
}
