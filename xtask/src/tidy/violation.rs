//! Something that a check found.

use std::fmt;
use std::path::{Path, PathBuf};

/// A place in the tree that breaks a rule, and the rule in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Violation {
    file: PathBuf,
    line: Option<usize>,
    message: String,
}

impl Violation {
    /// A violation by a file as a whole.
    pub(crate) fn of_file(file: &Path, message: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            line: None,
            message: message.into(),
        }
    }

    /// A violation in one line of a file, counted from 1.
    pub(crate) fn of_line(file: &Path, line: usize, message: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            line: Some(line),
            message: message.into(),
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.file.display())?;
        if let Some(line) = self.line {
            write!(formatter, ":{line}")?;
        }
        write!(formatter, ": {}", self.message)
    }
}
