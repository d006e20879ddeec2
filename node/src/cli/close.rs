//! `close`: a month's figures are frozen, or a closed month is opened again.

use clap::Args;
use smol_str::SmolStr;
use xiangyue_protocol::Month;

use super::output::{Show, exit};
use super::{Outcome, Session};
use crate::api::types::{CloseRequest, Closed};
use crate::i18n::{Lang, thousands};

/// `close`.
#[derive(Debug, Args)]
pub(crate) struct Close {
    /// The month, as 2026-10; it must be over
    month: Month,
    /// Open a closed month again
    #[arg(long)]
    reopen: bool,
    /// Code of the clerk; XIANGYUE_BY when left out
    #[arg(long)]
    by: Option<SmolStr>,
    /// Why, for people
    #[arg(long, default_value = "")]
    why: SmolStr,
}

pub(super) fn close(session: &Session, args: Close) -> Outcome {
    let by = args.by.unwrap_or_else(|| session.by.as_str().into());
    let request = CloseRequest { month: args.month, reopen: args.reopen, by, why: args.why };
    let closed: Closed = session.client()?.post("/close", &request)?;
    session.output.answer(&closed).map(|()| exit::OK)
}

impl Show for Closed {
    fn show(&self, lang: Lang) -> String {
        let month = self.month;
        if self.reopened {
            return lang.pick(format!("{month} 已重开\n"), format!("{month} is open again\n"));
        }
        let (figures, adjustments) = (count(self.figures), count(self.adjustments));
        let mut text = lang.pick(
            format!("{month} 已结账：公布 {figures} 个数，以前月份调整 {adjustments} 个\n"),
            format!("{month} is closed: {figures} figures published, {adjustments} adjustments of earlier months\n"),
        );
        if !self.missing.is_empty() {
            let names: Vec<&str> = self.missing.iter().map(|village| village.name.as_str()).collect();
            text.push_str(&lang.pick(
                format!("未报齐：{}；迟报的数计入下一次结账的调整\n", names.join("、")),
                format!("behind: {}; what comes late is adjusted with the next closing\n", names.join(", ")),
            ));
        }
        text
    }
}

fn count(many: u64) -> String {
    thousands(i64::try_from(many).unwrap_or(i64::MAX))
}
