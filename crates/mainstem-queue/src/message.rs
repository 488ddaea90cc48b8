//! What a producer gives.

use std::time::Duration;

use md5::{Digest, Md5};

use crate::error::QueueError;
use crate::options::{check, check_name};
use crate::state::apply::MAIN;

/// The longest ordering key, in bytes. Source: the message group id of Amazon SQS.
pub const KEY_BYTES_MAX: usize = 128;

/// A message to be pushed.
///
/// ```
/// use std::time::Duration;
/// use mainstem_queue::Message;
///
/// let message = Message::new("cook table 4's order")
///     .key("table 4")
///     .delay(Duration::from_secs(60))
///     .dedup("order 1234");
/// # let _ = message;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub(crate) payload: Vec<u8>,
    pub(crate) topic: String,
    pub(crate) key: Vec<u8>,
    pub(crate) delay: Duration,
    pub(crate) dedup: Option<[u8; 16]>,
}

impl Message {
    /// Returns a message with a payload, which may be empty.
    pub fn new(payload: impl Into<Vec<u8>>) -> Self {
        Self {
            payload: payload.into(),
            topic: MAIN.to_owned(),
            key: Vec::new(),
            delay: Duration::ZERO,
            dedup: None,
        }
    }

    /// Puts it into another topic than the default one. A topic comes to be by its first message, and
    /// with it a consumer `main` of it, which gets all of its messages.
    ///
    /// That consumer keeps the files that they are in until it is done with them, as any other does. If
    /// nobody is going to receive for it, remove it with
    /// [`Queue::remove_consumer`](crate::Queue::remove_consumer).
    #[must_use]
    pub fn topic(mut self, topic: impl Into<String>) -> Self {
        self.topic = topic.into();
        self
    }

    /// Gives it an ordering key: a consumer gets the messages of one key in order, each once it is done
    /// with the one before. At most 128 bytes; an empty one is none.
    #[must_use]
    pub fn key(mut self, key: impl Into<Vec<u8>>) -> Self {
        self.key = key.into();
        self
    }

    /// Has it delivered only after some time.
    #[must_use]
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Gives it an id: a message with an id that was seen within the window is not pushed again,
    /// whatever its topic and payload. The id is kept as an MD5 hash.
    #[must_use]
    pub fn dedup(mut self, id: impl AsRef<[u8]>) -> Self {
        self.dedup = Some(Md5::digest(id.as_ref()).into());
        self
    }

    pub(crate) fn validate(&self) -> Result<(), QueueError> {
        check_name("the name of a topic", &self.topic)?;
        check(
            self.key.len() <= KEY_BYTES_MAX,
            "the length of an ordering key",
            self.key.len(),
            "at most 128 bytes",
        )
    }
}

impl<T: Into<Vec<u8>>> std::convert::From<T> for Message {
    fn from(payload: T) -> Self {
        Self::new(payload)
    }
}

/// Which message it is: the same for every consumer and every delivery. Ids rise in the order of
/// pushing, with gaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(pub u64);

impl std::fmt::Display for MessageId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// What became of a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pushed {
    /// The message, or the one that it repeats.
    pub id: MessageId,
    /// Whether it repeats one, by its deduplication id, and so was not pushed again.
    pub is_repeat: bool,
}
