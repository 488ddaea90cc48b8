//! One record of the log: a message, or something that happened to messages.
//!
//! The first byte is the kind. Zero is no kind, and a kind that is not known was written by a newer
//! version.

use super::bytes::{Reader, Writer};
use super::runs::{Run, Runs};

/// A hash of a deduplication id.
pub(crate) type DedupId = [u8; 16];

/// A message as it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MessageRecord<'a> {
    /// The number of its topic.
    pub(crate) topic: u16,
    /// Before this it is not delivered, in ms; 0 for at once.
    pub(crate) due_ms: u64,
    /// What it is deduplicated by, and for how long, in ms.
    pub(crate) dedup: Option<(DedupId, u64)>,
    /// What orders it; empty for nothing.
    pub(crate) key: &'a [u8],
    /// Where it stood when it was pushed, and when that was, in ms, if it was carried forward.
    pub(crate) carried: Option<(u64, u64)>,
    /// What the producer gave.
    pub(crate) payload: &'a [u8],
}

/// Deliveries that are written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Delivered {
    pub(crate) run: Run,
    /// Deliveries of each of these messages so far, this one included.
    pub(crate) attempts: u32,
}

impl Delivered {
    /// A delivery of several messages is stored in so many bytes.
    const BYTES: usize = Run::BYTES + 4;

    /// Adds the delivery of message `id`, for the so-manieth time, to `all`.
    pub(crate) fn add(all: &mut Vec<Self>, id: u64, attempts: u32) {
        let is_in = all
            .last_mut()
            .is_some_and(|last| last.attempts == attempts && last.run.extend(id));
        if !is_in {
            let run = Run::one(id);
            all.push(Self { run, attempts });
        }
    }
}

/// What a record says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event<'a> {
    /// A message was pushed, or carried forward.
    Message(MessageRecord<'a>),
    /// A consumer got messages, for itself alone until a time.
    Delivered {
        consumer: u32,
        until_ms: u64,
        nonce: u64,
        messages: Vec<Delivered>,
    },
    /// A consumer is done with messages, dead ones included.
    Acked { consumer: u32, ids: Runs },
    /// A consumer gave messages back, to be delivered again from a time on.
    Returned {
        consumer: u32,
        due_ms: u64,
        ids: Runs,
    },
    /// A consumer keeps messages for itself until a later time.
    Extended {
        consumer: u32,
        until_ms: u64,
        ids: Runs,
    },
    /// A message is not delivered to a consumer any more.
    Died {
        consumer: u32,
        id: u64,
        at_ms: u64,
        reason: &'a str,
    },
    /// Dead messages are delivered again, as if for the first time.
    Redriven { consumer: u32, ids: Runs },
    /// There is a topic; its number is the next one that is free.
    TopicMade { name: &'a str },
    /// There is a consumer of the topic named; its number is the next one that is free. It gets
    /// messages from `start` on.
    ConsumerMade {
        topic: &'a str,
        name: &'a str,
        start: u64,
    },
    /// There is no such consumer any more.
    ConsumerRemoved { consumer: u32 },
    /// A value of the user's, or none.
    StateSet {
        key: &'a str,
        value: Option<&'a [u8]>,
    },
    /// Messages that were pushed before this one are gone, whoever still wanted them.
    Dropped { before: u64 },
}

const MESSAGE: u8 = 1;
const DELIVERED: u8 = 2;
const ACKED: u8 = 3;
const RETURNED: u8 = 4;
const EXTENDED: u8 = 5;
const DIED: u8 = 6;
const REDRIVEN: u8 = 7;
const TOPIC_MADE: u8 = 8;
const CONSUMER_MADE: u8 = 9;
const CONSUMER_REMOVED: u8 = 10;
const STATE_SET: u8 = 11;
const DROPPED: u8 = 12;

const HAS_DUE: u8 = 1;
const HAS_DEDUP: u8 = 2;
const HAS_KEY: u8 = 4;
const IS_CARRIED: u8 = 8;
const FLAGS: u8 = HAS_DUE | HAS_DEDUP | HAS_KEY | IS_CARRIED;

/// Why a record is not an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EventError {
    /// The kind, or a flag, is of a version to come.
    Unsupported(u8),
    /// It is known what it should be, and it is not that.
    Malformed,
}

impl<'a> Event<'a> {
    /// Appends the record's bytes to `out`.
    pub(crate) fn write(&self, out: &mut Writer) {
        match self {
            Self::Message(message) => message.write(out),
            Self::Delivered {
                consumer,
                until_ms,
                nonce,
                messages,
            } => {
                out.u8(DELIVERED).u32(*consumer).u64(*until_ms).u64(*nonce);
                out.count(messages.len());
                for message in messages {
                    message.run.write(out);
                    out.u32(message.attempts);
                }
            }
            Self::Acked { consumer, ids } => ids.write(out.u8(ACKED).u32(*consumer)),
            Self::Returned {
                consumer,
                due_ms,
                ids,
            } => ids.write(out.u8(RETURNED).u32(*consumer).u64(*due_ms)),
            Self::Extended {
                consumer,
                until_ms,
                ids,
            } => ids.write(out.u8(EXTENDED).u32(*consumer).u64(*until_ms)),
            Self::Died {
                consumer,
                id,
                at_ms,
                reason,
            } => {
                out.u8(DIED).u32(*consumer).u64(*id).u64(*at_ms);
                out.bytes(reason.as_bytes());
            }
            Self::Redriven { consumer, ids } => ids.write(out.u8(REDRIVEN).u32(*consumer)),
            Self::TopicMade { name } => {
                out.u8(TOPIC_MADE).bytes(name.as_bytes());
            }
            Self::ConsumerMade { topic, name, start } => {
                out.u8(CONSUMER_MADE).u64(*start);
                out.bytes(topic.as_bytes()).bytes(name.as_bytes());
            }
            Self::ConsumerRemoved { consumer } => {
                out.u8(CONSUMER_REMOVED).u32(*consumer);
            }
            Self::StateSet { key, value } => {
                out.u8(STATE_SET).u8(u8::from(value.is_some()));
                out.bytes(key.as_bytes()).rest(value.unwrap_or_default());
            }
            Self::Dropped { before } => {
                out.u8(DROPPED).u64(*before);
            }
        }
    }

    /// Reads a record.
    pub(crate) fn read(record: &'a [u8]) -> Result<Self, EventError> {
        let mut fields = Reader(record);
        let kind = fields.u8().ok_or(EventError::Malformed)?;
        if !(MESSAGE..=DROPPED).contains(&kind) {
            return Err(EventError::Unsupported(kind));
        }
        if kind == MESSAGE
            && let Some(flags) = fields.0.first()
            && flags & !FLAGS != 0
        {
            return Err(EventError::Unsupported(kind));
        }
        let event = Self::read_kind(kind, &mut fields).ok_or(EventError::Malformed)?;
        if fields.is_done() {
            Ok(event)
        } else {
            Err(EventError::Malformed)
        }
    }

    fn read_kind(kind: u8, fields: &mut Reader<'a>) -> Option<Self> {
        Some(match kind {
            MESSAGE => Self::Message(MessageRecord::read(fields)?),
            DELIVERED => Self::Delivered {
                consumer: fields.u32()?,
                until_ms: fields.u64()?,
                nonce: fields.u64()?,
                messages: {
                    let count = fields.count(Delivered::BYTES)?;
                    let mut messages = Vec::with_capacity(count);
                    for _ in 0..count {
                        messages.push(Delivered {
                            run: Run::read(fields)?,
                            attempts: fields.u32()?,
                        });
                    }
                    messages
                },
            },
            ACKED => Self::Acked {
                consumer: fields.u32()?,
                ids: Runs::read(fields)?,
            },
            RETURNED => Self::Returned {
                consumer: fields.u32()?,
                due_ms: fields.u64()?,
                ids: Runs::read(fields)?,
            },
            EXTENDED => Self::Extended {
                consumer: fields.u32()?,
                until_ms: fields.u64()?,
                ids: Runs::read(fields)?,
            },
            DIED => Self::Died {
                consumer: fields.u32()?,
                id: fields.u64()?,
                at_ms: fields.u64()?,
                reason: fields.text()?,
            },
            REDRIVEN => Self::Redriven {
                consumer: fields.u32()?,
                ids: Runs::read(fields)?,
            },
            TOPIC_MADE => Self::TopicMade {
                name: fields.text()?,
            },
            CONSUMER_MADE => {
                let start = fields.u64()?;
                Self::ConsumerMade {
                    topic: fields.text()?,
                    name: fields.text()?,
                    start,
                }
            }
            CONSUMER_REMOVED => Self::ConsumerRemoved {
                consumer: fields.u32()?,
            },
            STATE_SET => {
                let is_there = fields.u8()?;
                let key = fields.text()?;
                let value = match (is_there, fields.rest()) {
                    (1, value) => Some(value),
                    (0, []) => None,
                    _ => return None,
                };
                Self::StateSet { key, value }
            }
            DROPPED => Self::Dropped {
                before: fields.u64()?,
            },
            _ => return None,
        })
    }
}

impl<'a> MessageRecord<'a> {
    fn write(&self, out: &mut Writer) {
        let mut flags = 0;
        for (is_there, flag) in [
            (self.due_ms != 0, HAS_DUE),
            (self.dedup.is_some(), HAS_DEDUP),
            (!self.key.is_empty(), HAS_KEY),
            (self.carried.is_some(), IS_CARRIED),
        ] {
            flags |= if is_there { flag } else { 0 };
        }
        out.u8(MESSAGE).u8(flags).u16(self.topic);
        if self.due_ms != 0 {
            out.u64(self.due_ms);
        }
        if let Some((id, window_ms)) = &self.dedup {
            out.rest(id).u64(*window_ms);
        }
        if let Some((id, pushed_ms)) = self.carried {
            out.u64(id).u64(pushed_ms);
        }
        if !self.key.is_empty() {
            out.bytes(self.key);
        }
        out.rest(self.payload);
    }

    fn read(fields: &mut Reader<'a>) -> Option<Self> {
        let flags = fields.u8()?;
        let topic = fields.u16()?;
        let has = |flag| flags & flag != 0;
        let due_ms = if has(HAS_DUE) { fields.u64()? } else { 0 };
        let dedup = if has(HAS_DEDUP) {
            Some((fields.array()?, fields.u64()?))
        } else {
            None
        };
        let carried = if has(IS_CARRIED) {
            Some((fields.u64()?, fields.u64()?))
        } else {
            None
        };
        let key = if has(HAS_KEY) { fields.bytes()? } else { &[] };
        Some(Self {
            topic,
            due_ms,
            dedup,
            key,
            carried,
            payload: fields.rest(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples() -> Vec<Event<'static>> {
        let plain = MessageRecord {
            topic: 0,
            due_ms: 0,
            dedup: None,
            key: &[],
            carried: None,
            payload: b"coffee",
        };
        let full = MessageRecord {
            topic: 7,
            due_ms: 1_700_000_000_000,
            dedup: Some(([9; 16], 300_000)),
            key: b"table 4",
            carried: Some((12, 1_600_000_000_000)),
            payload: b"",
        };
        vec![
            Event::Message(plain),
            Event::Message(full),
            Event::Delivered {
                consumer: 3,
                until_ms: 4,
                nonce: 5,
                messages: vec![
                    Delivered {
                        run: Run { first: 6, count: 2 },
                        attempts: 7,
                    },
                    Delivered {
                        run: Run::one(8),
                        attempts: 1,
                    },
                ],
            },
            Event::Acked {
                consumer: 1,
                ids: [1, 2, 3, 9].into_iter().collect(),
            },
            Event::Returned {
                consumer: 1,
                due_ms: 9,
                ids: [].into_iter().collect(),
            },
            Event::Extended {
                consumer: 2,
                until_ms: 9,
                ids: [4].into_iter().collect(),
            },
            Event::Died {
                consumer: 1,
                id: 3,
                at_ms: 5,
                reason: "no such table",
            },
            Event::Redriven {
                consumer: 1,
                ids: [3].into_iter().collect(),
            },
            Event::TopicMade { name: "orders" },
            Event::ConsumerMade {
                topic: "orders",
                name: "billing",
                start: 4,
            },
            Event::ConsumerRemoved { consumer: 2 },
            Event::StateSet {
                key: "sum",
                value: Some(b"42"),
            },
            Event::StateSet {
                key: "sum",
                value: None,
            },
            Event::Dropped { before: 77 },
        ]
    }

    #[test]
    fn what_is_written_is_read() {
        for event in samples() {
            let mut out = Writer::default();
            event.write(&mut out);
            assert_eq!(Event::read(&out.0), Ok(event));
        }
    }

    #[test]
    fn what_is_cut_short_is_refused_or_a_shorter_payload() {
        for event in samples() {
            let mut out = Writer::default();
            event.write(&mut out);
            for len in 0..out.0.len() {
                match (&event, Event::read(&out.0[..len])) {
                    (Event::Message(whole), Ok(Event::Message(cut))) => {
                        assert!(whole.payload.starts_with(cut.payload));
                    }
                    (Event::StateSet { .. }, Ok(Event::StateSet { .. })) | (_, Err(_)) => {}
                    (_, Ok(other)) => panic!("{event:?} cut to {len} became {other:?}"),
                }
            }
        }
    }

    #[test]
    fn what_is_newer_is_not_taken_for_damage() {
        assert_eq!(Event::read(&[200, 1]), Err(EventError::Unsupported(200)));
        assert_eq!(Event::read(&[0]), Err(EventError::Unsupported(0)));
        assert_eq!(
            Event::read(&[1, 0x80, 0, 0]),
            Err(EventError::Unsupported(1))
        );
        assert_eq!(Event::read(&[]), Err(EventError::Malformed));
        // A count that no record has room for must not size an allocation.
        let mut out = Writer::default();
        out.u8(ACKED).u32(1).u32(u32::MAX);
        assert_eq!(Event::read(&out.0), Err(EventError::Malformed));
    }

    #[test]
    fn whether_there_is_a_value_is_said_in_one_way() {
        let set = |present: u8, value: &[u8]| {
            let mut out = Writer::default();
            out.u8(STATE_SET).u8(present).bytes(b"sum").rest(value);
            Event::read(&out.0).is_ok()
        };
        assert!(set(1, b"42") && set(1, b"") && set(0, b""));
        for present in 2..=u8::MAX {
            assert!(!set(present, b"42"), "{present}");
        }
        assert!(!set(0, b"42"), "a value that is not there");
    }

    /// The dump in `docs/format-queue.md`, position and text left out.
    fn documented() -> Vec<u8> {
        let page = include_str!("../../../../docs/format-queue.md");
        let dump = page.split("```hexdump\n").nth(1).unwrap();
        let dump = dump.split("```").next().unwrap();
        let columns = dump
            .lines()
            .flat_map(|line| line.get(10..58).unwrap().split_whitespace());
        columns
            .map(|byte| u8::from_str_radix(byte, 16).unwrap())
            .collect()
    }

    #[test]
    fn golden_message_is_the_documented_one() {
        let message = Event::Message(MessageRecord {
            topic: 0,
            due_ms: 0,
            dedup: None,
            key: b"table 4",
            carried: None,
            payload: b"coffee",
        });
        let mut out = Writer::default();
        message.write(&mut out);
        assert_eq!(out.0, documented());
        assert_eq!(Event::read(&documented()), Ok(message));
    }
}
