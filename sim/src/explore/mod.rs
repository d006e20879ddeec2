//! Exhaustive mode: of a tiny world every interleaving is walked through, and the oracles hold in all of them.
//!
//! A depth-first walk over cloned worlds. A world that was met before is not entered again; two worlds are the
//! same when their nodes, journals, wires, clerks and remaining faults are (`World::print`). What an oracle remembers
//! beside that follows from it: what was written lies in journals, what was answered stands with the clerks.
//!
//! **What is left out, and why nothing is missed.** A sync that no power cut can precede any more is done at
//! once: until it is done the node's effects wait in order and nobody else can tell the delay from a slow line. A
//! break is noticed by both ends at once and only what was in flight is lost; frames sent into a line that has broken
//! unnoticed are lost like these. Everything else is enumerated: which clerk acts, which frame arrives, which disk
//! syncs, where the power goes and what of the unsynced rows it leaves, when the line breaks and when it is dialled.

use std::collections::BTreeSet;

use xiangyue_protocol::Refusal;

use crate::node::Opened;
use crate::oracle::Violation;

mod tiny;
mod world;

pub use tiny::{Tiny, tiny};
pub use world::{Step, World};

/// What a walk has seen.
#[derive(Debug, Clone, Default)]
pub struct Walk {
    /// Different worlds.
    pub states: u64,
    /// Steps from one to another, also to one that was known.
    pub transitions: u64,
    /// Worlds at rest, in which the final checks were made.
    pub at_rest: u64,
    /// Worlds at rest in which no fault was left to happen.
    pub terminal: u64,
    /// The longest way from the start, in steps.
    pub depth: usize,
    /// Whether the limit ended the walk.
    pub cut_short: bool,
    /// What was broken first, and the steps that led there.
    pub broken: Option<(Violation, Vec<Step>)>,
}

/// Walks through every interleaving, to at most `limit` worlds; `progress` hears of every thousandth and says
/// whether to go on.
///
/// # Errors
/// When a node does not start again after a power cut.
pub fn explore(start: World, limit: u64, progress: &mut dyn FnMut(&Walk) -> bool) -> Result<Walk, Refusal> {
    let mut opened = Opened::default();
    let mut walk = Walk { states: 1, ..Walk::default() };
    let mut known = BTreeSet::from([start.print()]);
    let steps = start.steps();
    let mut way: Vec<Step> = Vec::new();
    let mut stack = vec![(start, steps)];
    while let Some((world, steps)) = stack.last_mut() {
        let Some(step) = steps.pop() else {
            stack.pop();
            way.pop();
            continue;
        };
        let mut next = world.clone();
        next.take(&mut opened, step)?;
        walk.transitions += 1;
        way.push(step);
        let fresh = known.insert(next.print());
        if fresh {
            walk.states += 1;
            walk.depth = walk.depth.max(way.len());
            let steps = next.steps();
            if steps.iter().all(Step::is_fault) {
                walk.at_rest += 1;
                walk.terminal += u64::from(steps.is_empty());
                next.check_rest();
            }
            if let Some(violation) = next.violation() {
                walk.broken = Some((violation.clone(), way));
                return Ok(walk);
            }
            if walk.states >= limit || (walk.states.is_multiple_of(1000) && !progress(&walk)) {
                walk.cut_short = true;
                return Ok(walk);
            }
            stack.push((next, steps));
        } else {
            if let Some(violation) = next.violation() {
                walk.broken = Some((violation.clone(), way));
                return Ok(walk);
            }
            way.pop();
        }
    }
    Ok(walk)
}
