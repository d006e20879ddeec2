//! A print of everything that decides what a replica does next, for whoever enumerates states.
//!
//! Left out are the clock's reading and what only counts: two replicas that differ in nothing else write, accept,
//! send and answer alike, but for the times that they state.

use super::{Effect, Replica};
use crate::frame::{Frame, Hello};
use crate::time::Hlc;

impl Replica {
    /// Hash over documents, what is staged and held back, sessions and quarantine.
    pub fn fingerprint(&self) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        let mut put = |part: &dyn std::fmt::Debug| {
            hasher.update(format!("{part:?};").as_bytes());
        };
        put(&(self.member.incarnation, self.frozen, &self.standing));
        put(&(&self.docs, &self.staged, &self.tickets, &self.quarantine, &self.forked));
        put(&self.sessions);
        put(&self.spread.print());
        for (after, effect) in &self.held {
            put(&after.saturating_sub(self.durable));
            match effect {
                Effect::Send(peer, frame) => put(&(peer, frame.without_clock())),
                effect => put(effect),
            }
        }
        *hasher.finalize().as_bytes()
    }
}

impl Frame {
    /// The same without the time that a greeting states.
    pub fn without_clock(&self) -> Frame {
        match self {
            Frame::Hello(hello) => Frame::Hello(Hello { clock: Hlc(0), ..hello.clone() }),
            frame => frame.clone(),
        }
    }
}
