//! The tier of streams: a connection is an ordered stream that breaks. What is in flight when it breaks is lost; each
//! end learns of it later.

use super::wire::{Load, Road, Signal, Told, Wire};
use crate::scheduler::{Micros, SECOND};
use crate::stats::Sometimes;

#[derive(Debug)]
pub(super) struct Stream {
    broken: bool,
    /// Whether what is sent towards each end gets there.
    carries: [bool; 2],
    /// Ends that know that it is gone.
    gone: [bool; 2],
    /// Things that wait or are on their way towards each end: frames, and runs of stored segments.
    in_flight: [usize; 2],
    /// Arrivals towards each end that are still to come.
    queued: [usize; 2],
    /// Counts breaks, so that nothing sent before one arrives after it.
    era: u32,
    /// When the last frame sent towards each end arrives: nothing overtakes it.
    last_arrival: [Micros; 2],
    /// When the line towards each end is free again.
    free_at: [Micros; 2],
}

impl Stream {
    pub(super) fn new() -> Stream {
        Stream {
            broken: false,
            carries: [true; 2],
            gone: [false; 2],
            in_flight: [0; 2],
            queued: [0; 2],
            era: 0,
            last_arrival: [0; 2],
            free_at: [0; 2],
        }
    }

    /// TLS 1.3 over QUIC: the one that answers is ready after one way, the one that dials after a round trip.
    fn greet(&mut self, road: &mut Road<'_>) {
        let there = road.now() + road.latency();
        self.last_arrival = [there + road.latency(), there];
    }

    /// When a frame of so many bytes, sent now towards an end, arrives there.
    fn arrival(&mut self, road: &mut Road<'_>, to: usize, bytes: u64) -> Micros {
        let sent = road.sent(&mut self.free_at[to], bytes);
        let arrival = (sent + road.latency()).max(self.last_arrival[to] + 1);
        self.last_arrival[to] = arrival;
        arrival
    }

    /// It carries one way at most from now on, and is lost; what still gets through does until its end gives up.
    fn stop(&mut self, road: &mut Road<'_>, carries: [bool; 2]) {
        // What is lost still comes up in the queue, but nobody waits for it.
        for side in (0..2).filter(|side| !carries[*side]) {
            self.carries[side] = false;
            *road.background += std::mem::take(&mut self.queued[side]);
        }
        if std::mem::replace(&mut self.broken, true) {
            return;
        }
        for side in (0..2).filter(|side| !self.gone[*side]) {
            let notice = road.rng.between(road.class.notice.0, road.class.notice.1);
            road.later(road.now() + notice, side, Signal::Gone);
        }
        road.told.push(Told::Broke);
    }
}

impl Wire for Stream {
    fn open(&mut self, road: &mut Road<'_>) {
        self.greet(road);
        (0..2).for_each(|side| road.later(self.last_arrival[side], side, Signal::Up));
    }

    fn reopen(&mut self, road: &mut Road<'_>) {
        *self = Stream { era: self.era + 1, ..Stream::new() };
        self.greet(road);
    }

    fn takes(&self, to: usize) -> bool {
        self.carries[to]
    }

    fn in_flight(&self, to: usize) -> usize {
        self.in_flight[to]
    }

    fn is_backed_up(&self, now: Micros, to: usize) -> bool {
        self.free_at[to] > now + SECOND
    }

    fn send(&mut self, road: &mut Road<'_>, to: usize, load: Load) {
        let at = self.arrival(road, to, load.bytes.saturating_mul(road.slow(to)));
        self.in_flight[to] += usize::from(load.waits);
        self.queued[to] += 1;
        road.later(at, to, Signal::Arrive { era: self.era, parcel: load.parcel, waits: load.waits });
    }

    fn signal(&mut self, road: &mut Road<'_>, side: usize, signal: Signal) {
        match signal {
            Signal::Up => road.told.push(Told::Up(side)),
            Signal::Gone => {
                self.gone[side] = true;
                road.told.push(Told::Gone(side));
            }
            Signal::Arrive { era, parcel, waits } if era == self.era => {
                self.in_flight[side] -= usize::from(waits);
                self.queued[side] = self.queued[side].saturating_sub(1);
                if !self.carries[side] || self.gone[side] {
                    road.stats.met(Sometimes::LostInFlight);
                    return;
                }
                road.stats.met_times(Sometimes::CameThroughOneWay, u64::from(self.broken));
                road.told.push(Told::Arrived(side, parcel));
            }
            Signal::Arrive { .. } => road.stats.met(Sometimes::LostInFlight),
            Signal::Datagram(_) | Signal::Wake | Signal::Read | Signal::GiveUp => {}
        }
    }

    fn is_lost(&self, side: usize, signal: &Signal) -> bool {
        matches!(signal, Signal::Arrive { era, .. } if *era != self.era || !self.carries[side])
    }

    fn breaks(&mut self, road: &mut Road<'_>) {
        self.stop(road, [false; 2]);
    }

    fn cut(&mut self, road: &mut Road<'_>, carries: [bool; 2]) {
        self.stop(road, carries);
    }

    fn close(&mut self, road: &mut Road<'_>, _by: usize) {
        self.stop(road, [false; 2]);
    }

    fn forget(&mut self, road: &mut Road<'_>, side: usize) {
        self.gone[side] = true;
        self.stop(road, [false; 2]);
    }

    fn discard(&mut self, road: &mut Road<'_>) {
        self.gone = [true; 2];
        self.stop(road, [false; 2]);
    }

    fn is_held_by(&self, _side: usize) -> bool {
        !self.broken
    }

    fn is_busy(&self) -> bool {
        // Every frame and every end that does not know yet has its event.
        false
    }
}

#[cfg(test)]
mod tests {
    use super::super::wire::tests::World;
    use super::*;
    use crate::link::{Cell, LinkClass};

    #[test]
    fn nothing_overtakes_on_one_stream() {
        let mut world = World::new(LinkClass { loss_permille: 200, ..LinkClass::default() });
        let mut stream = Stream::new();
        let arrivals: Vec<Micros> = (0..200).map(|_| stream.arrival(&mut world.road(), 1, 100)).collect();
        assert!(arrivals.is_sorted_by(|a, b| a < b), "{arrivals:?}");
    }

    #[test]
    fn links_of_one_cell_wait_for_each_other() {
        let class = LinkClass { latency: (0, 0), loss_permille: 0, bandwidth: None, ..LinkClass::default() };
        let mut world = World::new(class);
        let (cell, mut free_at) = (Cell { name: "2G".into(), bandwidth: 100 }, 0);
        let mut arrive = |_link| {
            let mut road = world.road();
            (road.cell, road.extra) = (Some((&cell, &mut free_at)), 7);
            Stream::new().arrival(&mut road, 1, 50)
        };
        assert_eq!([arrive(0), arrive(1), arrive(2)], [SECOND / 2 + 7, SECOND + 7, SECOND * 3 / 2 + 7]);
    }
}
