//! `POST /close`.

use axum::Json;
use axum::extract::State;
use xiangyue_protocol::replica::Mode;
use xiangyue_protocol::{Code, Command, Level, Refusal};

use super::status::freshness;
use super::{Answer, Asked, Services};
use crate::api::types::{CloseRequest, Closed};
use crate::border;
use crate::registers::closing::{self, Closing};
use crate::stats;

pub(super) async fn close(
    State(services): State<Services>,
    Asked(Json(request)): Asked<Json<CloseRequest>>,
) -> Answer<Closed> {
    let now = services.clock.now();
    let freshness = freshness(&services).await?;
    let (level, horizon, villages) = services
        .engine
        .ask(move |replica| {
            let orgs = replica.views().directory.orgs();
            let villages = orgs.filter(|org| org.code.level() == Level::Village).count();
            (replica.org().level(), stats::horizon(replica, now, &freshness), villages)
        })
        .await?;
    if level != Level::Township {
        return Err(Refusal::new(Code::NotAllowed, "close / 月结").into());
    }
    let counts = services.registers.counts(&services.engine).await?;
    let closing = Closing {
        month: request.month,
        today: now.china_date(),
        villages,
        missing: horizon.missing.iter().map(|village| village.org.as_str().into()).collect(),
        by: request.by,
        why: border::masked(&request.why),
    };
    let commands = match request.reopen {
        false => closing::close(&counts, &closing)?,
        true => closing::reopen(&counts, &closing)?,
    };
    let of_form = |name: &str| {
        let named = |command: &&Command| matches!(command, Command::Put(put) if put.row.form().name == name);
        commands.iter().filter(named).count() as u64
    };
    let (figures, adjustments) = (of_form("figure"), of_form("adjustment"));
    let answers = services.engine.submit(commands, Mode::AllOrNothing).await?;
    answers.into_iter().collect::<Result<Vec<_>, _>>()?;
    Ok(Json(Closed {
        month: request.month,
        reopened: request.reopen,
        figures,
        adjustments,
        villages: villages as u64,
        missing: horizon.missing,
    }))
}
