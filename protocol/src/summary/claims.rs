//! Claims in the summary of a ledger: awards that wait for a second person, and what has become of them.

use super::{PointsSummary, Slip};
use crate::id::NodeId;
use crate::record::Record;
use crate::schema::{Award, Decline, Entry, RequestId, claim};

/// What tells one claim from every other of its document: its number, the node that keeps it and [`Slip::content`].
pub type ClaimId = (RequestId, NodeId, u64);

/// What has become of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimState<'a> {
    /// It waits for a second person.
    Waiting,
    /// It is an award.
    Approved,
    /// Somebody said no.
    Declined(&'a Decline),
}

impl PointsSummary {
    /// Keeps a claim, or a no to one; neither moves points.
    pub(super) fn absorb_claim(&mut self, record: &Record, author: NodeId) {
        if let Some(award) = claim::claim_of(record) {
            let content = Slip::of(&Entry::Award(award.clone()), author).content;
            let known = self.claims.entry((award.request.clone(), author, content)).or_insert_with(|| award.clone());
            // Two lives of a node may have written one claim for two clerks.
            if (&award.by, &award.memo) < (&known.by, &known.memo) {
                *known = award;
            }
        } else if let Some(decline) = Decline::from_record(record) {
            let id = (decline.request.clone(), decline.claimant, decline.content);
            let known = self.declines.entry(id).or_insert_with(|| decline.clone());
            if decline < *known {
                *known = decline;
            }
        } else {
            self.void += 1;
        }
    }

    /// What has become of a claim. A yes that was written apart from a no counts: its points may be spent.
    pub fn claim_state(&self, (request, claimant, content): &ClaimId) -> ClaimState<'_> {
        if self.under(request).any(|slip| (slip.author, slip.content) == (*claimant, *content)) {
            return ClaimState::Approved;
        }
        match self.declines.get(&(request.clone(), *claimant, *content)) {
            Some(decline) => ClaimState::Declined(decline),
            None => ClaimState::Waiting,
        }
    }

    /// The claims under a number.
    pub fn claims_under(&self, request: &RequestId) -> impl Iterator<Item = (&ClaimId, &Award)> {
        self.claims.range((request.clone(), NodeId([0; 16]), 0)..=(request.clone(), NodeId([0xff; 16]), u64::MAX))
    }

    /// What all entries and claims under a number say.
    pub(crate) fn contents_under(&self, request: &RequestId) -> impl Iterator<Item = u64> {
        let claimed = self.claims_under(request).map(|((.., content), _)| *content);
        self.under(request).map(|slip| slip.content).chain(claimed)
    }

    /// The claims that wait for a second person.
    pub fn waiting(&self) -> impl Iterator<Item = (&ClaimId, &Award)> {
        self.claims.iter().filter(|(id, _)| self.claim_state(id) == ClaimState::Waiting)
    }
}
