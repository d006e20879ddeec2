//! Randomness that depends on the seed, a name and a purpose, and on nothing else.
//!
//! Each drawer has its own stream, so a node that is added, or a draw more at one node, shifts nobody else's.

/// A stream of random numbers.
#[derive(Debug, Clone)]
pub struct Rng(blake3::OutputReader);

impl Rng {
    /// The stream of `who` for `purpose` under `seed`.
    pub fn new(seed: u64, who: &str, purpose: &str) -> Rng {
        let mut hasher = blake3::Hasher::new_derive_key("xiangyue sim randomness v1");
        hasher.update(&seed.to_be_bytes());
        hasher.update(&(who.len() as u64).to_be_bytes());
        hasher.update(who.as_bytes());
        hasher.update(purpose.as_bytes());
        Rng(hasher.finalize_xof())
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        u64::from_be_bytes(bytes)
    }

    /// A number below `bound`; 0 when `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        let wide = u128::from(self.number()) * u128::from(bound);
        u64::try_from(wide >> 64).unwrap_or(0)
    }

    /// A number from `low` to `high`, both included.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low) + 1)
    }

    /// True in `permille` of a thousand draws.
    pub fn chance(&mut self, permille: u64) -> bool {
        self.below(1000) < permille
    }

    /// One of a slice; none when it is empty.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        from.get(usize::try_from(self.below(from.len() as u64)).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_differ_by_seed_name_and_purpose_and_repeat() {
        let first = |seed, who, purpose| Rng::new(seed, who, purpose).number();
        assert_eq!(first(1, "a", "x"), first(1, "a", "x"));
        let others = [first(2, "a", "x"), first(1, "b", "x"), first(1, "a", "y"), first(1, "ax", "")];
        assert!(others.iter().all(|other| *other != first(1, "a", "x")));
    }

    #[test]
    fn draws_stay_in_their_range_and_reach_its_ends() {
        let mut rng = Rng::new(1, "a", "range");
        let drawn: std::collections::BTreeSet<u64> = (0..200).map(|_| rng.between(3, 6)).collect();
        assert_eq!(drawn.into_iter().collect::<Vec<_>>(), [3, 4, 5, 6]);
    }
}
