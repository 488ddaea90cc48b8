//! What a delivery is answered with.

use std::fmt;
use std::str::FromStr;

use crate::error::QueueError;

/// Stands for one delivery of one message to one consumer. It is good until the message is done with,
/// is dead, or is delivered again; a lease that ran out alone does not spoil it.
///
/// As text it can be kept, and read back in another process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Receipt {
    pub(crate) consumer: u32,
    pub(crate) id: u64,
    pub(crate) nonce: u64,
}

impl fmt::Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{:016x}", self.consumer, self.id, self.nonce)
    }
}

impl FromStr for Receipt {
    type Err = QueueError;

    fn from_str(text: &str) -> Result<Self, QueueError> {
        let read = || {
            let mut parts = text.split('-');
            let receipt = Self {
                consumer: parts.next()?.parse().ok()?,
                id: parts.next()?.parse().ok()?,
                nonce: u64::from_str_radix(parts.next()?, 16).ok()?,
            };
            parts.next().is_none().then_some(receipt)
        };
        read().ok_or_else(|| QueueError::Invalid {
            what: "a receipt",
            given: format!("{text:?}"),
            range: "what a receive printed, such as 0-17-00c0ffee00c0ffee",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receipt_reads_back() {
        let receipt = Receipt {
            consumer: 3,
            id: 17,
            nonce: u64::MAX - 1,
        };
        assert_eq!(receipt.to_string().parse::<Receipt>().unwrap(), receipt);
        for wrong in ["", "1", "1-2", "1-2-x", "1-2-3-4", "a-2-3", "-1-2-3"] {
            assert!(wrong.parse::<Receipt>().is_err(), "{wrong}");
        }
    }
}
