//! The clerks: what people ask of each node, and how they behave when no answer comes.
//!
//! A clerk repeats a request under its old number until it is answered, and sometimes repeats one that was. Each
//! has randomness of its own. A clerk sees no more than a person does: answers, and the accounts that exist.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use xiangyue_protocol::forms::organisation::TERM;
use xiangyue_protocol::forms::{Row, Value};
use xiangyue_protocol::replica::Ticket;
use xiangyue_protocol::schema::{
    Account, AccountId, Award, Cohort, HolderKind, Item, NodeEntry, Org, Points, Redemption, RequestId, Rule,
};
use xiangyue_protocol::{Amend, Command, Date, GrantRequest, Level, OrgCode, PutRequest, ReverseRequest};

use crate::node::SimNode;
use crate::plan::{NodeSpec, Plan};
use crate::rng::Rng;
use crate::scheduler::{MILLI, Micros, SECOND};

mod zipf;

use zipf::Popular;

/// How busy the clerks are, and with what; shares are in thousandths.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct Workload {
    /// Shortest and longest time between two requests at one node.
    pub every: (Micros, Micros),
    /// Shortest and longest time until a clerk asks again for what was not answered.
    pub again: (Micros, Micros),
    /// Longest time for which commands wait to be written together.
    pub gather: Micros,
    /// Requests that were answered and are made again all the same.
    pub retry_permille: u64,
    /// Redemptions, of what a village does.
    pub redeem_permille: u64,
    /// Reversals.
    pub reverse_permille: u64,
    /// Grants to a merchant.
    pub grant_permille: u64,
    /// How often the township's clerk enters something in a village's ledger instead of doing nothing.
    pub township_permille: u64,
    /// How often the township's clerk adds a redemption item, which every node is to hear of, before anything else.
    pub publish_permille: u64,
    /// How often a village's clerk imports many awards at once.
    pub import_permille: u64,
    /// Fewest and most awards of one import.
    pub import_rows: (u64, u64),
    /// How often a village's clerk adds to the roster, or ends a term that stands there.
    pub roster_permille: u64,
    /// Zipf's exponent: of a village's accounts the n-th is asked for 1/n^s as often as the first; 0: all alike.
    pub zipf_permille: u64,
    /// Months that entries are dated in, counted back from the current one.
    pub months: u64,
    /// So many days from the first of a month clerks close the one before: they date entries on its last day.
    pub close_days: u64,
    /// Further reversals while a month is closed, of what villages and merchants enter.
    pub close_reverse_permille: u64,
}

impl Workload {
    /// Whether clerks are closing the month before on this day.
    pub fn closes(&self, today: Date) -> bool {
        u64::from(today.day().unsigned_abs()) <= self.close_days
    }
}

impl Default for Workload {
    fn default() -> Self {
        Workload {
            every: (200 * MILLI, 2 * SECOND),
            again: (200 * MILLI, 2 * SECOND),
            gather: 40 * MILLI,
            retry_permille: 60,
            redeem_permille: 300,
            reverse_permille: 80,
            grant_permille: 170,
            township_permille: 300,
            publish_permille: 0,
            import_permille: 0,
            import_rows: (20, 200),
            roster_permille: 0,
            zipf_permille: 0,
            months: 2,
            close_days: 0,
            close_reverse_permille: 400,
        }
    }
}

/// Acknowledged wishes that a clerk may repeat or take back.
const REMEMBERED: usize = 12;

/// Something that a clerk wants done, until it is answered.
#[derive(Debug, Clone)]
pub struct Wish {
    /// The commands, asked for together.
    pub commands: Vec<Command>,
    /// Times that it has been asked for.
    pub tries: u32,
    /// Whether a crash took the answer to an earlier try.
    pub answer_lost: bool,
    /// Whether it has been acknowledged before.
    pub answered: bool,
    /// Whether the township needs it to begin with.
    pub is_setup: bool,
}

impl Wish {
    /// A fresh wish.
    pub fn new(commands: Vec<Command>) -> Wish {
        Wish { commands, tries: 0, answer_lost: false, answered: false, is_setup: false }
    }
}

/// Accounts that clerks know, and how often each is asked for.
#[derive(Debug)]
pub struct Accounts {
    ids: Vec<AccountId>,
    popular: Popular,
}

/// The clerk of one node.
#[derive(Debug)]
pub struct Clerk {
    org: OrgCode,
    name: String,
    rng: Rng,
    numbered: u64,
    merchants: Arc<[OrgCode]>,
    accounts: Arc<Accounts>,
    /// Times that the clerk wanted something new, or something done once more.
    pub turns: u64,
    /// Whether the clerk waits for the power to come back.
    pub away: bool,
    /// Wishes to be asked for, again or for the first time.
    pub pending: VecDeque<Wish>,
    /// Wishes that the node has taken and not yet acknowledged.
    pub waiting: BTreeMap<Ticket, Wish>,
    /// The last wishes that were acknowledged.
    done: VecDeque<Wish>,
}

impl Clerk {
    /// The clerk of `name`, of `org`, who knows these accounts and merchants.
    pub fn new(seed: u64, name: &str, org: &OrgCode, accounts: Arc<Accounts>, merchants: Arc<[OrgCode]>) -> Clerk {
        Clerk {
            org: org.clone(),
            name: name.to_owned(),
            rng: Rng::new(seed, name, "clerk"),
            numbered: 0,
            merchants,
            accounts,
            turns: 0,
            away: false,
            pending: VecDeque::new(),
            waiting: BTreeMap::new(),
            done: VecDeque::new(),
        }
    }

    /// When this clerk comes again; soon, if something has not been answered.
    pub fn pause(&mut self, params: &Workload, waits: bool) -> Micros {
        let pause = self.rng.between(params.every.0, params.every.1);
        if waits { pause.min(self.rng.between(params.again.0, params.again.1)) } else { pause }
    }

    /// Something was acknowledged.
    pub fn remember(&mut self, wish: Wish) {
        self.done.push_back(wish);
        if self.done.len() > REMEMBERED {
            self.done.pop_front();
        }
    }

    /// How long this clerk's commands wait to be written together with others.
    pub fn gather(&mut self, params: &Workload) -> Micros {
        self.rng.between(0, params.gather)
    }

    /// What to ask for next: something unanswered, something answered once more, or something new.
    pub fn next(&mut self, params: &Workload, today: Date, may_repeat: bool, fresh: bool) -> Option<Wish> {
        if !self.pending.is_empty() && (!fresh || self.rng.chance(700)) {
            return self.pending.pop_front();
        }
        if !fresh {
            return None;
        }
        if may_repeat && self.rng.chance(params.retry_permille) {
            return self.rng.pick(self.done.make_contiguous()).cloned();
        }
        self.invent(params, today).map(Wish::new)
    }

    /// The power went: what was not acknowledged must be asked for again.
    pub fn crashed(&mut self) {
        for (_, mut wish) in std::mem::take(&mut self.waiting).into_iter().rev() {
            wish.answer_lost = true;
            self.pending.push_front(wish);
        }
    }

    fn number(&mut self) -> RequestId {
        self.numbered += 1;
        name(&format!("{}-{}", self.name, self.numbered))
    }

    fn invent(&mut self, params: &Workload, today: Date) -> Option<Vec<Command>> {
        match self.org.level() {
            Level::Township if self.happens(params.publish_permille) => Some(vec![self.publish(today)]),
            Level::Village if self.happens(params.import_permille) => self.import(params, today),
            Level::Village if self.happens(params.roster_permille) => Some(vec![self.edit_roster(today)]),
            _ => self.enter(params, today).map(|command| vec![command]),
        }
    }

    /// Draws only for what may happen at all: a share of nothing shifts no other draw.
    fn happens(&mut self, permille: u64) -> bool {
        permille > 0 && self.rng.chance(permille)
    }

    fn publish(&mut self, today: Date) -> Command {
        let code = name(&format!("P{}", self.number()));
        Command::Item(Item { code, price: Points(1), effective_from: today })
    }

    /// A list that was kept on paper, entered at once.
    fn import(&mut self, params: &Workload, today: Date) -> Option<Vec<Command>> {
        let mut commands = Vec::new();
        for _ in 0..self.rng.between(params.import_rows.0, params.import_rows.1) {
            let account = self.account()?;
            let date = self.date(params, today);
            commands.push(self.award(account, date));
        }
        Some(commands)
    }

    /// Somebody takes up a role, or one that this clerk has entered lays it down: once, so it is remembered no longer.
    fn edit_roster(&mut self, today: Date) -> Command {
        let term = |wish: &Wish| match &wish.commands[..] {
            [Command::Put(put)] if put.amend == Amend::No => Some(put.row.clone()),
            _ => None,
        };
        let open: Vec<(usize, Row)> =
            self.done.iter().enumerate().filter_map(|(at, wish)| Some((at, term(wish)?))).collect();
        if self.rng.chance(300)
            && let Some((at, row)) = self.rng.pick(&open)
        {
            self.done.remove(*at);
            let values = row.values().filter_map(|(field, value)| Some((field.name, value?.clone())));
            return put(values.chain([("to", today.into())]), Amend::Version(1));
        }
        let number = self.number();
        let values = [
            ("person", format!("p-{number}").as_str().into()),
            ("household", format!("h-{number}").as_str().into()),
            ("grid", format!("{}001", self.org).as_str().into()),
            ("role", "网格员".into()),
            ("from", today.into()),
        ];
        put(values, Amend::No)
    }

    fn enter(&mut self, params: &Workload, today: Date) -> Option<Command> {
        let account = self.account()?;
        let date = self.date(params, today);
        let draw = self.rng.below(1000);
        let level = self.org.level();
        if level == Level::Township && draw >= params.township_permille {
            return None;
        }
        if level != Level::Township && params.closes(today) && self.happens(params.close_reverse_permille) {
            return self.reverse(date);
        }
        let reverse = params.reverse_permille;
        let grant = reverse + params.grant_permille;
        let redeem = grant + params.redeem_permille;
        match level {
            Level::Township if draw.is_multiple_of(3) => self.grant(account, date),
            Level::Township => Some(self.award(account, date)),
            _ if draw < reverse => self.reverse(date),
            Level::Merchant if draw < reverse + params.grant_permille / 4 => self.grant_back(account, date),
            Level::Merchant => Some(self.redeem(account, date)),
            _ if draw < grant => self.grant(account, date),
            _ if draw < redeem => Some(self.redeem(account, date)),
            _ => Some(self.award(account, date)),
        }
    }

    fn account(&mut self) -> Option<AccountId> {
        self.accounts.popular.pick(&self.accounts.ids, &mut self.rng).cloned()
    }

    fn date(&mut self, params: &Workload, today: Date) -> Date {
        let before = |date: Date| date.first_of_month().yesterday().unwrap_or(date);
        if params.closes(today) {
            return before(today);
        }
        let back = self.rng.below(params.months.max(1));
        (0..back).fold(today, |date, _| before(date))
    }

    fn award(&mut self, account: AccountId, date: Date) -> Command {
        let points = Points(i64::try_from(self.rng.between(1, 20)).unwrap_or(1));
        let (request, rule) = (self.number(), name("R1"));
        let (by, memo) = ("c1".into(), Default::default());
        Command::Award(Award { request, account, rule, points, repaid: Points::ZERO, date, by, memo, approval: None })
    }

    fn redeem(&mut self, account: AccountId, date: Date) -> Command {
        let points = Points(i64::try_from(self.rng.between(1, 15)).unwrap_or(1));
        let (request, item) = (self.number(), name("I1"));
        Command::Redeem(Redemption {
            request,
            account,
            item,
            points,
            date,
            merchant: None,
            by: "c1".into(),
            lines: Vec::new(),
        })
    }

    fn grant_to(&mut self, account: AccountId, to: OrgCode, date: Date) -> Command {
        let points = Points(i64::try_from(self.rng.between(1, 12)).unwrap_or(1));
        Command::Grant(GrantRequest { request: self.number(), account, points, to, date, by: "c1".into() })
    }

    fn grant(&mut self, account: AccountId, date: Date) -> Option<Command> {
        let to = self.rng.pick(&self.merchants)?.clone();
        Some(self.grant_to(account, to, date))
    }

    /// A merchant hands rights back to the village whose account it is; the account's name starts with its code.
    fn grant_back(&mut self, account: AccountId, date: Date) -> Option<Command> {
        let village = account.as_str().split('-').next()?.parse().ok()?;
        Some(self.grant_to(account, village, date))
    }

    fn reverse(&mut self, date: Date) -> Option<Command> {
        let of = self.done.iter().flat_map(|wish| &wish.commands).filter_map(|command| match command {
            Command::Award(award) => Some(award.request.clone()),
            Command::Redeem(redemption) => Some(redemption.request.clone()),
            _ => None,
        });
        let of: Vec<RequestId> = of.collect();
        let of = self.rng.pick(&of)?.clone();
        let memo = Default::default();
        Some(Command::Reverse(ReverseRequest { request: self.number(), of, date, by: "c1".into(), memo }))
    }
}

fn put(values: impl IntoIterator<Item = (&'static str, Value)>, amend: Amend) -> Command {
    let row = Row::new(&TERM, values).expect("a whole term");
    Command::Put(PutRequest { village: None, row, amend })
}

/// The clerks of all nodes. Those of one village, or of one township, share what they know.
pub fn clerks(plan: &Plan) -> Vec<Clerk> {
    let known = accounts_by_org(plan);
    let mut merchants: BTreeMap<Option<OrgCode>, Vec<OrgCode>> = BTreeMap::new();
    for org in plan.nodes.iter().map(|spec| &spec.org).filter(|org| org.level() == Level::Merchant) {
        let known = merchants.entry(org.township()).or_default();
        if !known.contains(org) {
            known.push(org.clone());
        }
    }
    let merchants: BTreeMap<_, Arc<[_]>> = merchants.into_iter().map(|(org, list)| (org, list.into())).collect();
    let none = Arc::new(Accounts { ids: Vec::new(), popular: Popular::of(std::iter::empty(), 0) });
    let clerk = |spec: &NodeSpec| {
        let township = spec.org.township();
        let of = if spec.org.level() == Level::Village { Some(&spec.org) } else { township.as_ref() };
        let known = of.and_then(|org| known.get(org)).unwrap_or(&none);
        let known = Arc::clone(known);
        let merchants = merchants.get(&township).cloned().unwrap_or_default();
        Clerk::new(plan.seed, &spec.name, &spec.org, known, merchants)
    };
    plan.nodes.iter().map(clerk).collect()
}

/// The accounts that each village and township knows. How popular one is depends on its place in its own village.
fn accounts_by_org(plan: &Plan) -> BTreeMap<OrgCode, Arc<Accounts>> {
    let mut accounts: BTreeMap<OrgCode, Vec<(AccountId, u64)>> = BTreeMap::new();
    let mut opened: BTreeMap<usize, u64> = BTreeMap::new();
    for (account, village) in &plan.accounts {
        let rank = opened.entry(*village).or_default();
        *rank += 1;
        let village = &plan.nodes[*village].org;
        for org in [Some(village.clone()), village.township()].into_iter().flatten() {
            accounts.entry(org).or_default().push((account.clone(), *rank));
        }
    }
    let known = |list: Vec<(AccountId, u64)>| {
        let popular = Popular::of(list.iter().map(|(_, rank)| *rank), plan.workload.zipf_permille);
        Arc::new(Accounts { ids: list.into_iter().map(|(account, _)| account).collect(), popular })
    };
    accounts.into_iter().map(|(org, list)| (org, known(list))).collect()
}

/// What each clerk asks for first: a township names everybody under it and everything, villages open their accounts.
pub fn first_wishes(plan: &Plan, nodes: &[SimNode]) -> Vec<Vec<Wish>> {
    let setup = |commands| Wish { is_setup: true, ..Wish::new(commands) };
    let mut wishes = vec![Vec::new(); nodes.len()];
    let mut named = BTreeSet::new();
    for (n, node) in nodes.iter().enumerate().filter(|(_, node)| node.org.level() == Level::Township) {
        if named.insert(node.org.clone()) {
            wishes[n].extend([setup(directory(&node.org, plan, nodes)), setup(rule_book(plan.since))]);
        }
    }
    for (account, village) in &plan.accounts {
        let (account, holder, cohort) = (account.clone(), HolderKind::Person, Cohort::Villager);
        let account = Account { account, holder, cohort, opened: plan.since };
        let command = Command::Account { village: nodes[*village].org.clone(), account };
        wishes[*village].push(setup(vec![command]));
    }
    wishes
}

fn directory(township: &OrgCode, plan: &Plan, nodes: &[SimNode]) -> Vec<Command> {
    let mut commands = Vec::new();
    let mut named = BTreeSet::new();
    let enrolled = nodes.iter().zip(&plan.nodes).filter(|(_, spec)| spec.copy_of.is_none()).map(|(node, _)| node);
    for node in enrolled.filter(|node| node.org.is_within(township)) {
        let (code, public_key) = (node.org.clone(), node.public_key());
        if named.insert(code.clone()) {
            commands.push(Command::Org(Org { code: code.clone(), name: node.name.as_str().into(), version: 1 }));
        }
        let address = Default::default();
        commands.push(Command::Node(NodeEntry { node: node.id(), public_key, org: code, address }));
    }
    commands
}

fn rule_book(effective_from: Date) -> Vec<Command> {
    let (code, cohort, points) = (name("R1"), Cohort::Villager, Points(100));
    let rule = Rule { code, cohort, points, daily_cap: None, approve_above: None, effective_from };
    let item = Item { code: name("I1"), price: Points::ZERO, effective_from };
    vec![Command::Rule(rule), Command::Item(item)]
}

/// A name that is known to be well formed.
pub(crate) fn name<T: std::str::FromStr>(text: &str) -> T
where
    T::Err: std::fmt::Debug,
{
    text.parse().unwrap_or_else(|error| unreachable!("{text}: {error:?}"))
}
