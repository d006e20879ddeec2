//! A small seeded generator (SplitMix64, Steele et al., OOPSLA 2014): the same seed gives the same town everywhere.

/// Throws that depend on the seed alone.
pub(in crate::demo) struct Dice(u64);

impl Dice {
    /// Dice of their own for one part of the town, so that a change in one does not move the others.
    pub(in crate::demo) fn new(seed: u64, part: u64) -> Dice {
        let mut dice = Dice(seed ^ part.wrapping_mul(0xd134_2543_de82_ef95));
        dice.next();
        dice
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A whole number from 0 to `below` − 1; 0 when `below` is 0.
    pub(in crate::demo) fn below(&mut self, below: usize) -> usize {
        let product = u128::from(self.next()) * below as u128;
        usize::try_from(product >> 64).unwrap_or(0)
    }

    /// A whole number from `low` to `high`, both included.
    pub(in crate::demo) fn between(&mut self, low: i64, high: i64) -> i64 {
        low + i64::try_from(self.below(usize::try_from(high - low + 1).unwrap_or(0))).unwrap_or(0)
    }

    /// True `percent` times of a hundred.
    pub(in crate::demo) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// One of these.
    pub(in crate::demo) fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }

    /// A place among `count` where the first are far likelier than the last: few people do most of the work.
    pub(in crate::demo) fn skewed(&mut self, count: usize) -> usize {
        let scale = 1 << 20;
        let share = self.below(scale) as u128;
        let cubed = share * share * share / (scale as u128 * scale as u128);
        usize::try_from(cubed * count as u128 / scale as u128).unwrap_or(0)
    }

    /// `take` of the numbers below `count`, in order, each set equally likely.
    pub(in crate::demo) fn sample(&mut self, take: usize, count: usize) -> Vec<usize> {
        let mut left = take;
        (0..count)
            .filter(|at| {
                let taken = self.below(count - at) < left;
                left -= usize::from(taken);
                taken
            })
            .collect()
    }
}
