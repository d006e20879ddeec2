//! The tier of QUIC: a connection is two real QUIC state machines, and datagrams that may be lost.
//!
//! Nobody is told that something is cut, gone or switched off. An end finds out as the node does: by a farewell, by
//! the reset of an endpoint that has forgotten the connection, or because nothing has come for too long.

use std::collections::VecDeque;

use xiangyue_protocol::Refusal;
use xiangyue_protocol::frame::{Deframer, Frame};
use xiangyue_protocol::transport::HANDSHAKE_MILLIS;

use super::wire::{Load, Road, Signal, Told, Wire};
use crate::node::Parcel;
use crate::quic::{self, Line, Tls};
use crate::rng::Rng;
use crate::scheduler::{MILLI, Micros, SECOND};
use crate::stats::Sometimes;

/// What a line holds back for later, in the time that it takes to send; more is dropped.
const BACKLOG: Micros = 2 * SECOND;
/// How often a slow reader reads.
const READS: Micros = SECOND;

/// How far an end is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing has come yet.
    Waiting,
    /// The handshake is under way.
    Opening,
    Up,
    /// The connection is gone, and the engine told so.
    Over,
}

#[derive(Debug)]
struct End {
    state: State,
    /// When it is to be woken next.
    wakes: Option<Micros>,
    /// Whether it reads slowly at the moment.
    slow: bool,
    deframer: Deframer,
    /// Frames on their way towards it, in order: whether each counts among what is in flight.
    coming: VecDeque<bool>,
    in_flight: usize,
    /// When the line towards it is free again.
    free_at: Micros,
    /// When the last datagram towards it arrives: on one line none overtakes another.
    last_arrival: Micros,
}

impl End {
    fn new(state: State) -> End {
        End {
            state,
            wakes: None,
            slow: false,
            deframer: Deframer::default(),
            coming: VecDeque::new(),
            in_flight: 0,
            free_at: 0,
            last_arrival: 0,
        }
    }

    /// Takes frames out of what has come of the other's stream.
    fn unpack(&mut self, bytes: &[u8], found: &mut Vec<Parcel>) -> Result<(), Refusal> {
        self.deframer.feed(bytes);
        while let Some(frame) = self.deframer.next_frame()? {
            let frame = Frame::decode(frame)?;
            self.in_flight -= usize::from(self.coming.pop_front().unwrap_or(false));
            found.extend(frame.map(Parcel::Frame));
        }
        Ok(())
    }
}

#[derive(Debug)]
pub(super) struct Datagrams {
    tls: Tls,
    line: Line,
    ends: [End; 2],
    /// Whether its way is gone for good, as when a router in between forgets it.
    dead: bool,
}

impl Datagrams {
    pub(super) fn new(now: Micros, rng: &mut Rng, tls: &Tls) -> Datagrams {
        let mut seed = [0; 32];
        seed.chunks_mut(8).for_each(|part| part.copy_from_slice(&rng.number().to_be_bytes()));
        Datagrams {
            tls: tls.clone(),
            line: Line::dial(now, seed, tls),
            ends: [End::new(State::Opening), End::new(State::Waiting)],
            dead: false,
        }
    }

    /// Passes on what the ends have to tell, and sees to it that they are woken.
    fn hear(&mut self, road: &mut Road<'_>) {
        for side in 0..2 {
            while let Some(told) = self.line.told(side) {
                match (told, self.ends[side].state) {
                    (quic::Told::Datagram(bytes), _) => self.transmit(road, 1 - side, bytes),
                    (quic::Told::Up, State::Opening) => {
                        self.ends[side].state = State::Up;
                        road.told.push(Told::Up(side));
                    }
                    (quic::Told::Bytes(bytes), State::Up) => {
                        let mut found = Vec::new();
                        let unpacked = self.ends[side].unpack(&bytes, &mut found);
                        let one_way = !found.is_empty() && !road.leads(1 - side);
                        road.stats.met_times(Sometimes::CameThroughOneWay, u64::from(one_way));
                        road.told.extend(found.into_iter().map(|parcel| Told::Arrived(side, parcel)));
                        road.told.extend(unpacked.err().map(|refusal| Told::Garbled(side, refusal)));
                    }
                    (quic::Told::Lost, _) => self.over(road, side),
                    (quic::Told::Up | quic::Told::Bytes(_), _) => {}
                }
            }
            if let Some(at) = self.line.wakes(side) {
                self.wake(road, side, at);
            }
        }
    }

    fn wake(&mut self, road: &mut Road<'_>, side: usize, at: Micros) {
        if self.ends[side].wakes.is_none_or(|planned| at < planned) {
            let at = at.max(road.now());
            self.ends[side].wakes = Some(at);
            road.later(at, side, Signal::Wake);
        }
    }

    /// A datagram sets out: it takes its time on the line, and may never arrive.
    fn transmit(&mut self, road: &mut Road<'_>, to: usize, bytes: Vec<u8>) {
        road.note_datagram(1 - to, bytes.len());
        let end = &mut self.ends[to];
        let full = road.backlog(end.free_at) > BACKLOG;
        let sent = if full { road.now() } else { road.sent(&mut end.free_at, bytes.len() as u64) };
        let (low, high) = road.class.latency;
        let latency = road.rng.between(low, high) + road.extra;
        if road.rng.chance(road.class.loss_permille) || full || self.dead || !road.leads(to) {
            return;
        }
        end.last_arrival = end.last_arrival.max(sent + latency);
        road.later(end.last_arrival, to, Signal::Datagram(bytes));
    }

    /// An end has lost, closed or forgotten the connection. The engine hears of it when it is done with what it does.
    fn over(&mut self, road: &mut Road<'_>, side: usize) {
        let before = std::mem::replace(&mut self.ends[side].state, State::Over);
        if before == State::Over {
            return;
        }
        let lost = std::mem::take(&mut self.ends[side].coming);
        road.stats.met_times(Sometimes::LostInFlight, lost.len() as u64);
        self.ends[side].in_flight = 0;
        road.later(road.now(), side, Signal::Gone);
        if side == 0 {
            road.told.push(Told::Broke);
            if self.ends[1].state == State::Waiting {
                // It never knew.
                self.over(road, 1);
            }
        }
    }

    /// A slow reader takes little at a time, so that flow control stops the other.
    fn read_slowly(&mut self, road: &mut Road<'_>, side: usize, tick: bool) {
        let slow = road.slow(side);
        let rate = road.class.bandwidth.filter(|_| slow > 1).map(|rate| (rate / slow).max(1));
        let end = &mut self.ends[side];
        if rate.is_some() && (tick || !end.slow) {
            road.later(road.now() + READS, side, Signal::Read);
        }
        if tick || end.slow != rate.is_some() {
            self.line.reads(side, rate.map(|rate| usize::try_from(rate).unwrap_or(usize::MAX)));
        }
        end.slow = rate.is_some();
    }
}

impl Wire for Datagrams {
    fn open(&mut self, road: &mut Road<'_>) {
        road.later(road.now() + Micros::from(HANDSHAKE_MILLIS) * MILLI, 0, Signal::GiveUp);
        self.hear(road);
    }

    fn reopen(&mut self, road: &mut Road<'_>) {
        let anew = Datagrams::new(road.now(), road.rng, &self.tls);
        *self = anew;
        self.open(road);
    }

    fn takes(&self, to: usize) -> bool {
        self.ends[1 - to].state == State::Up
    }

    fn in_flight(&self, to: usize) -> usize {
        self.ends[to].in_flight
    }

    fn is_backed_up(&self, _now: Micros, to: usize) -> bool {
        self.line.unsent(1 - to) > 0
    }

    fn send(&mut self, road: &mut Road<'_>, to: usize, load: Load) {
        let void = self.dead || self.ends[to].state == State::Over;
        road.stats.met_times(Sometimes::SentIntoTheVoid, u64::from(void));
        // What is not a frame that this version knows is nothing that a node of this version sends.
        let Some(frame) = load.parcel.frame() else { return };
        self.line.send(1 - to, &frame.encode());
        self.ends[to].coming.push_back(load.waits);
        self.ends[to].in_flight += usize::from(load.waits);
        // What else is sent at this moment goes into the same datagrams.
        self.wake(road, 1 - to, road.now());
    }

    fn signal(&mut self, road: &mut Road<'_>, side: usize, signal: Signal) {
        let now = road.now();
        match signal {
            Signal::Datagram(bytes) if !self.dead && road.leads(side) && road.runs[side] => {
                self.read_slowly(road, side, false);
                self.line.arrived(now, side, &bytes);
                if self.ends[side].state == State::Waiting && self.line.knows(side) {
                    self.ends[side].state = State::Opening;
                    road.later(now + Micros::from(HANDSHAKE_MILLIS) * MILLI, side, Signal::GiveUp);
                }
            }
            Signal::Wake if self.ends[side].wakes == Some(now) => {
                self.ends[side].wakes = None;
                self.line.woken(now, side);
            }
            Signal::Read => {
                self.read_slowly(road, side, true);
                self.line.woken(now, side);
            }
            Signal::GiveUp if self.ends[side].state == State::Opening => {
                self.line.close(now, side, "handshake");
                self.over(road, side);
            }
            Signal::Gone => road.told.push(Told::Gone(side)),
            _ => return,
        }
        self.hear(road);
    }

    fn is_lost(&self, _side: usize, _signal: &Signal) -> bool {
        false
    }

    fn breaks(&mut self, _road: &mut Road<'_>) {
        self.dead = true;
    }

    fn cut(&mut self, _road: &mut Road<'_>, _carries: [bool; 2]) {
        // Each datagram finds out by itself.
    }

    fn close(&mut self, road: &mut Road<'_>, by: usize) {
        self.line.close(road.now(), by, "closed");
        self.over(road, by);
        self.hear(road);
    }

    fn forget(&mut self, road: &mut Road<'_>, side: usize) {
        self.line.forget(side);
        self.ends[side].wakes = None;
        self.over(road, side);
    }

    fn discard(&mut self, _road: &mut Road<'_>) {}

    fn is_held_by(&self, side: usize) -> bool {
        matches!(self.ends[side].state, State::Opening | State::Up)
    }

    fn is_busy(&self) -> bool {
        let calm = |end: &End| end.state == State::Up && end.coming.is_empty();
        self.dead || !self.ends.iter().all(calm)
    }
}

#[cfg(test)]
mod tests;
