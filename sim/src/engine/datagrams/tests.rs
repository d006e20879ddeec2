use xiangyue_protocol::transport::{IDLE_MILLIS, KEEP_ALIVE_MILLIS};

use super::super::Event;
use super::super::wire::tests::World;
use super::*;
use crate::link::LinkClass;

const IDLE: Micros = IDLE_MILLIS as Micros * MILLI;
const KEEP_ALIVE: Micros = KEEP_ALIVE_MILLIS as Micros * MILLI;

/// A connection whose ends note when they are told what.
struct Pair {
    world: World,
    wire: Datagrams,
    up: [Option<Micros>; 2],
    gone: [Option<Micros>; 2],
    broke: Option<Micros>,
    arrived: [usize; 2],
}

impl Pair {
    fn dial(class: LinkClass) -> Pair {
        let mut world = World::new(class);
        let mut wire = Datagrams::new(0, &mut Rng::new(1, "pair", "seed"), &Tls::new().unwrap());
        wire.open(&mut world.road());
        Pair { world, wire, up: [None; 2], gone: [None; 2], broke: None, arrived: [0; 2] }
    }

    /// One that is up.
    fn new() -> Pair {
        let mut pair = Pair::dial(LinkClass::default());
        pair.run(5 * SECOND);
        assert!(pair.up.iter().all(Option::is_some), "{:?}", pair.up);
        assert!(!pair.wire.is_busy());
        pair
    }

    fn run(&mut self, until: Micros) {
        while self.world.queue.next_time().is_some_and(|time| time <= until) {
            let Some((_, _, Event::Wire { side, signal, .. })) = self.world.queue.take() else { return };
            self.wire.signal(&mut self.world.road(), side, signal);
            self.listen();
        }
    }

    fn listen(&mut self) {
        let now = Some(self.world.queue.now());
        for told in std::mem::take(&mut self.world.told) {
            match told {
                Told::Up(side) => self.up[side] = now,
                Told::Arrived(side, _) => self.arrived[side] += 1,
                Told::Gone(side) => self.gone[side] = now,
                Told::Broke => self.broke = now,
                Told::Garbled(side, refusal) => panic!("end {side}: {refusal}"),
            }
        }
    }

    fn send(&mut self, to: usize, frames: u32) {
        for n in 0..frames {
            let parcel = Parcel::Frame(Frame::Totals(u64::from(n), 0));
            self.wire.send(&mut self.world.road(), to, Load { parcel, bytes: 0, waits: true });
        }
    }

    fn now(&self) -> Micros {
        self.world.queue.now()
    }
}

/// Whether an end was told between these times after `since`.
fn within(told: Option<Micros>, since: Micros, times: std::ops::Range<Micros>) -> bool {
    told.is_some_and(|told| times.contains(&(told - since)))
}

#[test]
fn a_cut_that_is_shorter_than_patience_loses_nothing_and_breaks_nothing() {
    let mut pair = Pair::new();
    pair.world.there = false;
    pair.send(1, 10);
    pair.send(0, 20);
    pair.run(pair.now() + IDLE / 3);
    assert_eq!((pair.arrived, pair.wire.in_flight(1), pair.wire.is_busy()), ([0, 0], 10, true));
    pair.world.there = true;
    pair.run(pair.now() + IDLE);
    assert_eq!((pair.arrived, pair.gone, pair.broke), ([20, 10], [None; 2], None));
    assert!(!pair.wire.is_busy(), "nothing is under way any more");
}

#[test]
fn a_cut_that_lasts_and_a_break_are_found_out_by_both_when_nothing_comes() {
    for breaks in [false, true] {
        let mut pair = Pair::new();
        let since = pair.now();
        if breaks {
            pair.wire.breaks(&mut pair.world.road());
        } else {
            pair.world.there = false;
        }
        pair.run(since + 2 * IDLE);
        let patience = IDLE - KEEP_ALIVE..IDLE + 2 * KEEP_ALIVE;
        assert!(pair.gone.iter().all(|gone| within(*gone, since, patience.clone())), "{since}: {:?}", pair.gone);
        assert_eq!(pair.broke, pair.gone[0], "it is dialled anew when the dialling end knows");
    }
}

#[test]
fn what_comes_one_way_only_still_comes_and_then_both_give_up() {
    let mut pair = Pair::new();
    let since = pair.now();
    pair.world.cut_towards(0);
    pair.send(1, 3);
    pair.run(since + 3 * IDLE);
    assert_eq!(pair.arrived, [0, 3]);
    assert!(pair.gone.iter().all(|gone| within(*gone, since, IDLE / 2..3 * IDLE)), "{since}: {:?}", pair.gone);
}

#[test]
fn who_dialled_a_node_that_was_switched_off_and_on_hears_a_reset() {
    let mut pair = Pair::new();
    let since = pair.now();
    pair.wire.forget(&mut pair.world.road(), 1);
    pair.run(since + 2 * KEEP_ALIVE);
    assert!(within(pair.gone[0], since, 0..KEEP_ALIVE + 2 * SECOND), "{since}: {:?}", pair.gone);
}

#[test]
fn who_was_dialled_by_a_node_that_was_switched_off_finds_out_by_itself() {
    let mut pair = Pair::new();
    let since = pair.now();
    pair.wire.forget(&mut pair.world.road(), 0);
    pair.listen();
    assert_eq!(pair.broke, Some(since), "the node that dials may dial anew once it is back");
    pair.run(since + 2 * IDLE);
    assert!(within(pair.gone[1], since, 0..IDLE + 2 * KEEP_ALIVE), "{since}: {:?}", pair.gone);
}

#[test]
fn a_farewell_is_heard_at_once() {
    for by in 0..2 {
        let mut pair = Pair::new();
        let since = pair.now();
        pair.wire.close(&mut pair.world.road(), by);
        pair.run(since + 2 * KEEP_ALIVE);
        assert!(pair.gone.iter().all(|gone| within(*gone, since, 0..SECOND)), "{since}: {:?}", pair.gone);
    }
}

#[test]
fn a_handshake_without_an_answer_is_given_up() {
    let mut pair = Pair::dial(LinkClass::default());
    pair.world.there = false;
    pair.run(2 * IDLE);
    let ten = Some(Micros::from(HANDSHAKE_MILLIS) * MILLI);
    assert_eq!((pair.up, pair.gone, pair.broke), ([None; 2], [ten; 2], ten));
}

#[test]
fn lost_datagrams_are_sent_again() {
    let mut pair = Pair::dial(LinkClass { loss_permille: 200, ..LinkClass::default() });
    pair.run(10 * SECOND);
    pair.send(1, 2000);
    pair.run(120 * SECOND);
    assert_eq!((pair.arrived, pair.gone), ([0, 2000], [None; 2]));
}
