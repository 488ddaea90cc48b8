//! What can be set about the server itself.

use std::net::{Ipv4Addr, SocketAddr};

use crate::{error::ServerError, room::ANSWER_BYTES_MAX};

/// The settings of the server; [`Server::bind`](crate::Server::bind) checks them.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// Where to listen. Default `127.0.0.1:4567`; port 0 picks a free one.
    ///
    /// Only loopback addresses are accepted as long as signatures are not checked.
    pub listen: SocketAddr,
    /// Bytes of the largest request body. Default 16 MiB; more than a `PutRecords` of 10 MiB in
    /// base64 needs. A larger body is answered with 413.
    pub body_bytes_max: usize,
    /// Bytes that the bodies of all requests being served may have together. Default 256 MiB; a
    /// request waits for room as its body arrives. Not below `body_bytes_max`.
    pub bodies_bytes_max: usize,
    /// Bytes that the answers to all `GetRecords` may have together until clients have taken them.
    /// Default 256 MiB; a call waits for room for the largest answer, 16 MiB, before it reads, and
    /// is answered with 503 if none gets free within `body_timeout_ms`. At least 16 MiB.
    pub answers_bytes_max: usize,
    /// Connections served at once. Default 4096; further ones wait to be accepted. At least 1.
    pub connections_max: usize,
    /// How long a client may take to send the head of a request, in milliseconds, counted also for
    /// a connection without any request. Default 60,000, at least 1.
    pub head_timeout_ms: u64,
    /// How long a client may take to send a body, in milliseconds. Default 60,000, at least 1.
    pub body_timeout_ms: u64,
    /// How long requests under way may take after shutdown was asked for, in milliseconds. Default
    /// 10,000; then their connections are closed.
    pub drain_timeout_ms: u64,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 4567)),
            body_bytes_max: 16 * 1024 * 1024,
            bodies_bytes_max: 256 * 1024 * 1024,
            answers_bytes_max: 256 * 1024 * 1024,
            connections_max: 4096,
            head_timeout_ms: 60_000,
            body_timeout_ms: 60_000,
            drain_timeout_ms: 10_000,
        }
    }
}

/// Settings that passed their checks.
#[derive(Clone, Debug)]
pub(crate) struct Checked(ServerConfig);

impl Checked {
    /// Returns the settings.
    pub(crate) const fn settings(&self) -> &ServerConfig {
        &self.0
    }
}

impl ServerConfig {
    /// Checks the settings.
    ///
    /// # Errors
    /// [`ServerError::NotLoopback`] and [`ServerError::Setting`], which names the setting.
    pub(crate) fn validate(self) -> Result<Checked, ServerError> {
        if !self.listen.ip().is_loopback() {
            return Err(ServerError::NotLoopback {
                address: self.listen.ip(),
            });
        }
        let at_least = |setting, value: u64, least: u64| {
            if value < least {
                Err(ServerError::Setting {
                    setting,
                    value,
                    least,
                })
            } else {
                Ok(())
            }
        };
        let bytes = |bytes| u64::try_from(bytes).unwrap_or(u64::MAX);
        at_least("body_bytes_max", bytes(self.body_bytes_max), 1)?;
        let least = bytes(self.body_bytes_max);
        at_least("bodies_bytes_max", bytes(self.bodies_bytes_max), least)?;
        let least = bytes(ANSWER_BYTES_MAX);
        at_least("answers_bytes_max", bytes(self.answers_bytes_max), least)?;
        at_least("connections_max", bytes(self.connections_max), 1)?;
        at_least("head_timeout_ms", self.head_timeout_ms, 1)?;
        at_least("body_timeout_ms", self.body_timeout_ms, 1)?;
        Ok(Checked(self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid() {
        assert!(ServerConfig::default().validate().is_ok());
    }

    #[test]
    fn loopback_only() {
        for (listen, accepted) in [
            ("127.0.0.1:0", true),
            ("127.9.9.9:1", true),
            ("[::1]:4567", true),
            ("0.0.0.0:4567", false),
            ("10.0.0.1:4567", false),
            ("[::]:4567", false),
        ] {
            let config = ServerConfig {
                listen: listen.parse().unwrap(),
                ..Default::default()
            };
            assert_eq!(config.validate().is_ok(), accepted, "{listen}");
        }
        let config = ServerConfig {
            listen: "0.0.0.0:4567".parse().unwrap(),
            ..Default::default()
        };
        let sentence = config.validate().unwrap_err().to_string();
        assert!(
            sentence.contains("signatures are not checked"),
            "{sentence}"
        );
    }

    #[test]
    fn limits_at_their_least() {
        let config = ServerConfig {
            body_bytes_max: 1,
            bodies_bytes_max: 1,
            answers_bytes_max: ANSWER_BYTES_MAX,
            connections_max: 1,
            head_timeout_ms: 1,
            body_timeout_ms: 1,
            drain_timeout_ms: 0,
            ..Default::default()
        };
        assert!(config.clone().validate().is_ok());
        for broken in [
            ServerConfig {
                body_bytes_max: 0,
                ..config.clone()
            },
            ServerConfig {
                body_bytes_max: 2,
                ..config.clone()
            },
            ServerConfig {
                answers_bytes_max: ANSWER_BYTES_MAX - 1,
                ..config.clone()
            },
            ServerConfig {
                connections_max: 0,
                ..config.clone()
            },
            ServerConfig {
                head_timeout_ms: 0,
                ..config.clone()
            },
            ServerConfig {
                body_timeout_ms: 0,
                ..config
            },
        ] {
            assert!(broken.validate().is_err());
        }
    }
}
