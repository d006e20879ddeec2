//! The demo's second act: three villages are cut off, both sides go on working, and everything meets again.

use serde::Serialize;
use serde::de::DeserializeOwned;
use xiangyue_protocol::schema::{AccountId, Points};
use xiangyue_protocol::{Code, DocId, Kind, Refusal};

use super::processes::{Node, refusal};
use super::progress::Bars;
use super::town::{Town, address_of, wait_for};
use crate::api::types::{
    Balance, Became, CommandsRequest, CommandsResponse, DocContent, GoldenRow, Mode, NewAward, NewGrant, NewRedemption,
    Stats, SyncState, WireCommand,
};

/// Villages that are cut off.
const CUT: usize = 3;
/// Points granted to the care station before the cut.
const GRANTED: Points = Points(30);
/// Points that the chosen account must have at its village before the cut.
const NEEDED: Points = Points(60);
/// A rule of the generated rule book that addresses villagers and has no daily cap.
const RULE: &str = "clean-up";
/// An item without a fixed price, which the township adds for this act.
const ITEM: &str = "demo-gift";

fn post<T: DeserializeOwned>(node: &Node, path: &str, body: &impl Serialize) -> Result<T, Refusal> {
    node.client()?.post(path, body).map_err(|failure| refusal(&failure))
}

fn get<T: DeserializeOwned>(node: &Node, path: &str, query: &[(&str, String)]) -> Result<T, Refusal> {
    node.client()?.get(path, query).map_err(|failure| refusal(&failure))
}

fn balance(node: &Node, account: &AccountId) -> Result<Balance, Refusal> {
    get(node, &format!("/balance/{account}"), &[])
}

/// Carries out one command and returns what became of it, with the code of a refusal.
fn command(node: &Node, command: WireCommand) -> Result<(Became, Option<String>), Refusal> {
    let request = CommandsRequest { mode: Mode::AllOrNothing, commands: vec![command] };
    let response: CommandsResponse = post(node, "/commands", &request)?;
    let result = response.results.into_iter().next().ok_or_else(|| Refusal::new(Code::NotReady, "no answer"))?;
    Ok((result.became, result.refusal.map(|refusal| refusal.code)))
}

fn redemption(request: &str, account: &AccountId, points: Points) -> Result<WireCommand, Refusal> {
    Ok(WireCommand::Redeem(NewRedemption {
        request: request.parse()?,
        account: account.clone(),
        item: ITEM.parse()?,
        points: Some(points),
        lines: Vec::new(),
        date: None,
        merchant: None,
        by: "demo".into(),
    }))
}

fn award(request: &str, account: &AccountId) -> Result<WireCommand, Refusal> {
    Ok(WireCommand::Award(NewAward {
        request: request.parse()?,
        account: account.clone(),
        rule: RULE.parse()?,
        points: Points(1),
        date: None,
        by: "demo".into(),
        memo: "".into(),
    }))
}

fn fact(id: &str, zh: &str, en: &str, expected: impl ToString, computed: impl ToString) -> GoldenRow {
    let (expected, computed) = (expected.to_string(), computed.to_string());
    let ok = expected == computed;
    GoldenRow::new(id, (zh, en), expected, computed, ok)
}

/// A villager's account at a node with at least this many points.
fn account_with(node: &Node, least: Points) -> Result<AccountId, Refusal> {
    let query = [("what", "balances".to_owned()), ("format", "json".to_owned())];
    let rows: Vec<serde_json::Map<String, serde_json::Value>> = get(node, "/export", &query)?;
    for row in &rows {
        let available = row.get("available").and_then(serde_json::Value::as_i64);
        if available.is_some_and(|points| points >= least.0) {
            let account = row.get("account").and_then(serde_json::Value::as_str).unwrap_or_default();
            let account: AccountId = account.parse()?;
            if balance(node, &account)?.cohort == Some(xiangyue_protocol::schema::Cohort::Villager) {
                return Ok(account);
            }
        }
    }
    Err(Refusal::new(Code::UnknownAccount, "none with enough points"))
}

fn cut_off(node: &Node, state: &SyncState) -> Result<(), Refusal> {
    let _: SyncState = post(node, "/sync", state)?;
    Ok(())
}

/// Runs the act and tells what was seen. `before` are the township's figures before the cut.
pub(super) fn play(town: &Town, before: &Stats, bars: &Bars) -> Result<Vec<GoldenRow>, Refusal> {
    let bar = bars.begin("断网：三个村与镇失联", "three villages cut off", 6);
    let [home, islander, quiet] = &town.villages[..CUT] else { return Err(Refusal::new(Code::NotReady, "villages")) };
    let neighbour = &town.villages[CUT];
    let account = account_with(home, NEEDED)?;
    add_item(town)?;
    let grant = NewGrant {
        request: "DEMO-GRANT".parse()?,
        account: account.clone(),
        points: GRANTED,
        to: town.station.org.as_str().into(),
        date: None,
        by: "demo".into(),
    };
    let mut facts = Vec::new();
    let granted = command(home, WireCommand::Grant(grant))?;
    facts.push(fact(
        "grant",
        "村授予驿站额度",
        "village grants rights to the station",
        "New",
        format!("{:?}", granted.0),
    ));
    wait_for("the item everywhere", || Ok(town.equal_nodes()? == town.nodes().count() as u64 - 1))?;
    wait_for(
        "the grant at the station",
        || Ok(balance(&town.station, &account).is_ok_and(|b| b.held_here == GRANTED)),
    )?;
    bar.inc(1);
    let paused = SyncState { paused: true, only: Vec::new() };
    for node in [home, islander, quiet] {
        cut_off(node, &paused)?;
    }
    bar.inc(1);
    let (seen, spent) = both_sides_work(town, home, &account)?;
    facts.extend(seen);
    bar.inc(1);
    facts.push(rule_through_a_neighbour(town, islander, neighbour)?);
    bar.inc(1);
    for node in [home, islander, quiet] {
        cut_off(node, &SyncState::default())?;
    }
    bar.inc(1);
    let healed = town.converge(bars, "恢复连通，等待一致", "healed, waiting for equal heads")?;
    facts.push(fact(
        "healed",
        "恢复后文档头一致的节点数",
        "nodes with equal heads after healing",
        town.villages.len() + 1,
        town.equal_nodes()?,
    ));
    tracing::info!(millis = healed.as_millis(), "healed");
    facts.extend(nothing_lost(town, before, spent, &account)?);
    bar.inc(1);
    bar.finish();
    Ok(facts)
}

fn add_item(town: &Town) -> Result<(), Refusal> {
    let effective_from = super::processes::status(&town.township.client()?)?.now.china_date();
    let item = xiangyue_protocol::schema::Item { code: ITEM.parse()?, price: Points::ZERO, effective_from };
    command(&town.township, WireCommand::Item(item)).map(drop)
}

/// Awards everywhere, and the same account redeemed at its cut-off village and at the care station.
fn both_sides_work(town: &Town, home: &Node, account: &AccountId) -> Result<(Vec<GoldenRow>, Points), Refusal> {
    for (at, node) in town.villages.iter().enumerate() {
        let account = account_with(node, Points(1))?;
        let (became, code) = command(node, award(&format!("DEMO-AWARD-{at}"), &account)?)?;
        if became != Became::New {
            return Err(Refusal::new(Code::BadValue, format_args!("award at {}: {code:?}", node.org)));
        }
    }
    let held = balance(home, account)?.held_here;
    let at_home = command(home, redemption("DEMO-HOME", account, held)?)?;
    let again_at_home = command(home, redemption("DEMO-HOME-2", account, Points(1))?)?;
    let at_station = command(&town.station, redemption("DEMO-STATION", account, GRANTED)?)?;
    let again_at_station = command(&town.station, redemption("DEMO-STATION-2", account, Points(1))?)?;
    let insufficient = Some(Code::InsufficientRights.as_str().to_owned());
    let said = |(became, code): &(Became, Option<String>)| {
        format!("{became:?} {}", code.as_deref().unwrap_or_default()).trim().to_owned()
    };
    let refused = said(&(Became::Refused, insufficient));
    let facts = vec![
        fact("village", "失联村兑换自己持有的全部额度", "cut-off village redeems all it holds", "New", said(&at_home)),
        fact("village+1", "失联村再兑换 1 分", "one more point there", &refused, said(&again_at_home)),
        fact("station", "驿站同时兑换被授予的额度", "station redeems what it was granted", "New", said(&at_station)),
        fact("station+1", "驿站再兑换 1 分", "one more point there", &refused, said(&again_at_station)),
    ];
    Ok((facts, held + GRANTED))
}

/// A change of the rule book reaches a village that can reach only its neighbour.
fn rule_through_a_neighbour(town: &Town, islander: &Node, neighbour: &Node) -> Result<GoldenRow, Refusal> {
    let today = super::processes::status(&town.township.client()?)?.now.china_date();
    let rule = xiangyue_protocol::schema::Rule {
        code: "DEMO-NEW".parse()?,
        cohort: xiangyue_protocol::schema::Cohort::Villager,
        points: Points(7),
        daily_cap: None,
        approve_above: None,
        effective_from: today,
    };
    let written = command(&town.township, WireCommand::Rule(rule.clone()))?;
    if written.0 != Became::New {
        return Err(Refusal::new(Code::BadValue, format_args!("rule: {:?}", written.1)));
    }
    let id = DocId::of_month(&town.township.org, Kind::Rules, xiangyue_protocol::Month::of(today));
    let heads = |node: &Node| -> Result<Vec<String>, Refusal> {
        let content: Result<DocContent, Refusal> =
            get(node, "/docs/show", &[("id", id.to_string()), ("limit", "1".to_owned())]);
        Ok(content.map(|content| content.doc.heads).unwrap_or_default())
    };
    let expected = heads(&town.township)?;
    let only = SyncState { paused: false, only: vec![address_of(neighbour)?] };
    cut_off(islander, &only)?;
    wait_for("the rule at the cut-off village", || Ok(heads(islander)? == expected))?;
    let peers = super::processes::status(&islander.client()?)?.peers;
    let connected: Vec<_> = peers.into_iter().filter(|peer| peer.connected).map(|peer| peer.org).collect();
    let only_neighbour = connected == [neighbour.org.clone()];
    Ok(fact(
        "rule",
        "规则变更经邻村到达失联村",
        "rule change reaches a cut-off village through its neighbour",
        "arrived through the neighbour alone",
        if only_neighbour {
            "arrived through the neighbour alone".to_owned()
        } else {
            format!("connected to {connected:?}")
        },
    ))
}

/// Every acknowledged entry counts at the township, and no account is below zero.
fn nothing_lost(town: &Town, before: &Stats, spent: Points, account: &AccountId) -> Result<Vec<GoldenRow>, Refusal> {
    let after = town.stats()?;
    let awards = i64::try_from(town.villages.len()).unwrap_or(i64::MAX);
    let there = balance(&town.township, account)?;
    let own = town.villages.first().map(|home| balance(home, account)).transpose()?;
    Ok(vec![
        fact(
            "awards",
            "断网期间的奖励全部计入",
            "awards made meanwhile all count",
            before.gross + Points(awards),
            after.gross,
        ),
        fact("negative", "余额为负的账户", "accounts below zero", 0, after.accounts_negative),
        fact(
            "same",
            "镇与村看到的该账户余额一致",
            "township and village see the same balance",
            own.map(|own| own.available.to_string()).unwrap_or_default(),
            there.available,
        ),
        fact(
            "redeemed",
            "两处兑换都在且只计一次",
            "both redemptions are there, once",
            before.redeemed + spent,
            after.redeemed,
        ),
    ])
}
