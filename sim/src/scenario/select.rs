//! Which nodes a rule of a scenario is about: by name, pattern, level, share, or as an island of neighbours.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::document::hint;
use super::place::metres;
use super::topology::{Role, Site};
use super::units::{Count, Range, Share, read};
use crate::rng::Rng;

/// Words of a selector, for messages.
const WANTED: &str = "nodes: `all`, a level (townships, communities, villages, posts, merchants), a name or pattern \
     (`village-3`, `village-*`), `under village-3`, `30% of villages`, `2..4 of villages`, `island of 12`, or a list \
     of these";

/// A choice of nodes.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "Words")]
pub enum Selector {
    /// Everybody.
    All,
    /// All of one level.
    Level(Role),
    /// Those whose name fits a pattern with `*` and `?`.
    Named(String),
    /// A node and all below it.
    Under(String),
    /// A share of others, drawn by chance, at least one.
    Share(Range<Share>, Box<Selector>),
    /// Some of others, drawn by chance.
    Some(Range<Count>, Box<Selector>),
    /// So many neighbouring villages, each with what is below it.
    Island(Range<Count>),
    /// All of several choices.
    Any(Vec<Selector>),
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected nodes: a text such as \"villages\", or a list of such")]
enum Words {
    One(String),
    Many(Vec<String>),
}

impl TryFrom<Words> for Selector {
    type Error = String;

    fn try_from(words: Words) -> Result<Selector, String> {
        match words {
            Words::One(text) => parse(&text),
            Words::Many(texts) => texts.iter().map(|text| parse(text)).collect::<Result<_, _>>().map(Selector::Any),
        }
    }
}

fn parse(text: &str) -> Result<Selector, String> {
    let text = text.trim();
    let wrong = || format!("`{text}` does not name {WANTED}");
    if let Some(level) = level(text) {
        return Ok(level);
    }
    if let Some(name) = text.strip_prefix("under ") {
        return Ok(Selector::Under(name.trim().to_owned()));
    }
    if let Some(size) = text.strip_prefix("island of ") {
        return Range::try_from(size.to_owned()).map(Selector::Island).map_err(|_| wrong());
    }
    if let Some((part, of)) = text.split_once(" of ") {
        let of = Box::new(parse(of)?);
        let share = part.contains('%').then(|| Range::try_from(part.to_owned()).map(|share| (share, of.clone())));
        return match share {
            Some(share) => share.map(|(share, of)| Selector::Share(share, of)).map_err(|_| wrong()),
            None => Range::try_from(part.to_owned()).map(|count| Selector::Some(count, of)).map_err(|_| wrong()),
        };
    }
    if text.is_empty() || text.contains(char::is_whitespace) || read::<Count>(text).is_some() {
        return Err(wrong());
    }
    Ok(Selector::Named(text.to_owned()))
}

fn level(text: &str) -> Option<Selector> {
    let role = match text {
        "all" => return Some(Selector::All),
        "township" | "townships" => Role::Township,
        "community" | "communities" => Role::Community,
        "village" | "villages" => Role::Village,
        "post" | "posts" => Role::Post,
        "merchant" | "merchants" => Role::Merchant,
        _ => return None,
    };
    Some(Selector::Level(role))
}

impl Selector {
    /// The positions of the chosen nodes.
    ///
    /// # Errors
    /// When a name fits nobody.
    pub(super) fn pick(&self, sites: &[Site], rng: &mut Rng) -> Result<BTreeSet<usize>, String> {
        let those = |fits: &dyn Fn(&Site) -> bool| {
            sites.iter().enumerate().filter(|(_, site)| fits(site)).map(|(n, _)| n).collect::<BTreeSet<usize>>()
        };
        match self {
            Selector::All => Ok(those(&|_| true)),
            Selector::Level(role) => Ok(those(&|site| site.role == *role)),
            Selector::Named(pattern) => named(pattern, sites),
            Selector::Under(pattern) => Ok(with_below(named(pattern, sites)?, sites)),
            Selector::Share(share, of) => {
                let of = of.pick(sites, rng)?;
                let count = (of.len() as u64 * share.draw(rng)).div_ceil(1000);
                Ok(some(of, count, rng))
            }
            Selector::Some(count, of) => {
                let of = of.pick(sites, rng)?;
                let count = count.draw(rng);
                Ok(some(of, count, rng))
            }
            Selector::Island(size) => {
                let villages = sites.iter().filter(|site| site.role == Role::Village).count() as u64;
                if size.low > villages && villages > 0 {
                    return Err(format!("an island of {} villages, and there are {villages}", size.low));
                }
                Ok(island(size.draw(rng), sites, rng))
            }
            Selector::Any(choices) => choices.iter().try_fold(BTreeSet::new(), |mut all, choice| {
                all.extend(choice.pick(sites, rng)?);
                Ok(all)
            }),
        }
    }
}

fn named(pattern: &str, sites: &[Site]) -> Result<BTreeSet<usize>, String> {
    // In a scenario of several townships `village-3` is the third of each, `t2.village-3` that of the second.
    let fits = |name: &str| {
        matches(pattern.as_bytes(), name.as_bytes())
            || name.split_once('.').is_some_and(|(_, name)| matches(pattern.as_bytes(), name.as_bytes()))
    };
    let found: BTreeSet<usize> = sites.iter().enumerate().filter(|(_, s)| fits(&s.name)).map(|(n, _)| n).collect();
    if found.is_empty() {
        let hint = hint(pattern, sites.iter().map(|site| site.name.as_str()));
        return Err(format!("no node is called `{pattern}`{hint}"));
    }
    Ok(found)
}

/// Whether a name fits a pattern in which `*` stands for anything and `?` for one letter.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    match (pattern.split_first(), name.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), _) => matches(rest, name) || name.split_first().is_some_and(|(_, n)| matches(pattern, n)),
        (Some((p, rest)), Some((n, name))) => (p == n || *p == b'?') && matches(rest, name),
        _ => false,
    }
}

fn with_below(mut chosen: BTreeSet<usize>, sites: &[Site]) -> BTreeSet<usize> {
    // Parents stand before their children, so one pass will do.
    for (n, site) in sites.iter().enumerate() {
        if site.parent.is_some_and(|parent| chosen.contains(&parent)) {
            chosen.insert(n);
        }
    }
    chosen
}

fn some(of: BTreeSet<usize>, count: u64, rng: &mut Rng) -> BTreeSet<usize> {
    let mut left: Vec<usize> = of.into_iter().collect();
    let mut chosen = BTreeSet::new();
    while (chosen.len() as u64) < count
        && let Some(one) = rng.pick(&left).copied()
    {
        left.retain(|n| *n != one);
        chosen.insert(one);
    }
    chosen
}

fn island(size: u64, sites: &[Site], rng: &mut Rng) -> BTreeSet<usize> {
    let villages: Vec<usize> = (0..sites.len()).filter(|n| sites[*n].role == Role::Village).collect();
    let Some(first) = rng.pick(&villages).copied() else { return BTreeSet::new() };
    let mut near: Vec<(u64, usize)> = villages
        .iter()
        .map(|n| match (sites[first].place, sites[*n].place) {
            (Some(a), Some(b)) => (metres(a, b), *n),
            _ => (n.abs_diff(first) as u64, *n),
        })
        .collect();
    near.sort_unstable();
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    with_below(near.into_iter().take(size).map(|(_, n)| n).collect(), sites)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::topology::{Layout, Topology};

    fn chosen(text: &str, seed: u64) -> Result<Vec<String>, String> {
        let topology: Topology = toml::from_str("villages = 10\nposts = 20\nmerchants = 2").unwrap();
        let sites = Layout::build(&topology, 1).unwrap().sites;
        let set = parse(text)?.pick(&sites, &mut Rng::new(seed, "test", "select"))?;
        Ok(set.into_iter().map(|n| sites[n].name.clone()).collect())
    }

    #[test]
    fn names_patterns_and_levels_choose_those_that_they_name() {
        assert_eq!(chosen("village-3", 1).unwrap(), ["village-3"]);
        assert_eq!(chosen("township", 1).unwrap(), ["township"]);
        assert_eq!(chosen("village-1*", 1).unwrap().len(), 2 + 4);
        assert_eq!(chosen("villages", 1).unwrap().len(), 10);
        assert_eq!(chosen("all", 1).unwrap().len(), 33);
        assert_eq!(chosen("under village-3", 1).unwrap(), ["village-3", "village-3-post-1", "village-3-post-2"]);
        assert!(chosen("village-33", 1).unwrap_err().contains("nearest: `village-3`"));
    }

    #[test]
    fn shares_and_islands_are_drawn_by_seed_and_have_the_size_that_was_asked_for() {
        assert_eq!(chosen("30% of villages", 1).unwrap().len(), 3);
        assert_eq!(chosen("1% of villages", 1).unwrap().len(), 1);
        assert_eq!(chosen("2 of posts", 1).unwrap().len(), 2);
        let islands: BTreeSet<_> = (0..20).map(|seed| chosen("island of 3", seed).unwrap()).collect();
        assert!(islands.len() > 3 && islands.iter().all(|island| island.len() == 9), "{islands:?}");
        assert_eq!(chosen("island of 3", 7), chosen("island of 3", 7));
    }

    #[test]
    fn what_names_nobody_is_refused_with_what_would() {
        for text in ["", "everybody else", "3", "many of villages", "island of some"] {
            assert!(parse(text).unwrap_err().contains("30% of villages"), "{text}");
        }
    }
}
