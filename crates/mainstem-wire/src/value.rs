//! A request's body after reading, whatever its encoding was.

use std::{borrow::Cow, fmt};

use bytes::Bytes;

/// A part of an input, read along its shape; texts are borrowed from the body where possible.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value<'a> {
    /// Not given, or given as null.
    Absent,
    /// Text.
    String(Cow<'a, str>),
    /// A 32-bit number.
    Integer(i32),
    /// A 64-bit number.
    Long(i64),
    /// True or false.
    Boolean(bool),
    /// Decoded bytes.
    Blob(Bytes),
    /// Milliseconds since the epoch.
    Timestamp(i64),
    /// Items in order.
    List(Vec<Value<'a>>),
    /// Entries in the order of the body.
    Map(Vec<(Cow<'a, str>, Value<'a>)>),
    /// One value per member of the shape, in the shape's order.
    Structure(Vec<Value<'a>>),
}

/// Prints the value as constraint errors do.
impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("null"),
            Self::String(text) => f.write_str(text),
            Self::Integer(number) => number.fmt(f),
            Self::Long(number) | Self::Timestamp(number) => number.fmt(f),
            Self::Boolean(value) => value.fmt(f),
            // How Kinesis, written in Java, prints a buffer; the bytes themselves never appear.
            Self::Blob(bytes) => {
                let n = bytes.len();
                write!(f, "java.nio.HeapByteBuffer[pos=0 lim={n} cap={n}]")
            }
            Self::List(items) | Self::Structure(items) => {
                f.write_str("[")?;
                separated(f, items, |f, item| item.fmt(f))?;
                f.write_str("]")
            }
            Self::Map(entries) => {
                f.write_str("{")?;
                separated(f, entries, |f, (key, value)| write!(f, "{key}={value}"))?;
                f.write_str("}")
            }
        }
    }
}

fn separated<T>(
    f: &mut fmt::Formatter<'_>,
    items: &[T],
    mut write: impl FnMut(&mut fmt::Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            f.write_str(", ")?;
        }
        write(f, item)?;
    }
    Ok(())
}
