//! Two writers after one directory at once: one works, the other one refuses and says so.

use std::time::Duration;

use super::cycle::Store;
use super::fault::{Failure, Fault, Who};
use super::life::Life;
use super::plan::LifePlan;
use super::process::{Heard, STUCK};
use super::tally::Tally;
use crate::output::Exit;

/// How long one of two writers is listened to before it is the other one's turn.
const TURN: Duration = Duration::from_millis(2);

/// One of two writers.
#[derive(Debug)]
struct Rival {
    life: Life,
    /// What it was sent. The oracle learns of it once it is clear that this one works: what the other
    /// one was sent must not be in the store.
    sent: Vec<Vec<String>>,
    /// What the clock of the store showed before that.
    since_ms: Option<u64>,
    acks: Vec<String>,
    exit: Option<Exit>,
}

impl Rival {
    /// Listens for a moment.
    fn listen(&mut self) -> Result<(), Failure> {
        if self.exit.is_some() {
            return Ok(());
        }
        match self.life.process.hear(TURN) {
            Heard::Line(line) => self.acks.push(line),
            Heard::Nothing => {}
            Heard::End => self.exit = Some(self.life.process.wait()?),
        }
        Ok(())
    }
}

impl Store<'_> {
    /// Starts two writers at once and returns the one that works, after the other one has refused.
    ///
    /// # Errors
    /// When both work, none does, or the other one does not say that it refuses.
    pub(super) fn duel(&mut self, plan: &LifePlan, tally: &mut Tally) -> Result<Life, Failure> {
        let mut rivals = [self.rival(plan, 0)?, self.rival(plan, 1)?];
        let begin = self.env.clock.elapsed();
        let [one, other] = loop {
            for rival in &mut rivals {
                rival.listen()?;
            }
            let [one, other] = &rivals;
            if !one.acks.is_empty() && !other.acks.is_empty() {
                return Err(Fault::BothWork.into());
            }
            match (&one.exit, &other.exit) {
                (None, None) if self.env.clock.elapsed().since(begin) > STUCK => {
                    return Err(Fault::Stuck(Who::Writer).into());
                }
                (None, None) => {}
                _ => break rivals,
            }
        };
        let (winner, refused) = match (one.exit.is_some(), other.exit.is_some()) {
            (false, _) => (one, other),
            (true, _) => (other, one),
        };
        let Some(exit) = refused.exit else {
            return Err(Fault::Stuck(Who::Writer).into());
        };
        if let Some(other) = winner.exit {
            return Err(Fault::NeitherWorks(exit, other).into());
        }
        if !refused.acks.is_empty() {
            return Err(Fault::AckedThenRefused(exit).into());
        }
        if exit.status.code().is_none_or(|code| code == 0) || exit.said.trim().is_empty() {
            return Err(Fault::Silent(exit).into());
        }
        if let Some(since_ms) = winner.since_ms {
            self.oracle.is_now(since_ms);
        }
        for records in &winner.sent {
            self.oracle.sent(records);
        }
        let mut life = winner.life;
        for line in &winner.acks {
            self.ack(&mut life, line, tally)?;
        }
        self.feed(&mut life);
        Ok(life)
    }

    fn rival(&mut self, plan: &LifePlan, work: usize) -> Result<Rival, Failure> {
        let mut life = self.start(plan, work)?;
        let since_ms = self.now_ms();
        let mut sent = Vec::new();
        for _ in 0..life.room() {
            let Some(work) = self.works.get_mut(work) else {
                break;
            };
            let records = work.append();
            life.send(&records);
            sent.push(records);
        }
        Ok(Rival {
            life,
            sent,
            since_ms,
            acks: Vec::new(),
            exit: None,
        })
    }
}
