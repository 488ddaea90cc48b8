//! Authenticated bytes as base64 text.

use std::fmt;
use std::io;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use mainstem_env::Random;

/// What a sealed text is for; one kind is never taken for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    ShardIterator = 1,
    ShardsPage = 2,
    StreamsPage = 3,
}

/// Makes and checks sealed texts.
///
/// A text is the base64 of: eight bytes `0000000000000001` as Kinesis' own iterators begin, the
/// kind, 15 random bytes, the body, and an HMAC-SHA256 over all of these.
#[derive(Clone)]
pub(crate) struct Sealer {
    key: [u8; 32],
    random: Arc<dyn Random>,
}

impl Sealer {
    /// Seals with `key`.
    pub(crate) fn new(key: [u8; 32], random: Arc<dyn Random>) -> Self {
        Self { key, random }
    }

    pub(super) fn seal(&self, kind: Kind, body: &[u8]) -> io::Result<String> {
        let mut nonce = [0; NONCE_BYTES];
        self.random.fill(&mut nonce)?;
        let mut bytes = Vec::with_capacity(PREFIX_BYTES + body.len() + MAC_BYTES);
        bytes.extend_from_slice(&HEADER);
        bytes.push(kind as u8);
        bytes.extend_from_slice(&nonce);
        bytes.extend_from_slice(body);
        if let Some(mac) = self.mac(&bytes) {
            bytes.extend_from_slice(&mac.finalize().into_bytes());
        }
        Ok(STANDARD.encode(bytes))
    }

    /// Returns the body of a text that was sealed as `kind`, or `None` for any other text.
    pub(super) fn open(&self, kind: Kind, text: &str) -> Option<Vec<u8>> {
        let bytes = STANDARD.decode(text).ok()?;
        let (sealed, mac) = bytes.split_last_chunk::<MAC_BYTES>()?;
        // In constant time, so that a forger learns nothing from how long a refusal takes.
        self.mac(sealed)?.verify_slice(mac).ok()?;
        let (prefix, body) = sealed.split_first_chunk::<PREFIX_BYTES>()?;
        let (header, rest) = prefix.split_first_chunk::<{ HEADER.len() }>()?;
        (*header == HEADER && rest.first() == Some(&(kind as u8))).then(|| body.to_vec())
    }

    /// Returns the MAC of `bytes`; `None` never, as HMAC takes keys of any length.
    fn mac(&self, bytes: &[u8]) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).ok()?;
        mac.update(bytes);
        Some(mac)
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer")
    }
}

const HEADER: [u8; 8] = [0, 0, 0, 0, 0, 0, 0, 1];

const NONCE_BYTES: usize = 15;

const PREFIX_BYTES: usize = HEADER.len() + 1 + NONCE_BYTES;

const MAC_BYTES: usize = 32;

#[cfg(test)]
mod tests {
    use mainstem_env::Env;

    use super::*;

    fn sealer(key: u8) -> Sealer {
        Sealer::new([key; 32], Env::real().random)
    }

    #[test]
    fn only_the_same_key_and_kind_open() {
        let text = sealer(1).seal(Kind::ShardsPage, b"body").unwrap();
        assert_eq!(
            sealer(1).open(Kind::ShardsPage, &text).as_deref(),
            Some(&b"body"[..])
        );
        assert_eq!(sealer(2).open(Kind::ShardsPage, &text), None);
        assert_eq!(sealer(1).open(Kind::StreamsPage, &text), None);
    }

    #[test]
    fn no_two_are_alike() {
        let sealer = sealer(1);
        let first = sealer.seal(Kind::ShardsPage, b"").unwrap();
        assert_ne!(sealer.seal(Kind::ShardsPage, b"").unwrap(), first);
    }

    #[test]
    fn what_was_never_sealed_does_not_open() {
        for text in ["", "AAAAAAAAAAE=", "not base64!", &"A".repeat(512)] {
            assert_eq!(sealer(1).open(Kind::ShardIterator, text), None, "{text}");
        }
    }
}
