//! Mainstem's own queue, with the options it has by default.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use mainstem_queue::{Consumer, ConsumerOptions, Message, QueueOptions, Receipt};

use crate::peer::{Peer, Standing};
use crate::queue::store::Queue;

pub(crate) const PEER: Peer<dyn Queue> = Peer {
    name: "mainstem",
    standing: Standing::Ours,
    how: "mainstem-queue with default options; leases and attempts are written to its log",
    lacks: &[],
    open,
};

struct Ours {
    queue: mainstem_queue::Queue,
    consumer: Consumer,
}

fn open(dir: &Path) -> Result<Box<dyn Queue>> {
    let queue = mainstem_queue::Queue::open(dir, QueueOptions::default())?;
    let consumer = queue.main_consumer(ConsumerOptions::default())?;
    Ok(Box::new(Ours { queue, consumer }))
}

impl Queue for Ours {
    fn push(&self, messages: &[&[u8]]) -> Result<()> {
        if let [message] = messages {
            self.queue.push(*message)?;
            return Ok(());
        }
        let messages: Vec<Message> = messages.iter().map(|it| Message::new(*it)).collect();
        self.queue.push_batch(&messages)?;
        Ok(())
    }

    fn serve(&self, most: usize, wait: Duration, handle: &mut dyn FnMut(&[u8])) -> Result<usize> {
        let deliveries = self.consumer.receive_batch(most, wait)?;
        for delivery in &deliveries {
            handle(delivery.payload());
        }
        let receipts: Vec<Receipt> = deliveries
            .iter()
            .map(mainstem_queue::Delivery::receipt)
            .collect();
        if !receipts.is_empty() {
            let stale = self.consumer.ack_batch(&receipts)?;
            ensure!(stale.is_empty(), "{} leases ran out", stale.len());
        }
        Ok(deliveries.len())
    }

    fn close(self: Box<Self>) -> Result<()> {
        Ok(self.queue.close()?)
    }
}
