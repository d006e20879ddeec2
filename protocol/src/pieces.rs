//! Pieces: which stored segments hold an actor's changes, and when so many small ones should become a large one.
//!
//! Drivers keep one [`Pieces`] beside the journal and serve peers from it. The rule is that of a log-structured merge:
//! eight neighbours of one size become one of the next, so that of each size fewer than eight remain and a change
//! is written again at most four times.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::body::CHANGES;
use crate::id::{Actor, DocId};
use crate::segment::Header;

/// Pieces of one size that become one of the next; also how many times as many changes that one holds at least.
pub const FAN_IN: u64 = 8;
/// Sizes that are joined further; a piece of the next is as large as a segment may be.
const SIZES: u32 = 4;

/// A run of changes stored in more pieces than it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Crowd {
    /// The document.
    pub doc: DocId,
    /// Whose changes.
    pub actor: Actor,
    /// Number of the first change.
    pub first: u64,
    /// Number of the last change.
    pub last: u64,
    /// In how many pieces.
    pub pieces: u64,
}

/// A stored segment and where it is.
#[derive(Clone, Debug)]
struct Piece<P> {
    first: u64,
    last: u64,
    place: P,
}

impl<P> Piece<P> {
    fn changes(&self) -> u64 {
        self.last - self.first + 1
    }

    /// 0 below 8 changes, 1 below 64, 2 below 512, 3 below 4,096, then 4.
    fn size(&self) -> u32 {
        self.changes().ilog2() / FAN_IN.ilog2()
    }
}

/// The pieces in use, by document and actor. A piece that another covers is not in use any more.
#[derive(Clone, Debug)]
pub struct Pieces<P> {
    /// Each actor's ascending by first and by last: none covers another.
    docs: BTreeMap<DocId, BTreeMap<Actor, Vec<Piece<P>>>>,
}

impl<P> Default for Pieces<P> {
    fn default() -> Self {
        Pieces { docs: BTreeMap::new() }
    }
}

impl<P> Pieces<P> {
    /// Enters a durable segment, in place of those that it covers. One that is covered is not entered.
    pub fn enter(&mut self, header: &Header, place: P) {
        let (first, last) = (header.first, header.last);
        let actors = match self.docs.get_mut(&header.doc) {
            Some(actors) => actors,
            None => self.docs.entry(header.doc.clone()).or_default(),
        };
        let pieces = actors.entry(header.actor).or_default();
        let reaches = pieces.partition_point(|piece| piece.last < last);
        if pieces.get(reaches).is_some_and(|piece| piece.first <= first) {
            return;
        }
        let from = pieces.partition_point(|piece| piece.first < first);
        let until = pieces.partition_point(|piece| piece.last <= last);
        pieces.splice(from..until.max(from), [Piece { first, last, place }]);
    }

    /// The pieces of an actor that hold anything after `after`, up to `upto`, in order.
    pub fn between(&self, doc: &DocId, actor: Actor, after: u64, upto: u64) -> impl Iterator<Item = &P> {
        let pieces = self.docs.get(doc).and_then(|actors| actors.get(&actor)).map_or(&[][..], Vec::as_slice);
        let from = pieces.partition_point(|piece| piece.last <= after);
        pieces[from..].iter().take_while(move |piece| piece.first <= upto).map(|piece| &piece.place)
    }

    /// All pieces of a document: by actor, each actor's in order.
    pub fn of_doc(&self, doc: &DocId) -> impl Iterator<Item = &P> {
        self.docs.get(doc).into_iter().flat_map(BTreeMap::values).flatten().map(|piece| &piece.place)
    }

    /// All pieces.
    pub fn all(&self) -> impl Iterator<Item = &P> {
        self.docs.values().flat_map(BTreeMap::values).flatten().map(|piece| &piece.place)
    }

    /// Runs that should be one piece: at most one of each actor and document, and no more changes in it than a segment
    /// holds.
    pub fn crowds(&self) -> Vec<Crowd> {
        let actors = self.docs.iter().flat_map(|(doc, actors)| actors.iter().map(move |(actor, p)| (doc, actor, p)));
        actors
            .filter_map(|(doc, actor, pieces)| {
                let run = (0..SIZES).find_map(|size| crowded(pieces, size))?;
                let (first, last) = (run.first()?.first, run.last()?.last);
                Some(Crowd { doc: doc.clone(), actor: *actor, first, last, pieces: run.len() as u64 })
            })
            .collect()
    }
}

/// The first run of neighbours that are no larger than `size` and of which enough are of that size.
fn crowded<P>(pieces: &[Piece<P>], size: u32) -> Option<&[Piece<P>]> {
    let joined = |a: &Piece<P>, b: &Piece<P>| b.first <= a.last + 1 && a.size() <= size && b.size() <= size;
    pieces.chunk_by(joined).find_map(|run| {
        let of_size = |piece: &Piece<P>| piece.size() == size;
        let run = &run[run.iter().position(of_size)?..];
        let start = run.first()?.first;
        let fits = run.partition_point(|piece| piece.last - start < CHANGES as u64);
        let run = &run[..fits];
        (run.iter().filter(|piece| of_size(piece)).count() as u64 >= FAN_IN).then_some(run)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::NodeId;
    use crate::time::Hlc;

    const ACTOR: Actor = Actor { node: NodeId([3; 16]), incarnation: 1 };

    fn header(first: u64, last: u64) -> Header {
        Header { doc: "110112119201/ledger/2021-01".parse().unwrap(), actor: ACTOR, first, last, hlc: Hlc(7) }
    }

    fn pieces(ranges: impl IntoIterator<Item = (u64, u64)>) -> Pieces<(u64, u64)> {
        let mut pieces = Pieces::default();
        ranges.into_iter().for_each(|(first, last)| pieces.enter(&header(first, last), (first, last)));
        pieces
    }

    fn served(pieces: &Pieces<(u64, u64)>, after: u64, upto: u64) -> Vec<(u64, u64)> {
        pieces.between(&header(1, 1).doc, ACTOR, after, upto).copied().collect()
    }

    #[test]
    fn a_larger_piece_takes_the_place_of_those_that_it_covers() {
        let all = pieces([(1, 1), (2, 2), (3, 5), (6, 6), (2, 5), (3, 3), (2, 5)]);
        assert_eq!(served(&all, 0, 9), [(1, 1), (2, 5), (6, 6)]);
        assert_eq!(served(&all, 3, 5), [(2, 5)]);
        assert_eq!(served(&all, 5, 9), [(6, 6)]);
        assert_eq!(served(&pieces([(1, 4), (3, 6), (2, 5)]), 0, 9), [(1, 4), (2, 5), (3, 6)]);
        assert_eq!(served(&pieces([(3, 3), (1, 1), (1, 9)]), 0, 9), [(1, 9)]);
        assert_eq!(served(&pieces([]), 0, 9), []);
    }

    #[test]
    fn every_change_is_served_however_pieces_overlap() {
        for seed in 0u64..500 {
            let mut state = seed;
            let mut next = |below: u64| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 33) % below
            };
            let ranges: Vec<(u64, u64)> = (0..20).map(|_| (1 + next(30), next(10))).map(|(a, n)| (a, a + n)).collect();
            let all = pieces(ranges.clone());
            let kept = served(&all, 0, 100);
            assert!(kept.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 < pair[1].1), "{kept:?}");
            for seq in 1..50 {
                let held = |ranges: &[(u64, u64)]| ranges.iter().any(|(first, last)| (*first..=*last).contains(&seq));
                assert_eq!(held(&ranges), held(&kept), "{seq} of {ranges:?}");
                assert_eq!(held(&ranges), held(&served(&all, seq - 1, seq)), "{seq} of {ranges:?}");
            }
        }
    }

    #[test]
    fn eight_of_a_size_are_a_crowd_and_what_they_become_is_none() {
        let crowd = |ranges: Vec<(u64, u64)>| {
            pieces(ranges).crowds().first().map(|crowd| (crowd.first, crowd.last, crowd.pieces))
        };
        let singles = |from: u64, count: u64| (from..from + count).map(|n| (n, n)).collect::<Vec<_>>();
        assert_eq!(crowd(singles(1, 7)), None);
        assert_eq!(crowd(singles(1, 8)), Some((1, 8, 8)));
        assert_eq!(crowd(singles(1, 5000)), Some((1, 4096, 4096)));
        assert_eq!(crowd([singles(1, 5), singles(20, 7)].concat()), None, "not neighbours");
        assert_eq!(crowd([vec![(1, 8)], singles(9, 7)].concat()), None);
        let eights: Vec<_> = (0..8).map(|n| (1 + n * 8, 8 + n * 8)).collect();
        assert_eq!(crowd([singles(65, 3), eights].concat()), Some((1, 67, 11)));
        assert_eq!(crowd([vec![(1, 64)], singles(65, 3)].concat()), None);
        let full: Vec<_> = (0..40).map(|n| (1 + n * 4096, 4096 + n * 4096)).collect();
        assert_eq!(crowd(full), None);
    }

    #[test]
    fn merged_again_and_again_few_pieces_remain_and_little_is_written_twice() {
        let (mut all, mut written) = (Pieces::default(), 0);
        for seq in 1..=20_000u64 {
            all.enter(&header(seq, seq), (seq, seq));
            while let Some(crowd) = all.crowds().pop() {
                written += crowd.last - crowd.first + 1;
                all.enter(&header(crowd.first, crowd.last), (crowd.first, crowd.last));
            }
        }
        assert!(all.all().count() <= 4 * 7 + 5, "{} pieces", all.all().count());
        assert!(written <= 4 * 20_000, "{written} changes written again");
    }
}
