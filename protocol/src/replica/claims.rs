//! Awards that want a second person (article L3): kept as claims, approved or declined.
//!
//! An approval is the award itself, under the claim's number and for the claim's node, which holds the rights. So two
//! approvals written apart are one entry, in whatever order they arrive, and a yes is never undone by a late no.

use smol_str::SmolStr;

use super::Replica;
use super::commit::Undo;
use crate::command::{Outcome, Verdict};
use crate::error::{Code, Refusal};
use crate::escrow;
use crate::id::DocId;
use crate::schema::claim::claim_record;
use crate::schema::{Approval, Award, Decline, Entry, Points, RequestId, Rule};
use crate::summary::{ClaimId, ClaimState};
use crate::time::Date;

impl Replica {
    /// The claims with this number in the ledgers that this node may write to.
    pub(super) fn claims(&self, request: &RequestId) -> impl Iterator<Item = (&DocId, &ClaimId, &Award)> {
        self.writable()
            .flat_map(move |(id, points)| points.claims_under(request).map(move |(of, award)| (id, of, award)))
    }

    /// Above how many points an award wants a second person: as its rule says, else as the township has set.
    pub(super) fn approve_above(&self, rule: &Rule, on: Date) -> Option<Points> {
        rule.approve_above.or_else(|| self.views.provisions.approve_above(on))
    }

    /// Whether an award beyond the threshold still wants its second person; it must say who has entered it.
    pub(super) fn must_wait(&self, award: &Award) -> Result<bool, Refusal> {
        if award.by.is_empty() {
            return Err(Refusal::new(Code::MissingValue, "经办人 by"));
        }
        match &award.approval {
            Some(approval) => another(&award.by, &approval.by).map(|()| false),
            None => Ok(true),
        }
    }

    /// Keeps an award as a claim.
    pub(super) fn claim(&mut self, id: DocId, award: &Award, undo: &mut Option<Undo>) -> Result<Outcome, Refusal> {
        let record = claim_record(award);
        self.may_write(&id, &record)?;
        self.stage(id, record, undo);
        Ok(Outcome::Claimed)
    }

    /// A second person says yes or no to a claim.
    pub(super) fn judge_claim(
        &mut self,
        verdict: &Verdict,
        today: Date,
        undo: &mut Option<Undo>,
    ) -> Result<Outcome, Refusal> {
        if verdict.by.is_empty() {
            return Err(Refusal::new(Code::MissingValue, "审批人 by"));
        }
        let (id, of, award) = match self.waiting_claim(verdict)? {
            Some(found) => found,
            None => return Ok(Outcome::Already),
        };
        match &verdict.declined {
            Some(why) => self.decline(id, of, verdict, why, today, undo),
            None => self.approve(id, &of, award, &verdict.by, undo),
        }
    }

    /// The claim that is meant: the first that waits. None when what is asked for has been done.
    fn waiting_claim(&self, verdict: &Verdict) -> Result<Option<(DocId, ClaimId, Award)>, Refusal> {
        let known: Vec<_> = self.claims(&verdict.request).collect();
        let state = |id: &DocId, of: &ClaimId| self.points_of(id).map_or(ClaimState::Waiting, |p| p.claim_state(of));
        let states = || known.iter().map(|(id, of, _)| state(id, of));
        let counts = self.slip(&verdict.request).is_some();
        // Of one slip that two nodes have claimed, one is approved; the other is left to be declined.
        if verdict.declined.is_none() && counts {
            let claimed = states().any(|state| state == ClaimState::Approved);
            return if claimed { Ok(None) } else { Err(Refusal::new(Code::RequestReused, &verdict.request)) };
        }
        let waits = |(id, of, _): &&(&DocId, &ClaimId, &Award)| state(id, of) == ClaimState::Waiting;
        // Of a revoked node's claim and another under its number, the other is the one to approve.
        let found = known.iter().filter(waits).min_by_key(|(_, of, _)| self.views.directory.revocation(of.1).is_some());
        if let Some((id, of, award)) = found {
            return Ok(Some(((*id).clone(), (*of).clone(), (*award).clone())));
        }
        match (states().find(|state| matches!(state, ClaimState::Declined(_))), &verdict.declined) {
            (Some(_), Some(_)) => Ok(None),
            (Some(_), None) => Err(Refusal::new(Code::ClaimDeclined, &verdict.request)),
            (None, _) => Err(Refusal::new(Code::UnknownClaim, &verdict.request)),
        }
    }

    fn approve(
        &mut self,
        id: DocId,
        (_, claimant, _): &ClaimId,
        award: Award,
        by: &SmolStr,
        undo: &mut Option<Undo>,
    ) -> Result<Outcome, Refusal> {
        another(&award.by, by)?;
        if self.views.directory.revocation(*claimant).is_some() {
            return Err(Refusal::new(Code::ClaimStranded, claimant));
        }
        self.views.check_unshared(&id.org, &award.account)?;
        let cohort = self.views.accounts.get(&award.account).map(|(_, account)| account.cohort);
        if let Some(rule) = cohort.and_then(|cohort| self.views.rules.rule(&award.rule, cohort, award.date)) {
            self.within_cap(rule, &id, &award)?;
        }
        let repaid = escrow::repaid(&self.views.totals(&award.account), *claimant, award.points);
        let approval = Some(Approval { by: by.clone(), claimant: Some(*claimant) });
        self.write_entry(id, &Entry::Award(Award { repaid, approval, ..award }), undo)
    }

    fn decline(
        &mut self,
        id: DocId,
        (request, claimant, content): ClaimId,
        verdict: &Verdict,
        why: &SmolStr,
        today: Date,
        undo: &mut Option<Undo>,
    ) -> Result<Outcome, Refusal> {
        if why.is_empty() {
            return Err(Refusal::new(Code::MissingValue, "原因 why"));
        }
        let (by, memo) = (verdict.by.clone(), why.clone());
        let record = Decline { request, claimant, content, date: today, by, memo }.to_record();
        self.may_write(&id, &record)?;
        Ok(self.stage(id, record, undo))
    }
}

/// Refuses a person who would approve what he has entered. Codes are compared as people read them.
fn another(entered_by: &str, approved_by: &str) -> Result<(), Refusal> {
    if entered_by.trim().eq_ignore_ascii_case(approved_by.trim()) {
        return Err(Refusal::new(Code::SamePerson, approved_by.trim()));
    }
    Ok(())
}
