//! Reads a JSON body along the shape of an input.
//!
//! The shape drives the parser, so nothing is built for members the shape does not know, and a
//! blob is decoded the moment it is met. The first value of a wrong type is noted and reading goes
//! on: a body that is no JSON further down must be refused as such.

use std::{borrow::Cow, cell::RefCell, fmt};

use serde::de::{
    DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Unexpected, Visitor,
};

use super::base64_text;
use crate::{
    error::ApiError,
    shape::{Kind, Member, Shape},
    value::Value,
};

/// The body is no JSON object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotAnObject;

/// Reads the body of a call.
///
/// # Errors
/// [`NotAnObject`] if the body does not parse. The inner result holds the first type error.
pub(crate) fn read_input<'a>(
    shape: &'static Shape,
    body: &'a [u8],
) -> Result<Result<Value<'a>, ApiError>, NotAnObject> {
    let first_error = RefCell::new(None);
    let value = parse(
        InputSeed(Reader {
            shape,
            first_error: &first_error,
        }),
        body,
    )?;
    Ok(first_error.into_inner().map_or(Ok(value), Err))
}

/// Tells whether a body is a JSON object.
pub(crate) fn is_object(body: &[u8]) -> bool {
    parse(AnyObject, body).is_ok()
}

fn parse<'a, S: DeserializeSeed<'a>>(seed: S, body: &'a [u8]) -> Result<S::Value, NotAnObject> {
    // Checked once for the whole body: members that are skipped must be text as well.
    let text = std::str::from_utf8(body).map_err(|_| NotAnObject)?;
    let mut parser = serde_json::Deserializer::from_str(text);
    let value = seed.deserialize(&mut parser).map_err(|_| NotAnObject)?;
    parser.end().map_err(|_| NotAnObject)?;
    Ok(value)
}

/// Accepts any object and keeps nothing of it.
struct AnyObject;

impl<'de> DeserializeSeed<'de> for AnyObject {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for AnyObject {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        IgnoredAny.visit_map(map).map(|_| ())
    }
}

/// Reads the top of a body, which is an object or nothing.
struct InputSeed<'c>(Reader<'c>);

impl<'de> DeserializeSeed<'de> for InputSeed<'_> {
    type Value = Value<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value<'de>, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for InputSeed<'_> {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Value<'de>, A::Error> {
        self.0.visit_map(map)
    }
}

/// Reads one value of a known shape.
#[derive(Clone, Copy)]
struct Reader<'c> {
    shape: &'static Shape,
    first_error: &'c RefCell<Option<ApiError>>,
}

/// A number as the parser found it.
#[derive(Clone, Copy)]
enum Number {
    Whole(i64),
    Fraction(f64),
}

impl<'c> Reader<'c> {
    fn of(&self, shape: &'static Shape) -> Reader<'c> {
        Reader {
            shape,
            first_error: self.first_error,
        }
    }

    /// Notes a type error unless an earlier one is already known.
    fn refuse<'de>(&self, error: ApiError) -> Value<'de> {
        self.first_error.borrow_mut().get_or_insert(error);
        Value::Absent
    }

    /// Refuses a scalar that the parser takes for the Java class `class`.
    fn refuse_scalar<'de>(&self, class: &str) -> Value<'de> {
        let message = match self.shape.kind {
            Kind::String { .. } => format!("class {class} can not be converted to an String"),
            Kind::Integer(_) => format!("class {class} can not be converted to an Integer"),
            Kind::Long(_) => format!("class {class} can not be converted to an Long"),
            Kind::Boolean => format!("class {class} can not be converted to an Boolean"),
            Kind::Blob(_) => format!("class {class} can not be converted to a Blob"),
            Kind::Timestamp => {
                format!("class {class} can not be converted to milliseconds since epoch")
            }
            Kind::List { .. } => "Expected list or null".to_owned(),
            Kind::Map { .. } => "Expected map or null".to_owned(),
            Kind::Structure(_) => "Expected null".to_owned(),
        };
        self.refuse(ApiError::wrong_type(message))
    }

    fn number<'de>(&self, number: Number) -> Value<'de> {
        match self.shape.kind {
            Kind::Integer(_) => {
                let whole = number.whole();
                let limit = if whole < 0 { i32::MIN } else { i32::MAX };
                Value::Integer(i32::try_from(whole).unwrap_or(limit))
            }
            Kind::Long(_) => Value::Long(number.whole()),
            Kind::Timestamp => Value::Timestamp(number.milliseconds()),
            _ => self.refuse_scalar(JAVA_NUMBER),
        }
    }

    fn text<'de>(&self, text: Cow<'de, str>) -> Value<'de> {
        match self.shape.kind {
            Kind::String { .. } => Value::String(text),
            Kind::Blob(_) => match base64_text::decode(&text) {
                Ok(bytes) => Value::Blob(bytes),
                Err(error) => self.refuse(error),
            },
            Kind::Boolean => {
                let text = text.to_uppercase();
                self.refuse(ApiError::wrong_type(format!(
                    "'{text}' can not be converted to an Boolean"
                )))
            }
            _ => self.refuse_scalar("java.lang.String"),
        }
    }

    fn structure<'de, A: MapAccess<'de>>(
        &self,
        members: &'static [Member],
        mut map: A,
    ) -> Result<Value<'de>, A::Error> {
        let mut values = vec![Value::Absent; members.len()];
        while let Some(MemberName(name)) = map.next_key()? {
            let known = members
                .iter()
                .zip(&mut values)
                .find(|(member, _)| member.name == name);
            match known {
                Some((member, value)) => *value = map.next_value_seed(self.of(member.shape))?,
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(Value::Structure(values))
    }
}

impl Number {
    /// Returns the whole part, held within 64 bits.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "numbers are truncated and saturate"
    )]
    fn whole(self) -> i64 {
        match self {
            Self::Whole(number) => number,
            Self::Fraction(number) => number as i64,
        }
    }

    /// Reads the number as seconds and returns milliseconds, held within 64 bits.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "times out of range saturate"
    )]
    fn milliseconds(self) -> i64 {
        match self {
            Self::Whole(seconds) => seconds.saturating_mul(1000),
            Self::Fraction(seconds) => (seconds * 1000.0).round() as i64,
        }
    }
}

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = Value<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a {}", self.shape.name)
    }

    fn visit_unit<E: Error>(self) -> Result<Value<'de>, E> {
        Ok(Value::Absent)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value<'de>, E> {
        Ok(match self.shape.kind {
            Kind::Boolean => Value::Boolean(value),
            _ => self.refuse_scalar("java.lang.Boolean"),
        })
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value<'de>, E> {
        Ok(self.number(Number::Whole(value)))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value<'de>, E> {
        Ok(self.number(Number::Whole(i64::try_from(value).unwrap_or(i64::MAX))))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value<'de>, E> {
        Ok(self.number(Number::Fraction(value)))
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Value<'de>, E> {
        Ok(self.text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value<'de>, E> {
        Ok(self.text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value<'de>, A::Error> {
        let Kind::List { member, .. } = &self.shape.kind else {
            IgnoredAny.visit_seq(seq)?;
            return Ok(self.refuse(ApiError::wrong_type(
                "Start of list found where not expected".to_owned(),
            )));
        };
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(self.of(member))? {
            items.push(item);
        }
        Ok(Value::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value<'de>, A::Error> {
        match &self.shape.kind {
            Kind::Structure(members) => self.structure(members, map),
            Kind::Map { value: shape, .. } => {
                let mut entries: Vec<(Cow<'de, str>, Value<'de>)> = Vec::new();
                while let Some(MemberName(key)) = map.next_key()? {
                    let value = map.next_value_seed(self.of(shape))?;
                    entries.push((key, value));
                }
                Ok(Value::Map(entries))
            }
            _ => {
                IgnoredAny.visit_map(map)?;
                Ok(self.refuse(ApiError::wrong_type(
                    "Start of structure or map found where not expected.".to_owned(),
                )))
            }
        }
    }
}

/// A name in an object, borrowed unless it has escapes.
struct MemberName<'a>(Cow<'a, str>);

impl<'de> serde::Deserialize<'de> for MemberName<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(MemberNameVisitor)
    }
}

struct MemberNameVisitor;

impl<'de> Visitor<'de> for MemberNameVisitor {
    type Value = MemberName<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(MemberName(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(MemberName(Cow::Owned(text.to_owned())))
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Self::Value, E> {
        Err(E::invalid_type(Unexpected::Bytes(bytes), &self))
    }
}

/// The class of numbers in the parser of Kinesis, which its errors show.
const JAVA_NUMBER: &str = "com.amazon.coral.value.json.numbers.TruncatingBigNumber";

#[cfg(test)]
mod tests;
