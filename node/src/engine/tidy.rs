//! Keeps segments few: now and then a node signs its own small ones anew and asks for others' in fewer pieces.
//!
//! Reading and opening what is to be joined is done here, off the engine's thread; the replica signs, and the engine
//! appends and syncs like any group. A power cut before that sync leaves the small ones, after it both: nothing is
//! ever taken away from the journal.

use std::time::Duration;

use tracing::warn;
use xiangyue_protocol::pieces::Crowd;
use xiangyue_protocol::segment::{Sealed, Segment};
use xiangyue_protocol::{Code, Refusal};

use super::Handle;

/// How often a node looks: often enough that a busy day leaves few pieces, seldom enough to share a sync with little.
const EVERY: Duration = Duration::from_secs(60);

/// Tidies at once and then regularly, for as long as the engine runs.
pub async fn tidy_regularly(engine: Handle) {
    loop {
        match tidy(&engine).await {
            Ok(()) => {}
            Err(refusal) if refusal.code() == Code::NotRunning => return,
            Err(refusal) => warn!(%refusal, "small segments stay as they are"),
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// Signs this node's own small segments anew as large ones, and asks connected peers for others' in fewer pieces.
///
/// # Errors
/// [`Code::NotRunning`] when the node is stopping, and those of the disk.
pub async fn tidy(engine: &Handle) -> Result<(), Refusal> {
    let own = engine.ask(|replica| replica.node()).await?;
    let mut before = Vec::new();
    loop {
        let crowds: Vec<Crowd> =
            engine.segments().crowds().into_iter().filter(|crowd| crowd.actor.node == own).collect();
        // What did not become fewer last time will not now.
        if crowds.is_empty() || crowds == before {
            break;
        }
        for crowd in &crowds {
            let (engine_too, run) = (engine.clone(), crowd.clone());
            let opened = tokio::task::spawn_blocking(move || open(&engine_too, &run)).await;
            engine.reissue(opened.map_err(|error| Refusal::new(Code::Disk, error))??).await?;
        }
        before = crowds;
    }
    engine.recut(engine.segments().crowds()).await
}

fn open(engine: &Handle, run: &Crowd) -> Result<Vec<Segment>, Refusal> {
    let positions = engine.segments().between(&run.doc, run.actor, run.first - 1, run.last);
    let each = positions.into_iter().map(|position| {
        let bytes = engine.reader().read(position)?;
        Sealed::parse(bytes.into())?.from_journal().open()
    });
    each.collect()
}
