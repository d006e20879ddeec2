//! Made-up data for tests: a township with twelve villages and a care station, two villages behind.

use xiangyue_protocol::policy::Propagation;
use xiangyue_protocol::schema::Points;
use xiangyue_protocol::{Millis, OrgCode};

use crate::api::types::{
    Disk, GoldenRow, GrantsStatus, Horizon, MerchantStat, MissingVillage, PeerStatus, Scope, StatRow, Stats, Status,
    VillageStat, VillageStatus,
};

/// 2026-11-23 10:00 in China.
const NOW: Millis = Millis(1_795_399_200_000);
const MINUTE: u64 = 60_000;
/// A village of the sample: name, accounts, gross, redeemed, redemptions, minutes since last heard, changes behind.
type Row = (&'static str, u64, i64, i64, u64, u64, u64);

const VILLAGES: [Row; 12] = [
    ("谢楼村", 1_684, 93_412, 11_208, 402, 0, 0),
    ("东堡村", 1_702, 96_077, 9_115, 377, 0, 0),
    ("南刘各庄村", 1_433, 81_254, 7_020, 290, 3, 0),
    ("下堡村", 1_390, 77_946, 6_411, 266, 1, 0),
    ("大东各庄村", 1_611, 88_030, 6_902, 251, 180, 42),
    ("前疃村", 1_275, 70_118, 5_530, 214, 2_940, 0),
    ("后疃村", 1_502, 84_400, 6_044, 233, 0, 0),
    ("侉店村", 1_618, 90_217, 7_873, 301, 2, 0),
    ("凌家庙村", 1_547, 85_655, 5_412, 198, 0, 0),
    ("孙各庄村", 1_660, 92_318, 8_206, 318, 0, 0),
    ("七级村", 1_708, 95_002, 7_777, 289, 0, 0),
    ("兴各庄村", 1_587, 88_120, 6_318, 240, 0, 0),
];

fn village(at: usize) -> OrgCode {
    format!("110112119{}", 201 + at).parse().unwrap()
}

fn merchant() -> OrgCode {
    "110112119M01".parse().unwrap()
}

fn heard(minutes: u64) -> Option<Millis> {
    Some(Millis(NOW.0 - minutes * MINUTE))
}

pub(crate) fn status() -> Status {
    let village_status = |(at, row): (usize, &Row)| VillageStatus {
        org: village(at),
        name: row.0.to_owned(),
        last_heard_ms: heard(row.5),
        connected: row.5 == 0,
        skew_ms: 0,
        changes_behind: row.6,
        caught_up: row.6 == 0,
        enrolled: true,
        revoked: 0,
        twins: Vec::new(),
    };
    let mut villages: Vec<_> = VILLAGES.iter().enumerate().map(village_status).collect();
    villages.push(VillageStatus {
        org: merchant(),
        name: "谢楼爱心驿站".to_owned(),
        last_heard_ms: heard(0),
        connected: true,
        skew_ms: 0,
        changes_behind: 0,
        caught_up: true,
        enrolled: true,
        revoked: 0,
        twins: Vec::new(),
    });
    let peers = villages.iter().map(|village| PeerStatus {
        node: "5be0c1d27f3a4e869a0b1c2d3e4f5061".to_owned(),
        org: village.org.clone(),
        name: village.name.clone(),
        connected: village.connected,
        last_heard_ms: village.last_heard_ms,
        rtt_us: village.connected.then_some(18_400),
        changes_behind: Some(village.changes_behind),
        bytes_sent: 1_482_000,
        bytes_received: 2_911_000,
    });
    Status {
        node: "0f3a5c7e9b1d2f4a6c8e0a2b4d6f8091".to_owned(),
        org: "110112119".parse().unwrap(),
        name: "潞城镇".to_owned(),
        version: "0.1.0".to_owned(),
        incarnation: 1,
        since: Millis(NOW.0 - 3 * 86_400_000),
        now: NOW,
        listen: "0.0.0.0:7443".to_owned(),
        read_only: false,
        frozen: false,
        hold: None,
        clock_off_ms: 0,
        certificate_days: 71,
        disk: Disk { free: 61 << 30, total: 118 << 30, reserve: 64 << 20 },
        documents: 197,
        segments: 5_204,
        journal_bytes: 38 << 20,
        quarantined: 0,
        propagation: Propagation::default(),
        grants: GrantsStatus::default(),
        peers: peers.collect(),
        villages,
        shared_accounts_total: 0,
        shared_accounts: Vec::new(),
    }
}

pub(crate) fn stats() -> Stats {
    let stat = |(at, row): (usize, &Row)| VillageStat {
        org: village(at),
        name: row.0.to_owned(),
        accounts: row.1,
        gross: Points(row.2),
        redeemed_points: Points(row.3),
        redemptions: row.4,
        merchant_points: Points(if at == 0 { 3_208 } else { 0 }),
        merchant_redemptions: if at == 0 { 61 } else { 0 },
    };
    let missing = [4, 5].map(|at| MissingVillage {
        org: village(at),
        name: VILLAGES[at].0.to_owned(),
        last_heard_ms: heard(VILLAGES[at].5),
        changes_behind: VILLAGES[at].6,
    });
    Stats {
        org: "110112119".parse().unwrap(),
        name: "潞城镇".to_owned(),
        month: None,
        horizon: Horizon { as_of: NOW, scope: Scope::Township, missing: missing.into(), not_joined: Vec::new() },
        depositors: 18_717,
        gross: Points(1_042_549),
        redeemed: Points(87_816),
        reversed: Points(1_204),
        expired: Points::ZERO,
        awaiting: Points::ZERO,
        net: Points(953_529),
        debt: Points(12),
        accounts_negative: 0,
        villages: VILLAGES.iter().enumerate().map(stat).collect(),
        merchants: vec![MerchantStat {
            org: merchant(),
            name: "谢楼爱心驿站".to_owned(),
            points: Points(5_871),
            redemptions: 113,
            villages: 4,
        }],
        rows: vec![StatRow {
            id: "L1.exemplars".to_owned(),
            label_zh: "积分大户".to_owned(),
            label_en: "Exemplar households".to_owned(),
            value: "214".to_owned(),
            unit: String::new(),
        }],
    }
}

pub(crate) fn golden() -> Vec<GoldenRow> {
    let row = |id: &str, zh: &str, en: &str, expected: &str, computed: &str| {
        GoldenRow::new(id, (zh, en), expected.to_owned(), computed.to_owned(), true)
    };
    vec![
        row("L2", "储值户", "depositors", "18,717", "18,717"),
        row("L3", "累计积分", "points, gross", "> 1,000,000", "1,042,549"),
        row("L6", "一名儿童的积分、打卡天数", "one child's points and days", "276 / 156", "276 / 156"),
        row("L10", "驿站兑换最多的村", "village that redeemed most at the station", "谢楼村 ≥ 3,000", "谢楼村 3,208"),
        row("L11", "两人一次染发兑换", "one hair-dye redemption of two people", "196", "196"),
    ]
}
