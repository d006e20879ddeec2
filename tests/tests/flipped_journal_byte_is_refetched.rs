//! Bit rot in the journal: the record is left out, fetched again from the township, and nothing is spent until then.

#![allow(clippy::unwrap_used, reason = "helpers of tests, outside of any test function")]

use xiangyue_tests::{ACCOUNT, Town, award, journal_file, redeem, wait_until};

#[test]
fn a_damaged_record_comes_back_from_the_township() {
    let mut town = Town::with_rules();
    let mut village = town.village_with(50);
    for at in 0..20 {
        assert_eq!(village.command(&award(&format!("S{at}"), 1)), "new");
    }
    assert_eq!(village.command(&redeem("spent", 40, None)), "new");
    town.wait_for_equal_heads(&village, 20);
    let heads = village.heads();
    village.stop();
    town.township.stop();
    let path = journal_file(&village);
    let mut bytes = std::fs::read(&path).unwrap();
    let at = bytes.len() * 3 / 4;
    bytes[at] ^= 0x10;
    std::fs::write(&path, bytes).unwrap();

    village.start();
    let status = village.status();
    assert_eq!(status["frozen"], true, "{status}");
    assert_eq!(village.command(&redeem("too-early", 1, None)), "XY-131");
    assert_ne!(village.heads(), heads, "the damaged record is not served");

    town.township.start();
    wait_until("thawed", 40, || village.status()["frozen"] == false);
    wait_until("told in the log", 10, || village.log().contains("thawed: "));
    let files = std::fs::read_dir(village.data.join("journal")).unwrap();
    let on_disk: u64 = files.map(|file| file.unwrap().metadata().unwrap().len()).sum();
    let told = village.metric("journal_bytes");
    assert_eq!(u64::try_from(told).unwrap(), on_disk, "the size that is told is that of the files");
    town.wait_for_equal_heads(&village, 20);
    assert_eq!(village.heads(), heads, "what was lost is back");
    assert_eq!(village.balance(ACCOUNT, "available"), Some(30));
    assert_eq!(village.command(&redeem("too-much", 31, None)), "XY-124");
    assert_eq!(village.command(&redeem("in-time", 30, None)), "new");
    town.wait_for_equal_heads(&village, 20);
    assert_eq!(town.township.balance(ACCOUNT, "available"), Some(0));

    village.stop();
    village.start();
    let status = village.status();
    assert_eq!(status["frozen"], false, "one damage freezes once: {status}");
    assert_eq!(village.balance(ACCOUNT, "available"), Some(0));
}
