//! A real engine signs its small segments anew as large ones, and its journal gives the same after every restart.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::sync::Arc;

use xiangyue_node::documents;
use xiangyue_node::engine::{self, Handle, Settings};
use xiangyue_node::pki::{Clock, Identity};
use xiangyue_node::storage::JournalOptions;
use xiangyue_protocol::replica::{Member, Mode};
use xiangyue_protocol::schema::{Cohort, Points, Rule};
use xiangyue_protocol::{Command, DocId, Millis};

const RULES: &str = "110112119/rules/2026";
/// 1 December 2026 in China.
const NOW: Millis = Millis(1_796_054_400_000);

fn start(data: &Path) -> Handle {
    let identity = Identity::from_seed(&[1; 32]);
    let member = Member {
        key: identity.signing_key().clone(),
        incarnation: 1,
        org: "110112119".parse().unwrap(),
        anchors: vec![identity.public_key()],
        frozen: false,
    };
    let clock = Arc::new(Clock::with_source(|| NOW, Millis(0)));
    let settings = Settings {
        data: data.to_owned(),
        member,
        revoked: false,
        twins: Vec::new(),
        clock,
        journal: JournalOptions::default(),
        cache_bytes: 1 << 20,
        policy: xiangyue_protocol::policy::Policy::default(),
    };
    engine::open(settings, |_, _| Ok(())).unwrap().handle
}

fn rule(n: usize) -> Command {
    Command::Rule(Rule {
        code: format!("R{n:03}").parse().unwrap(),
        cohort: Cohort::Villager,
        points: Points(1),
        daily_cap: None,
        approve_above: None,
        effective_from: "2026-11-01".parse().unwrap(),
    })
}

async fn write(engine: &Handle, rules: std::ops::Range<usize>) {
    for n in rules {
        let answers = engine.submit(vec![rule(n)], Mode::AllOrNothing).await.unwrap();
        assert!(answers[0].is_ok(), "{answers:?}");
    }
}

/// In how many segments the rules stand, and what an Automerge document of them shows.
fn stored(engine: &Handle) -> (usize, Vec<automerge::ChangeHash>, usize) {
    let id: DocId = RULES.parse().unwrap();
    let doc = documents::load(engine, &id).unwrap();
    (engine.segments().of_doc(&id).len(), doc.get_heads(), automerge::ReadDoc::length(&doc, automerge::ROOT))
}

#[test]
fn small_segments_become_one_and_stay_one_with_and_without_an_index() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let data = tempfile::tempdir().unwrap();
    runtime.block_on(async {
        let engine = start(data.path());
        write(&engine, 0..30).await;
        let (pieces, heads, records) = stored(&engine);
        assert_eq!((pieces, records), (30, 30));
        engine::tidy(&engine).await.unwrap();
        assert_eq!(stored(&engine), (1, heads.clone(), 30));
        engine::tidy(&engine).await.unwrap();
        assert_eq!(engine.ask(|replica| replica.counters().reissued).await.unwrap(), 1, "nothing left to do");
        write(&engine, 30..33).await;
        let (_, heads, _) = stored(&engine);
        engine.stop().await;

        let engine = start(data.path());
        assert_eq!(stored(&engine), (4, heads.clone(), 33), "with the index");
        engine.stop().await;

        std::fs::remove_dir_all(data.path().join("index")).unwrap();
        let engine = start(data.path());
        assert_eq!(stored(&engine), (4, heads, 33), "from the journal alone");
        write(&engine, 33..34).await;
        engine.stop().await;
    });
}
