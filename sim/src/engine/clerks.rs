//! The engine's clerks: asking, answers, acknowledgements.

use xiangyue_protocol::replica::{Mode, Ticket};
use xiangyue_protocol::{Code, Command, Level, Outcome, Refusal};

use super::{Engine, Event};
use crate::mutant::Mutant;
use crate::oracle::key_of;
use crate::plan::Fault;
use crate::stats::Sometimes;
use crate::workload::Wish;

impl Engine {
    pub(super) fn operate(&mut self, node: usize) {
        let working = !self.copies.is_parting(node);
        let fresh = working && (self.plan.phases.warm_up..self.plan.phases.load_until()).contains(&self.now());
        let later = self.now() < self.plan.phases.load_until();
        if self.nodes[node].replica.is_none() || self.put_off_going_out.contains(&node) {
            // The clerk comes back with the power, or when the node has its line again.
            self.clerks[node].away = true;
            return;
        }
        let busy = !self.clerks[node].pending.is_empty() || !self.clerks[node].waiting.is_empty();
        // Once the load is over a clerk only sees to what was not answered: nothing is to wait for one who comes rarely.
        let left = self.plan.phases.load_until().saturating_sub(self.now());
        let soon = left.max(self.plan.workload.again.1);
        let pause = self.clerks[node].pause(&self.plan.workload, busy).min(soon);
        if later || busy {
            self.after(pause, Event::Operate(node));
        }
        let (now, today) = (self.millis(node), self.true_time().china_date());
        let full = self.disk_is_full(node);
        let Some(replica) = self.nodes[node].replica.as_mut() else { return };
        let may_repeat = !replica.is_frozen();
        let Some(mut wish) = self.clerks[node].next(&self.plan.workload, today, may_repeat, fresh) else { return };
        if !wish.is_setup && (wish.tries == 0 || wish.answered) {
            self.clerks[node].turns += 1;
            let turn = self.clerks[node].turns;
            if self.plan.muted.contains(&(node, turn)) {
                return;
            }
            self.told.event(self.queue.now(), node, "asks", None, || turn.to_string().into());
        }
        if full {
            // As the real driver: with no room, nothing is asked of the replica.
            self.stats.met(Sometimes::RefusedDiskFull);
            self.clerks[node].pending.push_back(wish);
            return;
        }
        let mut commands = wish.commands.clone();
        if wish.answered && self.plan.mutant == Some(Mutant::RenumberRetries) {
            commands.iter_mut().for_each(renumber);
        }
        let (answers, ticket) = replica.submit(now, &commands, Mode::AllOrNothing);
        wish.tries += 1;
        self.oracle.answered(self.queue.now(), node, &wish.commands, &answers);
        let spends = |command: &&Command| matches!(command, Command::Redeem(_) | Command::Grant(_));
        self.stats.spends += wish.commands.iter().filter(spends).count() as u64;
        self.note_answers(node, &wish, &answers);
        let refused = |code| answers.iter().filter_map(|answer| answer.as_ref().err()).any(|r| r.code() == code);
        let wrong_date = refused(Code::FutureDate);
        self.stats.met_times(Sometimes::RefusedWrongClock, u64::from(wrong_date));
        // The clerk sees the wrong date on the screen, or that the node waits for the township. Whether it is done
        // already, if that was not answered, it cannot say before; nor ever if it is let in no more.
        let not_now = wrong_date || refused(Code::Frozen) || refused(Code::TwinRunning);
        let not_now = not_now && !self.oracle.is_hostile(node);
        if answers.iter().all(Result::is_ok) {
            self.clerks[node].waiting.insert(ticket, wish);
        } else if not_now && (wish.answer_lost || (wrong_date && wish.is_setup)) {
            self.clerks[node].pending.push_back(wish);
        }
        let gather = self.clerks[node].gather(&self.plan.workload);
        self.after(gather, Event::Flush { node, life: self.nodes[node].life });
        self.drain(node);
    }

    fn note_answers(&mut self, node: usize, wish: &Wish, answers: &[Result<Outcome, Refusal>]) {
        let already = answers.iter().all(|answer| matches!(answer, Ok(Outcome::Already)));
        if wish.answered && already {
            self.stats.met(Sometimes::RetriedAcknowledged);
        }
        if wish.answer_lost {
            self.stats.met(Sometimes::RetriedAfterCrash);
            if already && !wish.answered {
                self.stats.met(Sometimes::SurvivorRecognised);
            }
        }
        for refusal in answers.iter().filter_map(|answer| answer.as_ref().err()) {
            match refusal.code() {
                Code::InsufficientRights => self.stats.met(Sometimes::RefusedForRights),
                Code::Frozen => self.stats.met(Sometimes::RefusedFrozen),
                Code::TwinRunning => self.stats.met(Sometimes::RefusedTwin),
                _ => {}
            }
            let code = refusal.code().as_str();
            self.trace.note(self.queue.now(), node, "refused", code.as_bytes());
            self.told.event(self.queue.now(), node, "refused", None, || code.into());
        }
    }

    pub(super) fn flush(&mut self, node: usize, life: u64) {
        let now = self.millis(node);
        if self.nodes[node].life != life {
            return;
        }
        let Some(replica) = self.nodes[node].replica.as_mut() else { return };
        if let Err(refusal) = replica.flush(now) {
            self.oracle.broke(1, "durable", self.queue.now(), format!("node {node} could not write: {refusal}"));
        }
        self.drain(node);
    }

    pub(super) fn acknowledge(&mut self, node: usize, ticket: Ticket) {
        let Some(mut wish) = self.clerks[node].waiting.remove(&ticket) else { return };
        let at = self.now();
        let mut new = false;
        for command in &wish.commands {
            if self.oracle.acknowledged(at, node, command, &self.nodes[node]) {
                new = true;
                self.stats.acknowledged += 1;
                self.trace.note(at, node, "acknowledged", key_of(command).as_bytes());
                self.told.event(at, node, "acknowledged", None, || key_of(command).to_string().into());
            }
            self.note_kind(node, command);
        }
        if wish.commands.len() > 1 && !wish.is_setup {
            self.stats.met(Sometimes::Imported);
        }
        if new {
            wish.answered = true;
            self.clerks[node].remember(wish);
        }
    }

    fn note_kind(&mut self, node: usize, command: &Command) {
        match command {
            Command::Redeem(redemption) => self.note_redemption(node, redemption.account.as_str()),
            Command::Put(_) => self.stats.met(Sometimes::RosterEdited),
            Command::Reverse(reversal) => {
                let today = self.true_time().china_date();
                if self.plan.workload.closes(today) && reversal.date < today.first_of_month() {
                    self.stats.met(Sometimes::ReversedAtClose);
                }
            }
            _ => {}
        }
    }

    fn note_redemption(&mut self, node: usize, account: &str) {
        let is_up = |conn: &u64| self.conns.get(conn).is_some_and(|conn| conn.alive);
        if self.nodes[node].org.level() == Level::Merchant && !self.conns_of[node].iter().any(is_up) {
            self.stats.met(Sometimes::RedeemedOffline);
        }
        let island = self.faults_of(|fault| match fault {
            Fault::Cut { island, .. } | Fault::Flap { island, .. } => Some(island),
            _ => None,
        });
        let Some(inside) = island.map(|island| island.contains(&node)).next() else { return };
        self.stats.met(Sometimes::RedeemedInPartition);
        let sides = self.redeemed.entry(account.to_owned()).or_default();
        if sides.insert(inside) && sides.len() == 2 {
            self.stats.met(Sometimes::RedeemedOnBothSides);
        }
    }
}

fn renumber(command: &mut Command) {
    let request = match command {
        Command::Award(award) => &mut award.request,
        Command::Redeem(redemption) => &mut redemption.request,
        Command::Reverse(request) => &mut request.request,
        Command::Grant(request) => &mut request.request,
        _ => return,
    };
    if let Ok(other) = format!("{request}~").parse() {
        *request = other;
    }
}
