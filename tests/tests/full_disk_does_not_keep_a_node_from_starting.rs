//! Promise 8 at the disk: with no byte free a node starts, is read, sends what it has, and says why it writes nothing.

#![allow(clippy::unwrap_used, reason = "helpers of tests, outside of any test function")]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use xiangyue_tests::{ACCOUNT, TOWNSHIP, Town, VILLAGE, award, wait_until};

/// A small disk of its own, taken away at the end.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// None where this user may not mount anything.
    fn mount(at: &Path) -> Option<SmallDisk> {
        std::fs::create_dir_all(at).unwrap();
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", "size=160m", "tmpfs"]).arg(at).output();
        mount.is_ok_and(|output| output.status.success()).then(|| SmallDisk(at.to_owned()))
    }

    /// Leaves no byte free.
    fn fill(&self) {
        let mut file = std::fs::File::create(self.0.join("filler")).unwrap();
        for size in [1 << 20, 4096, 1] {
            while file.write_all(&vec![7; size]).is_ok() {}
        }
    }

    fn make_room(&self) {
        std::fs::remove_file(self.0.join("filler")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // The node may still be ending; lazily, it goes when it does.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_node_starts_without_a_byte_free() {
    let town = Town::with_rules();
    let Some(disk) = SmallDisk::mount(&town.data_of(VILLAGE)) else {
        println!("skipped: this user may not mount a file system");
        return;
    };
    let mut village = town.village_with(50);
    town.wait_for_equal_heads(&village, 20);
    village.stop();
    for without_index in [false, true] {
        if without_index {
            std::fs::remove_dir_all(village.data.join("index")).unwrap();
            std::fs::remove_file(village.data.join("index.note")).unwrap();
        }
        let life = || std::fs::read_to_string(town.data_of(VILLAGE).join("node.json")).unwrap();
        let before = life();
        // What the last life has left would be room.
        std::fs::remove_file(village.data.join("api.addr")).unwrap();
        disk.fill();
        village.start();
        assert_ne!(life(), before, "a life of its own");
        assert_eq!(village.metric("disk_full"), 1, "without anybody having written");
        assert_eq!(village.balance(ACCOUNT, "available"), Some(50));
        assert_eq!(village.cli(&["balance", ACCOUNT]).ok()["available"], 50);
        let slip = format!("S-{without_index}");
        assert_eq!(village.command(&award(&slip, 1)), "XY-133");
        wait_until("connected", 20, || village.is_connected_to(TOWNSHIP));
        // Another start on the full disk finds the same room again.
        village.kill();
        village.start();
        assert_eq!(village.balance(ACCOUNT, "available"), Some(50));

        disk.make_room();
        assert_eq!(village.command(&award(&slip, 1)), "new");
        let reversal = serde_json::json!({"do": "reverse", "request": format!("{slip}-r"), "of": slip});
        assert_eq!(village.command(&reversal), "new");
        town.wait_for_equal_heads(&village, 20);
        // The next start has its index again.
        village.stop();
        village.start();
        assert!(village.data.join("index").exists());
        village.stop();
    }
}
