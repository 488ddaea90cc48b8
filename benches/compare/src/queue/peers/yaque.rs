//! yaque, which writes and never syncs.

use std::path::Path;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use yaque::{Receiver, ReceiverBuilder, Sender, TryRecvError};

use crate::peer::{Peer, Standing};
use crate::queue::store::Queue;

pub(crate) const PEER: Peer<dyn Queue> = Peer {
    name: "yaque",
    standing: Standing::NotDurable,
    how: "not durable: it writes to the kernel and never syncs, so a power cut loses what it has \
          acknowledged; one sender and one receiver, each behind a mutex; no leases (a message is out \
          while the receiver is locked), its state saved with every acknowledgement",
    lacks: &[],
    open,
};

struct Yaque {
    sender: Mutex<Sender>,
    receiver: Mutex<Receiver>,
    /// How many pushes there were.
    pushes: Mutex<u64>,
    bell: Condvar,
}

fn open(dir: &Path) -> Result<Box<dyn Queue>> {
    let dir = dir.join("queue");
    if dir.exists() {
        // Takes away the locks that a killed process left.
        yaque::recovery::recover(&dir)?;
    }
    let sender = Sender::open(&dir)?;
    let receiver = ReceiverBuilder::new().save_every_nth(Some(1)).open(&dir)?;
    Ok(Box::new(Yaque {
        sender: Mutex::new(sender),
        receiver: Mutex::new(receiver),
        pushes: Mutex::new(0),
        bell: Condvar::new(),
    }))
}

impl Yaque {
    fn pushes(&self) -> u64 {
        *self.pushes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn try_serve(&self, most: usize, handle: &mut dyn FnMut(&[u8])) -> Result<usize> {
        let mut receiver = self.receiver.lock().unwrap_or_else(PoisonError::into_inner);
        match receiver.try_recv_batch_up_to(most) {
            Ok(messages) => {
                for message in messages.iter() {
                    handle(message);
                }
                let served = messages.len();
                messages.commit()?;
                Ok(served)
            }
            Err(TryRecvError::QueueEmpty) => Ok(0),
            Err(TryRecvError::Io(error)) => Err(error).context("yaque cannot receive"),
        }
    }
}

impl Queue for Yaque {
    fn push(&self, messages: &[&[u8]]) -> Result<()> {
        let mut sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner);
        let sent = sender.try_send_batch(messages);
        sent.map_err(|error| anyhow!("yaque cannot send: {error}"))?;
        drop(sender);
        *self.pushes.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        if messages.len() == 1 {
            self.bell.notify_one();
        } else {
            self.bell.notify_all();
        }
        Ok(())
    }

    fn serve(&self, most: usize, wait: Duration, handle: &mut dyn FnMut(&[u8])) -> Result<usize> {
        let end = Instant::now() + wait;
        loop {
            let before = self.pushes();
            let served = self.try_serve(most, handle)?;
            let left = end.saturating_duration_since(Instant::now());
            if served > 0 || left.is_zero() {
                return Ok(served);
            }
            let pushes = self.pushes.lock().unwrap_or_else(PoisonError::into_inner);
            let woken = self
                .bell
                .wait_timeout_while(pushes, left, |pushes| *pushes == before);
            drop(woken.unwrap_or_else(PoisonError::into_inner));
        }
    }

    fn close(self: Box<Self>) -> Result<()> {
        drop(self);
        Ok(())
    }
}
