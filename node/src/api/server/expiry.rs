//! `POST /expire`.

use axum::Json;
use axum::extract::State;
use xiangyue_protocol::replica::{Expiring, Mode, Replica};
use xiangyue_protocol::schema::{AccountId, Points};
use xiangyue_protocol::{Code, Command, Date, ExpireRequest as Wish, Level, Refusal};

use super::{Answer, Asked, Services};
use crate::api::types::{ExpireRequest, Expired, ExpiredRow};
use crate::border;

/// Accounts in one answer.
const LISTED: usize = 1000;

pub(super) async fn expire(
    State(services): State<Services>,
    Asked(Json(request)): Asked<Json<ExpireRequest>>,
) -> Answer<Expired> {
    let ExpireRequest { as_of, dry_run, by } = request;
    let by = border::masked(&by);
    let today = services.clock.now().china_date();
    if as_of > today {
        return Err(Refusal::new(Code::FutureDate, format_args!("{as_of} > {today}")).into());
    }
    let (earned_to, found) = services.engine.ask(move |replica| expiring(replica, as_of)).await??;
    let here: Vec<_> = found.iter().filter(|(_, expiring)| expiring.here > Points::ZERO).collect();
    let wish = |(account, _): &&(AccountId, Expiring)| {
        Command::Expire(Wish { account: account.clone(), as_of, by: by.clone() })
    };
    let commands: Vec<_> = here.iter().map(wish).collect();
    let (accounts, points) = (commands.len() as u64, here.iter().map(|(_, expiring)| expiring.here).sum());
    let mode = if dry_run { Mode::DryRun } else { Mode::AllOrNothing };
    let answers = services.engine.submit(commands, mode).await?;
    answers.into_iter().collect::<Result<Vec<_>, _>>()?;
    let row = |(account, expiring): &(AccountId, Expiring)| ExpiredRow {
        account: account.clone(),
        points: expiring.here,
        elsewhere: expiring.elsewhere,
    };
    Ok(Json(Expired {
        as_of,
        dry_run,
        earned_to,
        accounts,
        points,
        elsewhere: found.iter().map(|(_, expiring)| expiring.elsewhere).sum(),
        rows: found.iter().take(LISTED).map(row).collect(),
    }))
}

/// Accounts with what of them expires.
type Found = Vec<(AccountId, Expiring)>;

/// The accounts of which something expires, and the last day on which it was earned.
fn expiring(replica: &Replica, as_of: Date) -> Result<(Option<Date>, Found), Refusal> {
    if replica.org().level() == Level::Merchant {
        return Err(Refusal::new(Code::NotAllowed, "expire / 过期"));
    }
    let views = replica.views();
    let of = |account: &AccountId| Some((account.clone(), replica.expiring(account, as_of)?));
    Ok((views.provisions.expired_by(as_of), views.accounts.keys().filter_map(of).collect()))
}
