//! Promise 1 at its root: what `sync` covered is there after any power cut, in order; nothing is there in part.

use proptest::prelude::*;

use super::*;
use crate::storage::faulty::{Dice, PowerCut};

#[derive(Clone, Debug)]
enum Step {
    Append(Vec<usize>),
    Sync,
    /// The process dies, the machine does not.
    Kill,
    CutPower {
        sectors: bool,
        seed: u64,
    },
    CutPowerDuringRecovery {
        seed: u64,
    },
    Flip {
        seed: u64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => prop::collection::vec(prop_oneof![8usize..200, 900usize..1500], 1..6).prop_map(Step::Append),
        3 => Just(Step::Sync),
        1 => Just(Step::Kill),
        2 => (any::<bool>(), any::<u64>()).prop_map(|(sectors, seed)| Step::CutPower { sectors, seed }),
        1 => any::<u64>().prop_map(|seed| Step::CutPowerDuringRecovery { seed }),
        1 => any::<u64>().prop_map(|seed| Step::Flip { seed }),
    ]
}

/// What the journal was told, beside the journal.
struct Told {
    disk: FaultyDisk,
    journal: Option<Journal>,
    /// Every record ever appended with its place, in order; the flag says whether it was synced.
    records: Vec<(Position, Vec<u8>, bool)>,
    next: u64,
}

impl Told {
    fn append(&mut self, lengths: &[usize]) {
        let group: Vec<Vec<u8>> = lengths.iter().map(|&l| record(self.next_number(), l)).collect();
        let slices: Vec<&[u8]> = group.iter().map(Vec::as_slice).collect();
        let positions = self.journal.as_mut().unwrap().append(&slices).unwrap();
        self.records.extend(positions.into_iter().zip(group).map(|(at, bytes)| (at, bytes, false)));
    }

    fn next_number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn sync(&mut self) {
        self.journal.as_mut().unwrap().sync().unwrap();
        self.records.iter_mut().for_each(|r| r.2 = true);
    }

    fn cut_power(&mut self, how: PowerCut, seed: u64) {
        self.journal = None;
        self.disk.cut_power(how, &mut Dice::new(seed));
    }

    /// Flips one bit of a file and says what it hit.
    fn flip(&mut self, seed: u64) -> Option<(u32, u64)> {
        self.sync();
        self.journal = None;
        let mut dice = Dice::new(seed);
        let files = self.disk.files();
        let (path, length) = &files[usize::try_from(dice.below(files.len() as u64)).unwrap()];
        let offset = dice.below(*length as u64);
        self.disk.flip(path, usize::try_from(offset).unwrap(), u8::try_from(dice.below(8)).unwrap());
        let number = path.file_stem().unwrap().to_str().unwrap().parse().unwrap();
        Some((number, offset))
    }

    /// Opens again and compares: everything synced in order, except the record that was hit and is reported.
    fn reopen(&mut self, hit: Option<(u32, u64)>) {
        let (journal, recovery) = open(&self.disk);
        let found = served(&journal);
        let is_hit = |at: &Position| hit.is_some_and(|(file, offset)| file == at.file && covers(at, offset));

        let mut rest = self.records.iter();
        for (at, bytes) in &found {
            let known = rest.by_ref().find(|(told, _, synced)| {
                assert!(told == at || !*synced || is_hit(told), "synced record at {told:?} is missing: {recovery:?}");
                told == at
            });
            let (_, told, _) = known.unwrap_or_else(|| panic!("record at {at:?} was never appended there"));
            assert_eq!(told, bytes, "record at {at:?}");
            assert_eq!(journal.read(*at).unwrap(), *bytes);
        }
        for (told, _, synced) in rest {
            assert!(!synced || is_hit(told), "synced record at {told:?} is missing: {recovery:?}");
        }
        if let Some((file, offset)) = hit {
            let seen = recovery.damaged.iter().any(|d| d.file == file && covers(d, offset))
                || recovery.cut.is_some_and(|c| c.file == file && c.offset <= offset)
                || (offset < 32 && recovery.mended_headers.contains(&file));
            assert!(seen, "flip at {offset} of file {file} not reported: {recovery:?}");
        }
        assert_eq!(recovery.records, found.len() as u64);
        assert_eq!(recovery.last, found.last().map(|f| f.0));
        // What is served after opening is durable: opening syncs it.
        self.records = found.into_iter().map(|(at, bytes)| (at, bytes, true)).collect();
        self.journal = Some(journal);
    }
}

fn covers(at: &Position, offset: u64) -> bool {
    (at.offset..at.offset + 24 + u64::from(at.len)).contains(&offset)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_schedule_of_appends_syncs_power_cuts_and_flips(steps in prop::collection::vec(step(), 1..40)) {
        let disk = FaultyDisk::default();
        let mut told = Told { journal: Some(open(&disk).0), disk, records: Vec::new(), next: 0 };
        for step in steps {
            match step {
                Step::Append(lengths) => told.append(&lengths),
                Step::Sync => told.sync(),
                Step::Kill => {
                    told.journal = None;
                    told.reopen(None);
                }
                Step::CutPower { sectors, seed } => {
                    told.cut_power(if sectors { PowerCut::AnySectors } else { PowerCut::InOrder }, seed);
                    told.reopen(None);
                }
                Step::CutPowerDuringRecovery { seed } => {
                    told.cut_power(PowerCut::InOrder, seed);
                    // Recovery stops at its n-th operation, and the power goes again.
                    told.disk.fail_operation(seed % 4 + 1, std::io::ErrorKind::Other);
                    drop(Journal::open_on(Arc::new(told.disk.clone()), folder(), options()));
                    told.cut_power(PowerCut::AnySectors, seed);
                    told.reopen(None);
                }
                Step::Flip { seed } => {
                    let hit = told.flip(seed);
                    told.reopen(hit);
                }
            }
        }
        told.cut_power(PowerCut::AnySectors, 7);
        told.reopen(None);
    }
}

#[test]
fn power_cut_at_every_byte_of_an_unsynced_group() {
    let unsynced: Vec<Vec<u8>> = (10..13).map(|n| record(n, 40)).collect();
    let group: Vec<&[u8]> = unsynced.iter().map(Vec::as_slice).collect();
    let bytes = 3 * (24 + 40);
    for kept in 0..=bytes {
        let disk = FaultyDisk::default();
        let (mut journal, _) = open(&disk);
        journal.append(&[&record(1, 100)]).unwrap();
        journal.sync().unwrap();
        journal.append(&group).unwrap();
        journal.sync().unwrap();
        drop(journal);
        disk.edit(&file_path(1), |file| file.truncate(32 + 124 + kept));

        let (journal, recovery) = open(&disk);
        let whole = kept / 64;
        assert_eq!(served(&journal).len(), 1 + whole, "{kept} bytes kept");
        let cut = recovery.cut.map_or(0, |c| c.bytes);
        assert_eq!(cut, (kept % 64) as u64, "{kept} bytes kept");
    }
}

#[test]
fn power_cut_at_every_operation_of_the_first_start() {
    for operation in 1..12 {
        for seed in 0..20 {
            let disk = FaultyDisk::default();
            disk.fail_operation(operation, std::io::ErrorKind::Other);
            drop(Journal::open_on(Arc::new(disk.clone()), folder(), options()));
            disk.cut_power(PowerCut::AnySectors, &mut Dice::new(seed));
            let (mut journal, recovery) = open(&disk);
            assert!(recovery.damaged.is_empty(), "{recovery:?}");
            journal.append(&[b"first"]).unwrap();
            journal.sync().unwrap();
            assert_eq!(served(&open(&disk).0).len(), 1);
        }
    }
}
