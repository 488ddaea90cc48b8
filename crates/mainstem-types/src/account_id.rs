//! The twelve digits of an account.

use std::{fmt, str::FromStr};

/// The account that owns streams: twelve decimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId(u64);

/// The text is not twelve ASCII digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("account id {text:?} is not twelve digits")]
pub struct AccountIdError {
    text: String,
}

impl AccountId {
    /// The account of a server that was given no other: `000000000000`.
    pub const DEFAULT: Self = Self(0);

    /// Parses exactly twelve digits.
    ///
    /// # Errors
    /// [`AccountIdError`] if `text` is anything else.
    pub fn new(text: &str) -> Result<Self, AccountIdError> {
        let well_formed =
            text.len() == ACCOUNT_ID_DIGITS && text.bytes().all(|b| b.is_ascii_digit());
        match text.parse() {
            Ok(number) if well_formed => Ok(Self(number)),
            _ => Err(AccountIdError {
                text: text.to_owned(),
            }),
        }
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:0width$}", self.0, width = ACCOUNT_ID_DIGITS)
    }
}

impl fmt::Debug for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccountId({self})")
    }
}

impl FromStr for AccountId {
    type Err = AccountIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::new(text)
    }
}

/// Digits of an account id.
const ACCOUNT_ID_DIGITS: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twelve_digits_and_nothing_else() {
        assert_eq!(AccountId::new("000000000000"), Ok(AccountId::DEFAULT));
        assert_eq!(
            AccountId::new("012345678901").unwrap().to_string(),
            "012345678901"
        );
        for text in [
            "",
            "00000000000",
            "0000000000000",
            "+00000000000",
            "00000000000x",
            "٠٠٠٠٠٠",
        ] {
            assert!(AccountId::new(text).is_err(), "{text}");
        }
    }
}
