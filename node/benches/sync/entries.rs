//! The workload of `tests/peers/README.md`: the same entries, field for field, so that figures can be compared.

use xiangyue_protocol::Month;
use xiangyue_protocol::schema::{Award, Points};

use super::Outcome;

/// Accounts of one village.
pub(crate) const ACCOUNTS: u64 = 347;
const STEP: u64 = 1_399;
const POINTS: [i64; 10] = [1, 2, 2, 3, 5, 5, 10, 10, 20, 30];

fn mix(seed: u64) -> u64 {
    let x = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

/// The points of rule `rule`.
pub(crate) fn points(rule: usize) -> Points {
    Points(POINTS[rule % POINTS.len()])
}

/// Entry `n` of document `doc`, as an award in November 2026.
pub(crate) fn entry(doc: u32, n: u32) -> Outcome<Award> {
    let hash = mix((u64::from(doc) << 32) | u64::from(n));
    let rule = usize::try_from((hash >> 16) % 10)?;
    let second = u64::from(n) * STEP + (hash >> 40) % 900;
    Ok(Award {
        request: format!("S-{doc:02}-{n:06}").parse()?,
        account: format!("A-{doc:02}-{:04}", hash % ACCOUNTS).parse()?,
        rule: format!("R{rule:02}").parse()?,
        points: points(rule),
        repaid: Points::ZERO,
        date: format!("2026-11-{:02}", 1 + second / 86_400 % 30).parse()?,
        by: format!("C-{doc:02}-{}", 1 + (hash >> 32) % 3).into(),
        memo: "".into(),
        approval: None,
    })
}

/// The same entry moved to another month, which may be shorter.
pub(crate) fn entry_in(doc: u32, n: u32, month: Month) -> Outcome<Award> {
    let mut award = entry(doc, n)?;
    let day = award.date.day().min(28);
    award.date = format!("{:04}-{:02}-{day:02}", month.year(), month.month()).parse()?;
    Ok(award)
}

/// How many of `entries` fall to document `doc` of `docs`.
pub(crate) fn share(entries: u32, docs: u32, doc: u32) -> u32 {
    entries / docs + u32::from(doc < entries % docs)
}
