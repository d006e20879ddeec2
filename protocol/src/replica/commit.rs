//! Writing: commands become records, records become changes, changes become segments.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::staged::Mark;
use super::{Effect, Replica, Ticket};
use crate::access;
use crate::change::{ChangeMeta, Position};
use crate::command::{Command, GrantRequest, Outcome, ReverseRequest};
use crate::doc::Doc;
use crate::error::{Code, Refusal};
use crate::escrow;
use crate::id::{DocId, Kind};
use crate::mutant::Mutant;
use crate::org::{Level, OrgCode};
use crate::record::{Record, limits};
use crate::schema::{
    Account, AccountId, Approval, Award, Entry, Grant, Points, Redemption, RequestId, Reversal, Revocation, Rule, Taken,
};
use crate::segment::{Header, Segment};
use crate::summary::{Fact, PointsSummary, Slip, Summary};
use crate::time::{Date, Millis, Month};

/// Changes that go into one segment.
const CHANGES_PER_SEGMENT: usize = 4;

/// Bytes of records that go into one change: with four changes a segment stays under its limits uncompressed.
const CHANGE_BYTES: usize = 384 << 10;

/// Bytes of records that go into one segment.
pub(super) const SEGMENT_CONTENT: usize = CHANGES_PER_SEGMENT * CHANGE_BYTES;

/// What to do when some commands of a list are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Judge all, write none.
    DryRun,
    /// Write all or none.
    AllOrNothing,
    /// Write those that are not refused.
    SkipRefused,
}

/// What a list of commands has touched, so that it can be undone.
pub(super) struct Undo {
    docs: BTreeMap<DocId, Option<Arc<Doc>>>,
    staged: Mark,
}

impl Replica {
    /// Judges commands in order, each seeing those before it, and stages what is to be written.
    ///
    /// The answers come in the order of the commands. The ticket is acknowledged by [`Effect::Acknowledge`] once
    /// everything staged has been flushed and is durable; it is there even when nothing was new, since what was
    /// written before may not be durable yet.
    pub fn submit(&mut self, now: Millis, commands: &[Command], mode: Mode) -> (Vec<Result<Outcome, Refusal>>, Ticket) {
        let mut undo = match mode {
            Mode::AllOrNothing if commands.len() == 1 => None,
            Mode::SkipRefused => None,
            _ => Some(Undo { docs: BTreeMap::new(), staged: self.staged.mark() }),
        };
        let today = self.today(now);
        let answers: Vec<_> = commands.iter().map(|command| self.judge(command, today, &mut undo)).collect();
        if let Some(undo) = undo
            && (mode == Mode::DryRun || answers.iter().any(Result::is_err))
        {
            self.roll_back(undo);
        }
        if mode != Mode::DryRun {
            self.ask_for_refused(commands, &answers, today);
        }
        self.next_ticket += 1;
        let ticket = Ticket(self.next_ticket);
        self.tickets.push(ticket);
        (answers, ticket)
    }

    fn roll_back(&mut self, undo: Undo) {
        for (id, doc) in undo.docs {
            match doc {
                Some(doc) => self.docs.insert(id, doc),
                None => self.docs.remove(&id),
            };
        }
        self.staged.back_to(&undo.staged);
        self.views = crate::views::Views::of(self.docs.iter());
    }

    /// Turns what is staged into changes and segments, and asks for them to be appended.
    ///
    /// # Errors
    /// [`Code::TooLarge`] when a record does not fit a segment, which the limits on fields rule out.
    pub fn flush(&mut self, now: Millis) -> Result<(), Refusal> {
        for (id, records) in self.staged.take() {
            let changes = into_changes(&records);
            for group in changes.chunks(CHANGES_PER_SEGMENT) {
                self.write_segment(now, &id, group)?;
            }
        }
        for ticket in std::mem::take(&mut self.tickets) {
            self.emit(Effect::Acknowledge(ticket));
        }
        self.set_review(now);
        Ok(())
    }

    fn write_segment(&mut self, now: Millis, id: &DocId, group: &[&[Record]]) -> Result<(), Refusal> {
        let hlc = self.tick(now);
        let actor = self.actor();
        let doc = self.doc_mut(id);
        let (first, prev) = (doc.last(actor) + 1, doc.tip(actor));
        let (mut deps, mut start_op) = doc.base(actor);
        let mut changes = Vec::with_capacity(group.len());
        for (records, seq) in group.iter().zip(first..) {
            let position = Position { actor, seq, start_op, deps, time: hlc.millis().seconds() };
            let change = ChangeMeta::new(position, records);
            start_op = change.max_op + 1;
            deps = vec![change.id];
            changes.push(change);
        }
        let header = Header { doc: id.clone(), actor, first, last: first + changes.len() as u64 - 1, hlc };
        let records = group.iter().map(|records| records.to_vec()).collect();
        let segment = Segment::seal(header, prev, changes, records, &self.member.key)?;
        let doc = self.doc_mut(id);
        for (seq, change) in (first..).zip(&segment.changes) {
            doc.enter(actor, seq, change);
        }
        if id.kind == Kind::Directory {
            self.keys.directory = Arc::clone(&self.views.directory);
        }
        self.counters.committed += 1;
        let segment = Arc::new(segment);
        self.append(Arc::clone(&segment));
        self.spread(now, &segment, None);
        if id.kind == Kind::Directory {
            self.directory_changed();
        }
        Ok(())
    }

    /// Stages a record and counts it at once, so that the next command sees it.
    pub(super) fn stage(&mut self, id: DocId, record: Record, undo: &mut Option<Undo>) -> Outcome {
        if let Some(undo) = undo
            && !undo.docs.contains_key(&id)
        {
            undo.docs.insert(id.clone(), self.docs.get(&id).cloned());
        }
        let node = self.node;
        let absorbed = self.doc_mut(&id).summary.absorb(&id, &record, node);
        self.views.absorb(&id, &absorbed, node);
        self.review.note(&absorbed);
        self.staged.put(id, record);
        Outcome::New
    }

    fn judge(&mut self, command: &Command, today: Date, undo: &mut Option<Undo>) -> Result<Outcome, Refusal> {
        if self.was_revoked() {
            return Err(Refusal::new(Code::NodeRevoked, self.node));
        }
        match command {
            Command::Org(org) => self.put_fact(self.township_doc(Kind::Directory, today)?, org.to_record(), undo),
            Command::Node(node) => self.put_fact(self.township_doc(Kind::Directory, today)?, node.to_record(), undo),
            Command::Revoke(revocation) => self.revoke(revocation, today, undo),
            // Nobody could ever enter what such a rule allows.
            Command::Rule(rule) if rule.daily_cap.is_some_and(|cap| cap < rule.points) => {
                Err(Refusal::new(Code::CapBelowPoints, &rule.code))
            }
            Command::Rule(rule) if rule.approve_above.is_some_and(|most| most < Points::ZERO) => {
                Err(Refusal::new(Code::BadNumber, format_args!("approve_above {}", rule.code)))
            }
            Command::Rule(rule) => {
                self.put_fact(self.township_doc(Kind::Rules, rule.effective_from)?, rule.to_record(), undo)
            }
            Command::Item(item) => {
                self.put_fact(self.township_doc(Kind::Rules, item.effective_from)?, item.to_record(), undo)
            }
            Command::Account { village, account } => self.open_account(village, account, today, undo),
            Command::Put(request) => self.put(request, today, undo),
            Command::Award(award) => self.award(award, today, undo),
            Command::Judge(verdict) => self.judge_claim(verdict, today, undo),
            Command::Redeem(redemption) => self.redeem(redemption, today, undo),
            Command::Reverse(request) => self.reverse(request, today, undo),
            Command::Grant(request) => self.grant(request, today, undo),
            Command::Expire(request) => self.expire(request, today, undo),
        }
    }

    fn township_doc(&self, kind: Kind, on: Date) -> Result<DocId, Refusal> {
        let township = self.member.org.township().unwrap_or_else(|| self.member.org.clone());
        Ok(DocId::of_month(&township, kind, Month::of(on)))
    }

    pub(super) fn may_write(&self, id: &DocId, record: &Record) -> Result<(), Refusal> {
        let org = &self.member.org;
        let may = id.kind.is_of(id.org.level())
            && access::may_write(org, id)
            && access::may_write_record(org, id, record.kind());
        if !may {
            return Err(Refusal::new(Code::NotAllowed, format_args!("{} in {id}", record.kind())));
        }
        record.check()
    }

    /// Writes a fact unless the same stands there already.
    fn put_fact(&mut self, id: DocId, record: Record, undo: &mut Option<Undo>) -> Result<Outcome, Refusal> {
        self.may_write(&id, &record)?;
        let known = match self.docs.get(&id).map(|doc| &doc.summary) {
            Some(Summary::Register(register)) => register.facts.get(&record.key),
            _ => None,
        };
        if let Some(versions) = known {
            let fact = Fact::from_record(id.kind, &record);
            let same = versions.iter().any(|(_, known)| Some(known) == fact.as_ref());
            let code = if id.kind == Kind::Accounts { Code::AccountExists } else { Code::RequestReused };
            return if same { Ok(Outcome::Already) } else { Err(Refusal::new(code, &record.key)) };
        }
        Ok(self.stage(id, record, undo))
    }

    /// A township without a node of its own could never be mended, so its nodes are out of reach of this.
    fn revoke(&mut self, revocation: &Revocation, today: Date, undo: &mut Option<Undo>) -> Result<Outcome, Refusal> {
        let id = self.township_doc(Kind::Directory, today)?;
        let record = revocation.to_record();
        self.may_write(&id, &record)?;
        let (node, directory) = (revocation.node, &self.views.directory);
        if self.is_township(node) {
            return Err(Refusal::new(Code::TownshipNode, node));
        }
        if directory.node(node).is_none() {
            return Err(Refusal::new(Code::UnknownNode, node));
        }
        if directory.revocation(node).is_some() {
            return Ok(Outcome::Already);
        }
        self.put_fact(id, record, undo)
    }

    fn open_account(
        &mut self,
        village: &OrgCode,
        account: &Account,
        today: Date,
        undo: &mut Option<Undo>,
    ) -> Result<Outcome, Refusal> {
        if *village != self.member.org {
            return Err(Refusal::new(Code::UnknownVillage, village));
        }
        not_future(account.opened, today)?;
        if self.views.village_of(&account.account) != Some(village) {
            self.views.check_unshared(&self.member.org, &account.account)?;
        }
        self.put_fact(DocId::whole(village, Kind::Accounts), account.to_record(), undo)
    }

    /// The account and its village.
    fn account(&self, account: &AccountId) -> Result<(OrgCode, Account), Refusal> {
        let known = self.views.accounts.get(account).cloned();
        known.ok_or_else(|| Refusal::new(Code::UnknownAccount, account))
    }

    /// Answers a retry: the same slip is [`Outcome::Already`], another under its number is refused.
    pub(super) fn entered(&self, entry: &Entry) -> Result<Option<Outcome>, Refusal> {
        let content = Slip::of(entry, self.node).content;
        if self.has(Mutant::CountRetryTwice) {
            return Ok(None);
        }
        let mut contents = self.writable().flat_map(|(_, points)| points.contents_under(entry.request())).peekable();
        let unused = contents.peek().is_none();
        if contents.any(|known| known == content) {
            return Ok(Some(Outcome::Already));
        }
        if unused { Ok(None) } else { Err(Refusal::new(Code::RequestReused, entry.request())) }
    }

    /// The slip with this number in the ledgers and counters that this node may write to; its own if there are several.
    pub fn slip(&self, request: &RequestId) -> Option<&Slip> {
        self.slips(request).map(|(_, slip)| slip).max_by_key(|slip| slip.author == self.node)
    }

    /// The day of what stands under this number: of an entry, or of a claim.
    pub fn day_of(&self, request: &RequestId) -> Option<Date> {
        let claimed = || self.claims(request).map(|(_, _, award)| award.date).next();
        self.slip(request).map(|slip| slip.date).or_else(claimed)
    }

    /// The slips with this number in the ledgers and counters that this node may write to.
    fn slips(&self, request: &RequestId) -> impl Iterator<Item = (&DocId, &Slip)> {
        self.writable().flat_map(move |(id, points)| points.under(request).map(move |slip| (id, slip)))
    }

    /// The sums of a ledger or counter.
    pub(super) fn points_of(&self, id: &DocId) -> Option<&PointsSummary> {
        match &self.docs.get(id)?.summary {
            Summary::Points(points) => Some(points),
            Summary::Register(_) => None,
        }
    }

    /// The ledgers and counters that this node may write to.
    pub(super) fn writable(&self) -> impl Iterator<Item = (&DocId, &PointsSummary)> {
        let may_write = |(id, _): &(&DocId, &Arc<Doc>)| access::may_write(&self.member.org, id);
        self.docs.iter().filter(may_write).filter_map(|(id, doc)| match &doc.summary {
            Summary::Points(points) => Some((id, &**points)),
            Summary::Register(_) => None,
        })
    }

    fn award(&mut self, award: &Award, today: Date, undo: &mut Option<Undo>) -> Result<Outcome, Refusal> {
        let approval = award.approval.clone().map(|approval| Approval { claimant: None, ..approval });
        let mut entry = Award { repaid: Points::ZERO, approval, ..award.clone() };
        if let Some(outcome) = self.entered(&Entry::Award(entry.clone()))? {
            return Ok(outcome);
        }
        not_future(entry.date, today)?;
        let (village, account) = self.account(&entry.account)?;
        if village != self.member.org {
            self.views.check_unshared(&self.member.org, &entry.account)?;
        }
        not_before(entry.date, &account)?;
        let id = DocId::of_month(&village, Kind::Ledger, Month::of(entry.date));
        let rule = self.views.rules.rule(&entry.rule, account.cohort, entry.date);
        let rule = rule.ok_or_else(|| {
            Refusal::new(
                Code::UnknownRule,
                format_args!("{} / {} / {}", entry.rule, account.cohort.as_str(), entry.date),
            )
        })?;
        if !entry.points.is_entry() || entry.points > rule.points {
            return Err(Refusal::new(
                Code::BeyondRule,
                format_args!("{} > {} ({})", entry.points, rule.points, rule.code),
            ));
        }
        let approve_above = self.approve_above(rule, entry.date);
        self.within_cap(rule, &id, &entry)?;
        if approve_above.is_some_and(|most| entry.points > most) && self.must_wait(&entry)? {
            return self.claim(id, &entry, undo);
        }
        entry.repaid = escrow::repaid(&self.views.totals(&entry.account), self.node, entry.points);
        self.write_entry(id, &Entry::Award(entry), undo)
    }

    /// Refuses what goes beyond the rule's daily cap.
    pub(super) fn within_cap(&self, rule: &Rule, id: &DocId, entry: &Award) -> Result<(), Refusal> {
        let Some(cap) = rule.daily_cap else { return Ok(()) };
        let day = self.earned_on(id, entry);
        if day + entry.points <= cap {
            return Ok(());
        }
        Err(Refusal::new(Code::BeyondCap, format_args!("{day} + {} > {cap}", entry.points)))
    }

    /// What the account has earned under the entry's rule on the entry's day.
    fn earned_on(&self, id: &DocId, entry: &Award) -> Points {
        let Some(points) = self.points_of(id) else { return Points::ZERO };
        let day = entry.date.day().unsigned_abs();
        let days = points.earned.get(&(entry.account.clone(), entry.rule.clone()));
        days.into_iter().flatten().find(|(d, _)| *d == day).map_or(Points::ZERO, |(_, points)| *points)
    }

    pub(super) fn write_entry(
        &mut self,
        id: DocId,
        entry: &Entry,
        undo: &mut Option<Undo>,
    ) -> Result<Outcome, Refusal> {
        let record = entry.to_record();
        self.may_write(&id, &record)?;
        Ok(self.stage(id, record, undo))
    }

    fn redeem(&mut self, redemption: &Redemption, today: Date, undo: &mut Option<Undo>) -> Result<Outcome, Refusal> {
        let priced = self.priced(redemption);
        let mut entry = priced.as_ref().unwrap_or(redemption).clone();
        let month = Month::of(entry.date);
        let id = match self.member.org.level() {
            Level::Village => DocId::of_month(&self.member.org, Kind::Ledger, month),
            Level::Merchant => {
                entry.merchant = Some(self.member.org.clone());
                DocId::of_month(&self.member.org, Kind::Counter, month)
            }
            _ => return Err(Refusal::new(Code::NotAllowed, "redemption")),
        };
        if let Some(outcome) = self.entered(&Entry::Redemption(entry.clone()))? {
            return Ok(outcome);
        }
        not_future(entry.date, today)?;
        if id.kind == Kind::Ledger {
            not_before(entry.date, &self.account(&entry.account)?.1)?;
        } else {
            self.views.check_unshared(&self.member.org, &entry.account)?;
        }
        if let Some(merchant) = &entry.merchant
            && (merchant.level() != Level::Merchant || self.views.directory.org(merchant).is_none())
        {
            return Err(Refusal::new(Code::UnknownMerchant, merchant));
        }
        priced?;
        self.may_spend(&entry.account, entry.points)?;
        self.write_entry(id, &Entry::Redemption(entry), undo)
    }

    /// The one check before rights are given up: redeemed, granted.
    pub(super) fn may_spend(&self, account: &AccountId, points: Points) -> Result<(), Refusal> {
        if let Some(hold) = self.hold() {
            return Err(Refusal::new(hold.code(), account));
        }
        let held = self.views.totals(account).share(self.node).held;
        let granted_too = || self.has(Mutant::SpendGrantedTwice) && self.views.totals(account).available() >= points;
        if held < points && !granted_too() {
            return Err(Refusal::new(Code::InsufficientRights, format_args!("{account}: {held} < {points}")));
        }
        Ok(())
    }

    fn reverse(&mut self, request: &ReverseRequest, today: Date, undo: &mut Option<Undo>) -> Result<Outcome, Refusal> {
        let written = |slip: &Slip| slip.author == self.node;
        let unknown = || match self.slips(&request.of).any(|(_, slip)| written(slip)) {
            true => Refusal::new(Code::NotReversible, &request.of),
            false => Refusal::new(Code::UnknownEntry, &request.of),
        };
        let own = |slip: &Slip| written(slip) && slip.takes_back().is_some();
        let found = self.slips(&request.of).filter(|(_, slip)| own(slip)).min_by_key(|(_, slip)| slip.reversed);
        let (id, slip) = found.map(|(id, slip)| (id.clone(), slip.clone())).ok_or_else(unknown)?;
        let takes = slip.takes_back().ok_or_else(unknown)?;
        let debt = match takes {
            Taken::Award => escrow::debt(&self.views.totals(&slip.account), self.node, slip.points),
            Taken::Redemption | Taken::Expiry => Points::ZERO,
        };
        let entry = Entry::Reversal(Reversal {
            request: request.request.clone(),
            of: request.of.clone(),
            account: slip.account,
            takes,
            points: slip.points,
            debt,
            date: request.date,
            by: request.by.clone(),
            memo: request.memo.clone(),
        });
        if let Some(outcome) = self.entered(&entry)? {
            return Ok(outcome);
        }
        if let Some(hold) = self.hold() {
            // What is reversed may have been spent, granted away or reversed already by entries not yet back.
            return Err(Refusal::new(hold.code(), &request.of));
        }
        if slip.reversed && !self.has(Mutant::ReverseTwice) {
            return Err(Refusal::new(Code::AlreadyReversed, &request.of));
        }
        not_future(request.date, today)?;
        self.write_entry(id, &entry, undo)
    }

    fn grant(&mut self, request: &GrantRequest, today: Date, undo: &mut Option<Undo>) -> Result<Outcome, Refusal> {
        let entry = |to| {
            Entry::Grant(Grant {
                request: request.request.clone(),
                account: request.account.clone(),
                points: request.points,
                to,
                date: request.date,
                by: request.by.clone(),
                auto: None,
            })
        };
        if self.slips(&request.request).next().is_some() && !self.has(Mutant::CountRetryTwice) {
            // A retry is known by what was granted then, also if that node has been revoked or replaced since.
            let mut nodes = self.views.directory.nodes().filter(|node| node.org == request.to);
            let done = nodes.any(|to| matches!(self.entered(&entry(to.node)), Ok(Some(_))));
            let reused = || Refusal::new(Code::RequestReused, &request.request);
            return if done { Ok(Outcome::Already) } else { Err(reused()) };
        }
        let to = self.views.directory.node_of(&request.to).filter(|to| *to != self.node);
        let entry = entry(to.ok_or_else(|| Refusal::new(Code::UnknownMerchant, &request.to))?);
        not_future(request.date, today)?;
        if let Some((_, account)) = self.views.accounts.get(&request.account) {
            not_before(request.date, account)?;
        }
        if !request.points.is_entry() {
            return Err(Refusal::new(Code::BadNumber, request.points));
        }
        let month = Month::of(request.date);
        let id = match (self.member.org.level(), request.to.level()) {
            (Level::Merchant, _) => DocId::of_month(&self.member.org, Kind::Counter, month),
            (_, Level::Merchant) => DocId::of_month(&request.to, Kind::Counter, month),
            _ => DocId::of_month(&self.account(&request.account)?.0, Kind::Ledger, month),
        };
        if !access::may_read(&request.to, &id) {
            // Rights that their holder never hears of are lost.
            return Err(Refusal::new(Code::NotAllowed, format_args!("{id} / {}", request.to)));
        }
        if self.member.org.level() != Level::Merchant {
            // A merchant may always give points back, which is how a number that two villages use is set right.
            self.views.check_unshared(&self.member.org, &request.account)?;
        }
        self.may_spend(&request.account, request.points)?;
        self.write_entry(id, &entry, undo)
    }
}

/// Cuts records into changes that stay within a reader's limits, and four of them within a segment's.
fn into_changes(records: &[Record]) -> Vec<&[Record]> {
    let mut changes = Vec::new();
    let (mut from, mut bytes) = (0, 0);
    for (at, record) in records.iter().enumerate() {
        if at - from == limits::RECORDS || bytes + record.bytes() > CHANGE_BYTES {
            changes.push(&records[from..at]);
            (from, bytes) = (at, 0);
        }
        bytes += record.bytes();
    }
    if from < records.len() {
        changes.push(&records[from..]);
    }
    changes
}

fn not_before(date: Date, account: &Account) -> Result<(), Refusal> {
    if date >= account.opened {
        return Ok(());
    }
    Err(Refusal::new(Code::BeforeOpening, format_args!("{date} < {}", account.opened)))
}

pub(super) fn not_future(date: Date, today: Date) -> Result<(), Refusal> {
    if date > today { Err(Refusal::new(Code::FutureDate, format_args!("{date} > {today}"))) } else { Ok(()) }
}
