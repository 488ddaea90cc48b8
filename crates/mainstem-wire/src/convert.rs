//! From checked values to the generated structures.

use std::{collections::BTreeMap, vec};

use bytes::Bytes;

use crate::value::Value;

/// A checked value is not what the generated structure expects.
///
/// The table of shapes and the structures are generated together, so this means a defect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ShapeMismatch;

/// A type that can be made of a value which passed the checks of its shape.
pub(crate) trait FromValue: Sized {
    /// Converts `value`, moving what it owns.
    fn from_value(value: Value<'_>) -> Result<Self, ShapeMismatch>;
}

/// The members of a structure, taken in the order of its shape.
pub(crate) struct Members<'a>(vec::IntoIter<Value<'a>>);

impl Members<'_> {
    /// Takes the next member, which must be present.
    pub(crate) fn required<T: FromValue>(&mut self) -> Result<T, ShapeMismatch> {
        self.optional()?.ok_or(ShapeMismatch)
    }

    /// Takes the next member.
    pub(crate) fn optional<T: FromValue>(&mut self) -> Result<Option<T>, ShapeMismatch> {
        match self.0.next() {
            None => Err(ShapeMismatch),
            Some(Value::Absent) => Ok(None),
            Some(value) => T::from_value(value).map(Some),
        }
    }

    /// Drops the next member.
    pub(crate) fn skip(&mut self) {
        self.0.next();
    }
}

impl<'a> Value<'a> {
    /// Returns the members of a structure.
    pub(crate) fn into_members(self) -> Result<Members<'a>, ShapeMismatch> {
        match self {
            Self::Structure(members) => Ok(Members(members.into_iter())),
            _ => Err(ShapeMismatch),
        }
    }

    /// Returns the text of a string.
    pub(crate) fn as_text(&self) -> Result<&str, ShapeMismatch> {
        match self {
            Self::String(text) => Ok(text),
            _ => Err(ShapeMismatch),
        }
    }
}

impl FromValue for String {
    fn from_value(value: Value<'_>) -> Result<Self, ShapeMismatch> {
        match value {
            Value::String(text) => Ok(text.into_owned()),
            _ => Err(ShapeMismatch),
        }
    }
}

impl FromValue for i32 {
    fn from_value(value: Value<'_>) -> Result<Self, ShapeMismatch> {
        match value {
            Value::Integer(number) => Ok(number),
            _ => Err(ShapeMismatch),
        }
    }
}

/// Also a point in time, as milliseconds since the epoch.
impl FromValue for i64 {
    fn from_value(value: Value<'_>) -> Result<Self, ShapeMismatch> {
        match value {
            Value::Long(number) | Value::Timestamp(number) => Ok(number),
            _ => Err(ShapeMismatch),
        }
    }
}

impl FromValue for bool {
    fn from_value(value: Value<'_>) -> Result<Self, ShapeMismatch> {
        match value {
            Value::Boolean(value) => Ok(value),
            _ => Err(ShapeMismatch),
        }
    }
}

impl FromValue for Bytes {
    fn from_value(value: Value<'_>) -> Result<Self, ShapeMismatch> {
        match value {
            Value::Blob(bytes) => Ok(bytes),
            _ => Err(ShapeMismatch),
        }
    }
}

impl<T: FromValue> FromValue for Vec<T> {
    fn from_value(value: Value<'_>) -> Result<Self, ShapeMismatch> {
        match value {
            Value::List(items) => items.into_iter().map(T::from_value).collect(),
            _ => Err(ShapeMismatch),
        }
    }
}

impl<T: FromValue> FromValue for BTreeMap<String, T> {
    fn from_value(value: Value<'_>) -> Result<Self, ShapeMismatch> {
        match value {
            Value::Map(entries) => entries
                .into_iter()
                .map(|(key, value)| Ok((key.into_owned(), T::from_value(value)?)))
                .collect(),
            _ => Err(ShapeMismatch),
        }
    }
}
