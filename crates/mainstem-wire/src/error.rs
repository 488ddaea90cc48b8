//! The errors a client is told of.

use std::{borrow::Cow, fmt};

/// An error as it goes to the client.
///
/// The errors of the protocol itself are made in one file, `catalogue.rs`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    pub(crate) name: &'static str,
    pub(crate) message: Option<Cow<'static, str>>,
    pub(crate) key: MessageKey,
    pub(crate) status: u16,
}

/// The member that carries the text of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the wire knows these two spellings"
)]
pub enum MessageKey {
    /// `message`, of nearly all errors.
    Lower,
    /// `Message`, of type errors.
    Upper,
}

impl ApiError {
    pub(crate) fn new(name: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            name,
            message: Some(message.into()),
            key: MessageKey::Lower,
            status: 400,
        }
    }

    pub(crate) const fn bare(name: &'static str) -> Self {
        Self {
            name,
            message: None,
            key: MessageKey::Lower,
            status: 400,
        }
    }

    /// Returns the error's name, which goes into `__type`.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Returns the text, if the error has one.
    pub fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }

    /// Returns the HTTP status of the answer.
    pub const fn status(&self) -> u16 {
        self.status
    }
}

impl MessageKey {
    /// Returns the member's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Lower => "message",
            Self::Upper => "Message",
        }
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.message {
            Some(message) => write!(f, "{}: {message}", self.name),
            None => f.write_str(self.name),
        }
    }
}

impl std::error::Error for ApiError {}
