//! Who there is and who is joined to whom: generated, or read from a table.
//!
//! A link is a connection that one end dials. Every node has one to its parent: a village and a merchant to their
//! township, a post to its village. That is not a choice: a village's documents are held by the village and its
//! township alone, so no other way would bring them there. What a kind adds are links between neighbours.

use std::collections::BTreeSet;

use serde::Deserialize;
use xiangyue_protocol::OrgCode;

use super::place::{beside, metres};
use super::select::Selector;
use super::units::{Amount, Count, Distance, Range};
use super::{csv, must};
use crate::plan::Place;
use crate::rng::Rng;

/// `[topology]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Topology {
    /// Which links there are between neighbours.
    pub kind: Kind,
    /// The first township's division code; further townships count on from it.
    pub code: OrgCode,
    /// Townships.
    pub townships: Option<Range<Count>>,
    /// Communities, in all townships together.
    pub communities: Option<Range<Count>>,
    /// Villages, in all townships together.
    pub villages: Option<Range<Count>>,
    /// Grid posts, in all villages together.
    pub posts: Option<Range<Count>>,
    /// Merchants, in all townships together.
    pub merchants: Option<Range<Count>>,
    /// Whom merchants dial.
    pub merchants_dial: MerchantsDial,
    /// How many near villages each village also dials.
    pub neighbours: Range<Count>,
    /// Who can be dialled; others only dial out.
    pub reachable: Selector,
    /// Side of the square in which a township's villages lie.
    pub area: Option<Amount<Distance>>,
    /// Where the first township stands, degrees north and east.
    pub centre: (f64, f64),
    /// `geometric`: how far apart villages may be to be joined.
    pub radius: Option<Range<Distance>>,
    /// `csv`: the file.
    pub csv: Option<String>,
    /// `csv`: the table itself.
    pub rows: Option<String>,
}

/// Which links there are beside those to parents.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// None.
    #[default]
    Star,
    /// None; posts hang under their villages: county, townships, villages, posts.
    Tree,
    /// Everybody of a township to everybody.
    Mesh,
    /// Each village to the next, the last to the first.
    Ring,
    /// Villages that are near enough.
    Geometric,
    /// None; nodes and parents come from a table.
    Csv,
}

/// Whom merchants dial.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MerchantsDial {
    /// Their township.
    #[default]
    Township,
    /// Their township, and the village in which they stand: the n-th merchant in the n-th village.
    Both,
}

/// What a node is in its township.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// The town's own node.
    Township,
    /// A community centre: an organisation of a village's level.
    Community,
    /// A village's node.
    Village,
    /// A further node that acts for a village.
    Post,
    /// A merchant's till.
    Merchant,
}

/// One node to be.
#[derive(Debug, Clone)]
pub(super) struct Site {
    /// Its name.
    pub name: String,
    /// For whom it acts.
    pub org: OrgCode,
    /// What it is.
    pub role: Role,
    /// Whom it hangs under, by position; always an earlier one. None for townships.
    pub parent: Option<usize>,
    /// Where it stands.
    pub place: Option<Place>,
}

/// One link to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Join {
    /// Who dials.
    pub dials: usize,
    /// Who answers.
    pub answers: usize,
    /// How far apart they are; 0 if nobody knows.
    pub metres: u64,
}

/// Nodes and links.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    /// The nodes.
    pub sites: Vec<Site>,
    /// The links.
    pub joins: Vec<Join>,
}

impl Default for Topology {
    fn default() -> Topology {
        Topology {
            kind: Kind::Star,
            code: must("110112119"),
            townships: None,
            communities: None,
            villages: None,
            posts: None,
            merchants: None,
            merchants_dial: MerchantsDial::Township,
            neighbours: Range::of(0, 0),
            reachable: Selector::All,
            area: None,
            centre: (36.5, 118.5),
            radius: None,
            csv: None,
            rows: None,
        }
    }
}

/// Most nodes of one scenario; a slip of the finger is told from a plan.
const MOST: u64 = 100_000;

impl Topology {
    /// What the types cannot say: the key, and what is wrong.
    pub(super) fn check(&self) -> Result<(), (&'static str, String)> {
        let counts = [
            ("townships", self.townships),
            ("communities", self.communities),
            ("villages", self.villages),
            ("posts", self.posts),
            ("merchants", self.merchants),
        ];
        let is_csv = self.kind == Kind::Csv;
        if let Some((key, _)) = counts.iter().find(|(_, count)| is_csv && count.is_some()) {
            return Err((key, "says nothing for kind = \"csv\": the table lists the nodes".to_owned()));
        }
        if let Some((key, count)) = counts.iter().find(|(_, count)| count.is_some_and(|count| count.high > MOST)) {
            return Err((key, format!("{:?} is more than {MOST}", count.unwrap_or(Range::of(0, 0)))));
        }
        // The text of a file stands in `rows` as well.
        if is_csv && self.rows.is_none() {
            return Err(("kind", "\"csv\" needs either `csv` (a file) or `rows` (the table itself)".to_owned()));
        }
        if !is_csv && self.rows.is_some() {
            let key = if self.csv.is_some() { "csv" } else { "rows" };
            return Err((key, "says nothing unless kind = \"csv\"".to_owned()));
        }
        if self.kind == Kind::Geometric && (self.area.is_none() || self.radius.is_none()) {
            return Err(("kind", "\"geometric\" needs `area` and `radius`".to_owned()));
        }
        if self.kind != Kind::Geometric && self.radius.is_some() {
            return Err(("radius", "says nothing unless kind = \"geometric\"".to_owned()));
        }
        if self.townships.is_some_and(|count| count.low == 0) {
            return Err(("townships", "there is at least one".to_owned()));
        }
        let (lat, lon) = self.centre;
        if !(-85.0..=85.0).contains(&lat) || !(-180.0..=180.0).contains(&lon) {
            return Err(("centre", "is [degrees north, degrees east], within 85 and 180".to_owned()));
        }
        Ok(())
    }
}

impl Layout {
    /// Draws what this seed has of a topology.
    ///
    /// # Errors
    /// The key whose value does not work out, and why.
    pub(super) fn build(topology: &Topology, seed: u64) -> Result<Layout, (&'static str, String)> {
        let sites = match &topology.rows {
            Some(rows) => csv::read(topology.csv.as_deref().unwrap_or("rows"), rows).map_err(|what| ("rows", what))?,
            None => generate(topology, seed)?,
        };
        let mut layout = Layout { sites, joins: Vec::new() };
        layout.join(topology, seed)?;
        Ok(layout)
    }

    fn join(&mut self, topology: &Topology, seed: u64) -> Result<(), (&'static str, String)> {
        let sites = &self.sites;
        let parents = sites.iter().enumerate().filter_map(|(n, site)| Some((n, site.parent?)));
        let mut pairs: Vec<(usize, usize)> = parents.collect();
        let mut beside = Vec::new();
        for villages in by_township(sites) {
            beside.extend(beside_each_other(topology, seed, sites, &villages));
        }
        if topology.merchants_dial == MerchantsDial::Both {
            beside.extend(shops(sites));
        }
        // Between neighbours whoever can be dialled answers; two that cannot have no link.
        let mut rng = Rng::new(seed, "topology", "reachable");
        let reachable = topology.reachable.pick(sites, &mut rng).map_err(|what| ("reachable", what))?;
        if let Some((child, parent)) = pairs.iter().find(|(_, parent)| !reachable.contains(parent)) {
            let (child, parent) = (&sites[*child].name, &sites[*parent].name);
            return Err(("reachable", format!("{child} dials {parent}, which is not among them")));
        }
        for (dials, answers) in beside {
            if reachable.contains(&answers) {
                pairs.push((dials, answers));
            } else if reachable.contains(&dials) {
                pairs.push((answers, dials));
            }
        }
        let mut known = BTreeSet::new();
        pairs.retain(|(a, b)| known.insert((*a.min(b), *a.max(b))));
        let apart = |a: usize, b: usize| sites[a].place.zip(sites[b].place).map_or(0, |(a, b)| metres(a, b));
        self.joins = pairs.into_iter().map(|(a, b)| Join { dials: a, answers: b, metres: apart(a, b) }).collect();
        Ok(())
    }
}

/// The position of each node's township.
pub(super) fn township_of(sites: &[Site], node: usize) -> usize {
    std::iter::successors(Some(node), |n| sites[*n].parent).last().unwrap_or(node)
}

/// Villages and communities, by township; for a mesh everybody counts, so all are listed with their township first.
fn by_township(sites: &[Site]) -> Vec<Vec<usize>> {
    let townships = (0..sites.len()).filter(|n| sites[*n].parent.is_none());
    townships.map(|t| (0..sites.len()).filter(|n| township_of(sites, *n) == t).collect()).collect()
}

fn beside_each_other(topology: &Topology, seed: u64, sites: &[Site], township: &[usize]) -> Vec<(usize, usize)> {
    let is_village = |n: &&usize| matches!(sites[**n].role, Role::Village | Role::Community);
    let villages: Vec<usize> = township.iter().filter(is_village).copied().collect();
    let mut pairs = Vec::new();
    match topology.kind {
        Kind::Star | Kind::Tree | Kind::Csv => {}
        Kind::Mesh => {
            pairs.extend(township.iter().flat_map(|a| township.iter().filter(move |b| a < b).map(move |b| (*b, *a))))
        }
        Kind::Ring => {
            let next = villages.iter().skip(1).chain(villages.first());
            pairs.extend(villages.iter().zip(next).filter(|(a, b)| a != b).map(|(a, b)| (*a, *b)));
        }
        Kind::Geometric => {
            let radius = topology.radius.unwrap_or(Range::of(0, 0)).draw(&mut Rng::new(seed, "topology", "radius"));
            let near =
                |a: usize, b: usize| sites[a].place.zip(sites[b].place).is_some_and(|(a, b)| metres(a, b) <= radius);
            pairs.extend(
                villages
                    .iter()
                    .flat_map(|a| villages.iter().filter(move |b| a < *b && near(*a, **b)).map(move |b| (*a, *b))),
            );
        }
    }
    for (at, village) in villages.iter().enumerate() {
        let mut rng = Rng::new(seed, &sites[*village].name, "neighbours");
        let count = usize::try_from(topology.neighbours.draw(&mut rng)).unwrap_or(usize::MAX);
        pairs.extend(nearest_to(sites, &villages, at, count).into_iter().map(|other| (*village, other)));
    }
    pairs
}

/// The nearest villages to one; where places are not known, those that follow it in number.
fn nearest_to(sites: &[Site], villages: &[usize], at: usize, count: usize) -> Vec<usize> {
    if count == 0 {
        return Vec::new();
    }
    let Some(here) = sites[villages[at]].place else {
        return villages.iter().skip(at + 1).take(count).copied().collect();
    };
    let mut others: Vec<(u64, usize)> = villages
        .iter()
        .filter(|n| **n != villages[at])
        .filter_map(|n| Some((metres(here, sites[*n].place?), *n)))
        .collect();
    others.sort_unstable();
    others.into_iter().take(count).map(|(_, n)| n).collect()
}

/// The n-th merchant of a township and its n-th village.
fn shops(sites: &[Site]) -> Vec<(usize, usize)> {
    let mut pairs = Vec::new();
    for township in by_township(sites) {
        let of = |role: Role| township.iter().copied().filter(move |n| sites[*n].role == role);
        let villages: Vec<usize> = of(Role::Village).collect();
        let places = villages.iter().cycle();
        pairs.extend(of(Role::Merchant).zip(places).map(|(merchant, village)| (merchant, *village)));
    }
    pairs
}

fn generate(topology: &Topology, seed: u64) -> Result<Vec<Site>, (&'static str, String)> {
    let draw = |key: &'static str, range: Option<Range<Count>>, usual: u64| {
        range.unwrap_or(Range::of(usual, usual)).draw(&mut Rng::new(seed, "topology", key))
    };
    let townships = draw("townships", topology.townships, 1);
    let totals = [
        draw("communities", topology.communities, 0),
        draw("villages", topology.villages, 3),
        draw("posts", topology.posts, 0),
        draw("merchants", topology.merchants, 1),
    ];
    let mut maker = Maker { topology, seed, townships, sites: Vec::new() };
    for township in 0..townships {
        maker.township(township, totals.map(|total| part(total, townships, township)))?;
    }
    Ok(maker.sites)
}

/// What falls to one of several when a total is dealt out evenly.
fn part(total: u64, among: u64, to: u64) -> u64 {
    total / among + u64::from(to < total % among)
}

struct Maker<'t> {
    topology: &'t Topology,
    seed: u64,
    townships: u64,
    sites: Vec<Site>,
}

impl Maker<'_> {
    fn township(
        &mut self,
        number: u64,
        [communities, villages, posts, merchants]: [u64; 4],
    ) -> Result<(), (&'static str, String)> {
        let code = self.topology.code.as_str();
        let wrong =
            || ("code", format!("{code} is no township's nine digits, or township {} has none left", number + 1));
        let digits: u64 = code.parse().map_err(|_| wrong())?;
        let code: OrgCode = (digits + number).to_string().parse().map_err(|_| wrong())?;
        if code.as_str().len() != 9 || code.as_str()[..6] != self.topology.code.as_str()[..6] {
            return Err(wrong());
        }
        // 201 to 999 of a town's village segment; a community is a residents' committee, from 001 on.
        let limits = [("communities", communities, 199), ("villages", villages, 799), ("merchants", merchants, 99)];
        if let Some((key, count, most)) = limits.into_iter().find(|(_, count, most)| count > most) {
            return Err((key, format!("{count} fall to township {}; a township has codes for {most}", number + 1)));
        }
        if posts > 0 && villages == 0 {
            return Err(("posts", format!("township {} has no villages for them", number + 1)));
        }
        let prefix = if self.townships == 1 { String::new() } else { format!("t{}.", number + 1) };
        let here = self.centre(number);
        let town = self.sites.len();
        self.add(format!("{prefix}township"), code.clone(), Role::Township, None, here, 0)?;
        let reach = self.topology.area.map_or(0, |area| area.0 / 2);
        for n in 1..=communities {
            let org = format!("{code}{n:03}");
            self.add(format!("{prefix}community-{n}"), must(&org), Role::Community, Some(town), here, reach)?;
        }
        for n in 1..=villages {
            let org: OrgCode = must(&format!("{code}{}", 200 + n));
            let village = self.sites.len();
            self.add(format!("{prefix}village-{n}"), org.clone(), Role::Village, Some(town), here, reach)?;
            let there = self.sites[village].place;
            for post in 1..=part(posts, villages, n - 1) {
                let name = format!("{prefix}village-{n}-post-{post}");
                self.add(name, org.clone(), Role::Post, Some(village), there, 1_000)?;
            }
        }
        for n in 1..=merchants {
            let org = format!("{code}M{n:02}");
            self.add(format!("{prefix}merchant-{n}"), must(&org), Role::Merchant, Some(town), here, 1_000)?;
        }
        Ok(())
    }

    /// Townships stand in rows of a square, one area apart.
    fn centre(&self, number: u64) -> Option<Place> {
        let area = i64::try_from(self.topology.area?.0).unwrap_or(0);
        let row = i64::try_from(self.townships.isqrt().max(1)).unwrap_or(1);
        let number = i64::try_from(number).unwrap_or(0);
        let (lat, lon) = self.topology.centre;
        Some(beside(Place { lat, lon }, number % row * area, number / row * area))
    }

    fn add(
        &mut self,
        name: String,
        org: OrgCode,
        role: Role,
        parent: Option<usize>,
        around: Option<Place>,
        reach: u64,
    ) -> Result<(), (&'static str, String)> {
        let mut rng = Rng::new(self.seed, &name, "place");
        let mut offset = || i64::try_from(rng.between(0, 2 * reach)).unwrap_or(0) - i64::try_from(reach).unwrap_or(0);
        let (east, north) = (offset(), offset());
        let place = around.map(|around| beside(around, east, north));
        self.sites.push(Site { name, org, role, parent, place });
        if self.sites.len() as u64 > MOST { Err(("posts", format!("more than {MOST} nodes in all"))) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(text: &str, seed: u64) -> Layout {
        let topology: Topology = toml::from_str(text).unwrap();
        topology.check().unwrap();
        Layout::build(&topology, seed).unwrap()
    }

    fn side_links(layout: &Layout) -> usize {
        layout.joins.iter().filter(|join| layout.sites[join.dials].parent != Some(join.answers)).count()
    }

    #[test]
    fn each_kind_has_the_links_that_it_is_known_for() {
        let count = |kind: &str| side_links(&layout(&format!("kind = \"{kind}\"\nvillages = 6"), 1));
        // A township, six villages, one merchant: 28 pairs, seven of them to the township.
        assert_eq!(["star", "tree", "ring", "mesh"].map(count), [0, 0, 6, 21]);
        assert_eq!(side_links(&layout("villages = 6\nneighbours = 2", 1)), 5 + 4);
        assert_eq!(side_links(&layout("villages = 6\nmerchants = 2\nmerchants_dial = \"both\"", 1)), 2);
    }

    #[test]
    fn totals_are_dealt_out_evenly_and_codes_are_a_townships_own() {
        let county = layout("code = \"370724101\"\ntownships = 10\ncommunities = 108\nvillages = 350\nposts = 971", 1);
        let count = |role: Role| county.sites.iter().filter(|site| site.role == role).count();
        assert_eq!([Role::Township, Role::Community, Role::Village, Role::Post].map(count), [10, 108, 350, 971]);
        for (n, site) in county.sites.iter().enumerate() {
            let town = &county.sites[township_of(&county.sites, n)].org;
            assert_eq!(site.org.township().as_ref(), Some(town), "{}", site.name);
        }
        assert_eq!(county.sites.iter().filter(|site| site.name == "t10.township").count(), 1);
    }

    #[test]
    fn neighbours_in_space_are_the_nearest_and_a_radius_is_kept() {
        let near = layout("kind = \"geometric\"\nvillages = 30\narea = \"10km\"\nradius = \"3km\"", 5);
        assert!(side_links(&near) > 10);
        let far = near.joins.iter().filter(|join| near.sites[join.dials].parent != Some(join.answers));
        assert!(far.clone().all(|join| join.metres <= 3_000 && join.metres > 0));
        let other = layout("kind = \"geometric\"\nvillages = 30\narea = \"10km\"\nradius = \"3km\"", 6);
        assert_ne!(near.joins, other.joins);
    }

    #[test]
    fn who_can_only_dial_out_is_dialled_by_nobody() {
        let nat = layout("kind = \"mesh\"\nvillages = 6\nreachable = [\"townships\", \"village-2\"]", 1);
        let answers: BTreeSet<&str> = nat.joins.iter().map(|join| nat.sites[join.answers].name.as_str()).collect();
        assert_eq!(answers.into_iter().collect::<Vec<_>>(), ["township", "village-2"]);
        let topology: Topology = toml::from_str("reachable = \"villages\"").unwrap();
        assert_eq!(Layout::build(&topology, 1).unwrap_err().0, "reachable");
    }

    #[test]
    fn a_node_more_moves_nobody_else() {
        let (few, many) = (layout("villages = 5\narea = \"9km\"", 1), layout("villages = 6\narea = \"9km\"", 1));
        for site in &few.sites {
            let same = many.sites.iter().find(|other| other.name == site.name).unwrap();
            assert_eq!(same.place, site.place, "{}", site.name);
        }
    }

    #[test]
    fn keys_that_contradict_each_other_are_named() {
        let refused = |text: &str| toml::from_str::<Topology>(text).unwrap().check().unwrap_err().0;
        assert_eq!(refused("kind = \"geometric\"\nvillages = 3"), "kind");
        assert_eq!(refused("radius = \"3km\""), "radius");
        assert_eq!(refused("kind = \"csv\"\nrows = \"\"\nvillages = 3"), "villages");
        assert_eq!(refused("villages = 1000000"), "villages");
        assert_eq!(refused("centre = [95.0, 0.0]"), "centre");
    }
}
