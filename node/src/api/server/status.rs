//! What the node is and whom it talks to; tokens, revocation, and pausing the sync.

use std::collections::{BTreeMap, BTreeSet};

use axum::Json;
use axum::extract::State;
use xiangyue_protocol::policy::Propagation;
use xiangyue_protocol::replica::{GrantStatus, Mode, Replica, SessionStatus};
use xiangyue_protocol::schema::{AccountId, NodeEntry, Org, Revocation};
use xiangyue_protocol::views::Views;
use xiangyue_protocol::{Code, Command, Level, Millis, NodeId, OrgCode, Outcome, Refusal};

use super::{Answer, Asked, Services};
use crate::api::types::{
    Disk, GrantsStatus, Hold, PeerStatus, ReadmitRequest, Readmitted, RevokeRequest, Revoked, SharedAccount, SharedAt,
    Status, SyncState, Token, TokenRequest, VillageStatus,
};
use crate::border;
use crate::net::SyncPolicy;
use crate::pki::{self, TokenSecret};
use crate::stats::Freshness;
use crate::storage;

const DAY_MILLIS: u64 = 86_400_000;
/// Longest life of a token, in seconds: a month.
const TOKEN_SECONDS: u64 = 30 * 86_400;
/// Shared account numbers in one answer.
const SHARED: usize = 100;

/// What the replica knows that the status shows.
struct Seen {
    node: NodeId,
    org: OrgCode,
    incarnation: u32,
    frozen: bool,
    hold: Option<Hold>,
    /// How many nodes of each organisation were revoked.
    revoked: BTreeMap<OrgCode, u64>,
    /// Nodes that are kept out for running twice.
    twins: BTreeSet<NodeId>,
    documents: u64,
    quarantined: u64,
    propagation: Propagation,
    grants: GrantsStatus,
    sessions: BTreeMap<NodeId, SessionStatus>,
    /// Organisations of the directory: code, name, nodes that are enrolled and not revoked.
    orgs: Vec<(OrgCode, String, Vec<NodeId>)>,
    shared_total: u64,
    shared: Vec<SharedAccount>,
}

fn see(replica: &Replica) -> Seen {
    let directory = &replica.views().directory;
    let stands = |node: &&NodeEntry| directory.revocation(node.node).is_none();
    let nodes_of = |org: &OrgCode| {
        directory.nodes().filter(stands).filter(|node| node.org == *org).map(|node| node.node).collect()
    };
    let mut revoked = BTreeMap::new();
    for node in directory.nodes().filter(|node| !stands(node)) {
        *revoked.entry(node.org.clone()).or_insert(0) += 1;
    }
    Seen {
        node: replica.node(),
        org: replica.org().clone(),
        incarnation: replica.actor().incarnation,
        frozen: replica.hold().is_some(),
        hold: replica.hold().map(Hold::of),
        revoked,
        twins: replica.twins().collect(),
        documents: replica.docs().len() as u64,
        quarantined: replica.quarantine().len() as u64,
        propagation: replica.policy().propagation,
        grants: grants(replica),
        sessions: replica.sessions().map(|(_, session)| (session.node, session)).collect(),
        orgs: directory.orgs().map(|org| (org.code.clone(), org.name.to_string(), nodes_of(&org.code))).collect(),
        shared_total: replica.views().shared.len() as u64,
        shared: replica.views().shared.keys().take(SHARED).map(|account| shared(replica.views(), account)).collect(),
    }
}

fn grants(replica: &Replica) -> GrantsStatus {
    let GrantStatus { granted, open } = replica.grant_status();
    GrantsStatus { policy: replica.policy().grants.policy, granted, open_asks: open }
}

fn shared(views: &Views, account: &AccountId) -> SharedAccount {
    let row = |org: &OrgCode| SharedAt {
        org: org.clone(),
        name: views.directory.name(org).to_string(),
        points: views.held_by(org, account),
    };
    let villages = views.shared.get(account).into_iter().flat_map(|rows| rows.keys()).map(row);
    SharedAccount { account: account.clone(), villages: villages.collect() }
}

impl Seen {
    fn name(&self, org: &OrgCode) -> String {
        let listed = self.orgs.iter().find(|(code, _, _)| code == org);
        listed.map_or_else(|| org.to_string(), |(_, name, _)| name.clone())
    }
}

pub(super) async fn status(State(services): State<Services>) -> Answer<Status> {
    Ok(Json(gather(&services).await?))
}

/// The whole status.
pub(super) async fn gather(services: &Services) -> Result<Status, Refusal> {
    let seen = services.engine.ask(see).await?;
    let now = services.clock.now();
    let (segments, in_segments) = services.engine.segments().totals();
    let journal_bytes = services.engine.journal_bytes().unwrap_or(in_segments);
    let (free, total) = storage::disk_space(&services.config.data);
    let days = |millis: u64| i64::try_from(millis / DAY_MILLIS).unwrap_or(i64::MAX);
    let ends = services.certificate_ends.0;
    Ok(Status {
        node: seen.node.to_string(),
        name: seen.name(&seen.org),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        incarnation: seen.incarnation,
        since: services.started,
        now,
        listen: services.net.address()?.to_string(),
        read_only: services.engine.problem().read_only.is_some(),
        frozen: seen.frozen,
        hold: seen.hold,
        clock_off_ms: services.clock.machine_skew(),
        certificate_days: if ends >= now.0 { days(ends - now.0) } else { -days(now.0 - ends) - 1 },
        disk: Disk { free, total, reserve: u64::from(services.config.limits.free_disk_mib) << 20 },
        documents: seen.documents,
        segments,
        journal_bytes,
        quarantined: seen.quarantined,
        propagation: seen.propagation,
        grants: seen.grants,
        peers: peer_rows(services, &seen, now),
        villages: village_rows(services, &seen, now),
        shared_accounts_total: seen.shared_total,
        shared_accounts: seen.shared,
        org: seen.org,
    })
}

fn peer_rows(services: &Services, seen: &Seen, now: Millis) -> Vec<PeerStatus> {
    let row = |(node, info): (NodeId, crate::net::PeerInfo)| {
        let session = seen.sessions.get(&node);
        PeerStatus {
            node: node.to_string(),
            name: seen.name(&info.org),
            connected: info.is_there(now),
            org: info.org,
            last_heard_ms: Some(info.last_heard),
            rtt_us: info.connection.map(|(_, _, c)| u64::try_from(c.rtt().as_micros()).unwrap_or(u64::MAX)),
            changes_behind: session.map(|session| session.behind),
            bytes_sent: info.traffic.bytes_sent(),
            bytes_received: info.traffic.bytes_received(),
        }
    };
    services.net.peers().into_iter().map(row).collect()
}

fn village_rows(services: &Services, seen: &Seen, now: Millis) -> Vec<VillageStatus> {
    if seen.org.level() != Level::Township {
        return Vec::new();
    }
    let peers: BTreeMap<NodeId, _> = services.net.peers().into_iter().collect();
    let under = seen.orgs.iter().filter(|(code, _, _)| matches!(code.level(), Level::Village | Level::Merchant));
    under
        .map(|(org, name, nodes)| {
            let session = |node: &NodeId| seen.sessions.get(node);
            let heard = |node: &NodeId| peers.get(node).map(|info| info.last_heard);
            let last = |node: &NodeId| session(node).or_else(|| peers.get(node)?.last.as_ref());
            let met: Vec<&NodeId> = nodes.iter().filter(|node| heard(node).is_some()).collect();
            VillageStatus {
                org: org.clone(),
                name: name.clone(),
                last_heard_ms: nodes.iter().filter_map(heard).max(),
                connected: nodes.iter().any(|node| peers.get(node).is_some_and(|info| info.is_there(now))),
                skew_ms: nodes.iter().filter_map(session).map(|s| s.skew_ms).max_by_key(|skew| skew.abs()).unwrap_or(0),
                changes_behind: nodes.iter().filter_map(last).map(|s| s.behind).sum(),
                caught_up: !met.is_empty() && met.into_iter().all(|node| last(node).is_some_and(|s| s.caught_up)),
                enrolled: !nodes.is_empty(),
                revoked: seen.revoked.get(org).copied().unwrap_or(0),
                twins: nodes.iter().filter(|node| seen.twins.contains(*node)).map(NodeId::to_string).collect(),
            }
        })
        .collect()
}

/// How current this node's knowledge of each village and merchant is; at a village, of nobody else.
pub(super) async fn freshness(services: &Services) -> Result<Vec<Freshness>, Refusal> {
    let seen = services.engine.ask(see).await?;
    let current = |org: &OrgCode| seen.sessions.values().any(|session| session.org == *org && session.caught_up);
    let rows = village_rows(services, &seen, services.clock.now()).into_iter().map(|row| Freshness {
        // A line that has fallen silent may be dead, and the village may have written since.
        current: row.connected && current(&row.org),
        org: row.org,
        last_heard: row.last_heard_ms,
        behind: row.changes_behind,
    });
    Ok(rows.collect())
}

pub(super) async fn issue_token(
    State(services): State<Services>,
    Asked(Json(request)): Asked<Json<TokenRequest>>,
) -> Answer<Token> {
    let not_township = || Refusal::new(Code::NotAllowed, "tokens are issued by the township");
    let registrar = services.registrar.clone().ok_or_else(not_township)?;
    let township = registrar.issuer.domain().township().clone();
    if !request.org.is_within(&township) || !matches!(request.org.level(), Level::Village | Level::Merchant) {
        return Err(Refusal::new(Code::NotOfTownship, format_args!("{} / {township}", request.org)).into());
    }
    if request.name.trim().is_empty() {
        return Err(Refusal::new(Code::MissingValue, "name").into());
    }
    name_org(&services, &request.org, &border::masked(request.name.trim()), request.rename).await?;
    let now = services.clock.now();
    let life = request.valid_seconds.clamp(60, TOKEN_SECONDS) * 1000;
    let token = pki::Token::issue(
        TokenSecret::generate()?,
        request.org.clone(),
        now,
        Millis(now.0 + life),
        registrar.issuer.pin()?,
        registrar.addresses.clone(),
    )?;
    registrar.with_book(|book| book.issue(&token))?;
    Ok(Json(Token {
        token: token.reveal()?.to_string(),
        org: request.org,
        name: request.name,
        expires: token.expires,
        address: registrar.addresses.first().map(ToString::to_string).unwrap_or_default(),
    }))
}

/// Enters the organisation under its name. One that bears another is renamed, by a new version, only on request: tables
/// and commands that use the old name would no longer be understood.
async fn name_org(services: &Services, org: &OrgCode, name: &str, rename: bool) -> Result<(), Refusal> {
    let code = org.clone();
    let known = services.engine.ask(move |replica| replica.views().directory.org(&code).cloned()).await?;
    if known.as_ref().is_some_and(|known| known.name == name) {
        return Ok(());
    }
    if let Some(known) = known.as_ref().filter(|_| !rename) {
        return Err(Refusal::new(Code::OrgNamed, format_args!("{org} {}", known.name)));
    }
    let version = known.map_or(1, |known| known.version + 1);
    let command = Command::Org(Org { code: org.clone(), name: name.into(), version });
    submit_one(services, command).await.map(drop)
}

async fn submit_one(services: &Services, command: Command) -> Result<Outcome, Refusal> {
    let answers = services.engine.submit(vec![command], Mode::AllOrNothing).await?;
    answers.into_iter().next().unwrap_or(Ok(Outcome::Already))
}

pub(super) async fn revoke(
    State(services): State<Services>,
    Asked(Json(request)): Asked<Json<RevokeRequest>>,
) -> Answer<Revoked> {
    let node: NodeId = request.node.parse()?;
    let now = services.clock.now();
    let revocation = Revocation { node, at: now.seconds(), reason: border::masked(&request.reason) };
    let already = submit_one(&services, Command::Revoke(revocation)).await? == Outcome::Already;
    let known = move |replica: &Replica| {
        let directory = &replica.views().directory;
        let at = directory.revocation(node).and_then(|revocation| u64::try_from(revocation.at).ok());
        directory.node(node).map(|entry| (entry.org.clone(), at.map_or(now, |seconds| Millis(seconds * 1000))))
    };
    let (org, at) = services.engine.ask(known).await?.ok_or_else(|| Refusal::new(Code::UnknownNode, node))?;
    Ok(Json(Revoked { node: node.to_string(), org, at, already }))
}

pub(super) async fn readmit(
    State(services): State<Services>,
    Asked(Json(request)): Asked<Json<ReadmitRequest>>,
) -> Answer<Readmitted> {
    let node: NodeId = request.node.parse()?;
    services.engine.readmit(node).await?;
    Ok(Json(Readmitted { node: node.to_string() }))
}

pub(super) async fn sync_policy(State(services): State<Services>) -> Json<SyncState> {
    Json(state_of(&services.net.policy()))
}

fn state_of(policy: &SyncPolicy) -> SyncState {
    match policy {
        SyncPolicy::All => SyncState { paused: false, only: Vec::new() },
        SyncPolicy::Paused => SyncState { paused: true, only: Vec::new() },
        SyncPolicy::Only(addresses) => {
            SyncState { paused: false, only: addresses.iter().map(ToString::to_string).collect() }
        }
    }
}

pub(super) async fn set_sync_policy(
    State(services): State<Services>,
    Asked(Json(state)): Asked<Json<SyncState>>,
) -> Answer<SyncState> {
    let policy = match (state.paused, state.only.is_empty()) {
        (true, _) => SyncPolicy::Paused,
        (false, true) => SyncPolicy::All,
        (false, false) => SyncPolicy::Only(state.only.iter().map(|text| text.parse()).collect::<Result<_, Refusal>>()?),
    };
    services.net.set_policy(policy);
    Ok(Json(state_of(&services.net.policy())))
}
