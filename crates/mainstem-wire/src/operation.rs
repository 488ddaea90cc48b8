//! What is known of every operation.

use std::{fmt, str::FromStr};

use crate::{convert::FromValue, generated::operations::Operation, shape::Shape};

/// What the service model says of one operation.
#[derive(Debug)]
pub struct OperationModel {
    pub(crate) name: &'static str,
    pub(crate) input: &'static Shape,
    pub(crate) output: Option<&'static Shape>,
    pub(crate) errors: &'static [&'static str],
}

impl OperationModel {
    /// Returns the operation's name, as in `X-Amz-Target` after the dot.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Tells whether a success has a body. Without one the answer is empty, not `{}`.
    pub const fn has_output(&self) -> bool {
        self.output.is_some()
    }

    /// Returns the names of the errors that clients expect of the operation.
    pub const fn errors(&self) -> &'static [&'static str] {
        self.errors
    }
}

/// The typed input of one operation.
#[expect(private_bounds, reason = "inputs are generated here and nowhere else")]
pub trait OperationInput: FromValue {
    /// The operation whose input this is.
    const OPERATION: Operation;
}

impl Operation {
    /// Returns the operation's name.
    pub const fn name(self) -> &'static str {
        self.model().name
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The text names no operation of the service model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no operation of Kinesis has this name")]
pub struct UnknownOperation;

impl FromStr for Operation {
    type Err = UnknownOperation;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        // The list is sorted by name, as the test below checks.
        Self::ALL
            .binary_search_by_key(&name, |operation| operation.name())
            .ok()
            .and_then(|index| Self::ALL.get(index).copied())
            .ok_or(UnknownOperation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        generated::operations::error_names,
        shape::{Kind, Pattern},
    };

    #[test]
    fn all_operations_are_known_by_name() {
        assert_eq!(Operation::ALL.len(), 57);
        assert!(Operation::ALL.is_sorted_by_key(|operation| operation.name()));
        for operation in Operation::ALL {
            assert_eq!(operation.name().parse(), Ok(*operation));
        }
        assert_eq!("PutRecordz".parse::<Operation>(), Err(UnknownOperation));
        assert_eq!("".parse::<Operation>(), Err(UnknownOperation));
    }

    #[test]
    fn outputs_and_errors_are_those_of_the_model() {
        let put = Operation::PutRecord.model();
        assert!(put.has_output());
        assert!(
            put.errors()
                .contains(&error_names::PROVISIONED_THROUGHPUT_EXCEEDED_EXCEPTION)
        );
        assert!(!Operation::CreateStream.model().has_output());
        assert!(
            !Operation::IncreaseStreamRetentionPeriod
                .model()
                .has_output()
        );
    }

    fn patterns(shape: &'static Shape, found: &mut Vec<&'static Pattern>) {
        match &shape.kind {
            Kind::String { pattern, .. } => found.extend(pattern),
            Kind::List { member, .. } => patterns(member, found),
            Kind::Map { key, value, .. } => {
                patterns(key, found);
                patterns(value, found);
            }
            Kind::Structure(members) => {
                for member in *members {
                    patterns(member.shape, found);
                }
            }
            Kind::Integer(_) | Kind::Long(_) | Kind::Boolean | Kind::Blob(_) | Kind::Timestamp => {}
        }
    }

    #[test]
    fn every_pattern_compiles() {
        let mut found = Vec::new();
        for operation in Operation::ALL {
            patterns(operation.model().input, &mut found);
            if let Some(output) = operation.model().output {
                patterns(output, &mut found);
            }
        }
        assert!(found.len() > 50, "{}", found.len());
        for pattern in found {
            assert!(pattern.compiles(), "{}", pattern.printed());
        }
    }
}
