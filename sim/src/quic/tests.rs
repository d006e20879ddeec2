use super::{Line, Tls, Told};
use crate::rng::Rng;
use crate::scheduler::{MILLI, Micros, SECOND, Scheduler};

enum Event {
    Datagram { to: usize, bytes: Vec<u8> },
    Wake { side: usize },
}

/// A line on which so many of a thousand datagrams are lost and the others take 20 to 60 ms, in any order.
struct World {
    line: Line,
    queue: Scheduler<Event>,
    rng: Rng,
    loss_permille: u64,
    up: [Option<Micros>; 2],
    lost: [Option<Micros>; 2],
    got: [Vec<u8>; 2],
    wakes: [Option<Micros>; 2],
    log: Vec<(Micros, usize, usize)>,
}

impl World {
    fn new(seed: u64, loss_permille: u64) -> World {
        let line = Line::dial(0, [7; 32], &Tls::new().unwrap());
        let rng = Rng::new(seed, "line", "datagrams");
        let (queue, got) = (Scheduler::default(), [Vec::new(), Vec::new()]);
        World {
            line,
            queue,
            rng,
            loss_permille,
            up: [None; 2],
            lost: [None; 2],
            got,
            wakes: [None; 2],
            log: Vec::new(),
        }
    }

    fn hear(&mut self) {
        let now = self.queue.now();
        for side in 0..2 {
            while let Some(told) = self.line.told(side) {
                match told {
                    Told::Datagram(bytes) => {
                        self.log.push((now, side, bytes.len()));
                        let delay = self.rng.between(20 * MILLI, 60 * MILLI);
                        if !self.rng.chance(self.loss_permille) {
                            self.queue.after(delay, Event::Datagram { to: 1 - side, bytes });
                        }
                    }
                    Told::Up => self.up[side] = Some(now),
                    Told::Bytes(bytes) => self.got[side].extend(bytes),
                    Told::Lost => self.lost[side] = Some(now),
                }
            }
            if let Some(at) = self.line.wakes(side)
                && self.wakes[side].is_none_or(|planned| at < planned)
            {
                self.wakes[side] = Some(at);
                self.queue.at(at, Event::Wake { side });
            }
        }
    }

    fn send(&mut self, side: usize, bytes: &[u8]) {
        self.line.send(side, bytes);
        self.line.woken(self.queue.now(), side);
    }

    fn run(&mut self, until: Micros) {
        self.hear();
        while self.queue.next_time().is_some_and(|time| time <= until) {
            let Some((now, _, event)) = self.queue.take() else { return };
            match event {
                Event::Datagram { to, bytes } => self.line.arrived(now, to, &bytes),
                Event::Wake { side } if self.wakes[side] == Some(now) => {
                    self.wakes[side] = None;
                    self.line.woken(now, side);
                }
                Event::Wake { .. } => {}
            }
            self.hear();
        }
    }
}

fn text(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|n| u8::try_from(n % 251).unwrap()).collect()
}

#[test]
fn bytes_arrive_in_order_over_a_line_that_loses_and_reorders() {
    let mut world = World::new(1, 50);
    world.run(3 * SECOND);
    assert!(world.up.iter().all(Option::is_some), "{:?}", world.up);
    world.send(0, &text(700_000));
    world.send(1, &text(5));
    assert!(world.line.unsent(0) > 0, "flow control holds the rest back");
    world.run(120 * SECOND);
    assert_eq!(world.got[1].len(), 700_000);
    assert!(world.got[1] == text(700_000) && world.got[0] == text(5));
}

#[test]
fn the_same_seed_sends_the_same_datagrams_at_the_same_times() {
    let run = || {
        let mut world = World::new(3, 30);
        world.run(2 * SECOND);
        world.send(0, &text(100_000));
        world.run(60 * SECOND);
        world.log
    };
    let (one, two) = (run(), run());
    assert!(one.len() > 100, "{} datagrams", one.len());
    assert_eq!(one, two);
}

#[test]
fn silence_is_noticed_after_the_idle_timeout_and_a_farewell_at_once() {
    let mut silent = World::new(5, 0);
    silent.run(2 * SECOND);
    silent.loss_permille = 1000;
    silent.run(200 * SECOND);
    for lost in silent.lost {
        let lost = lost.unwrap();
        assert!((55 * SECOND..80 * SECOND).contains(&lost), "noticed after {lost} microseconds");
    }
    let mut polite = World::new(5, 0);
    polite.run(2 * SECOND);
    let now = polite.queue.now();
    polite.line.close(now, 0, "stopped");
    polite.run(4 * SECOND);
    assert!(polite.lost[1].is_some_and(|lost| lost < now + SECOND), "{:?}", polite.lost);
}

#[test]
fn an_end_that_has_forgotten_answers_with_a_reset_and_the_other_knows_at_its_next_sign_of_life() {
    // What the end that dials named itself in the first place comes without a token, so only the other can tell it.
    let mut world = World::new(5, 0);
    world.run(2 * SECOND);
    world.line.forget(1);
    world.wakes[1] = None;
    world.run(20 * SECOND);
    assert!(world.lost[0].is_some_and(|lost| lost < 17 * SECOND), "{:?}", world.lost);
    assert_eq!(world.lost[1], None, "who has forgotten has nothing to lose");
}

#[test]
fn who_reads_nothing_stops_the_other_and_gets_all_once_it_reads() {
    let mut world = World::new(5, 0);
    world.run(2 * SECOND);
    world.line.reads(1, Some(1000));
    world.send(0, &text(700_000));
    world.run(30 * SECOND);
    assert_eq!(world.got[1].len(), 1000);
    assert!(world.line.unsent(0) > 400_000, "{} bytes wait", world.line.unsent(0));
    world.line.reads(1, None);
    world.line.woken(world.queue.now(), 1);
    world.run(90 * SECOND);
    assert!(world.got[1] == text(700_000));
}
