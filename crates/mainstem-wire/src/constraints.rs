//! Checks the constraints of the service model and words the errors as Kinesis does.

use std::fmt::{self, Write};

use crate::{
    error::ApiError,
    shape::{Bounds, Kind, Shape},
    value::Value,
};

/// Checks an input against its shape.
///
/// # Errors
/// A `ValidationException` that lists up to ten violations.
pub(crate) fn check(shape: &'static Shape, input: &Value<'_>) -> Result<(), ApiError> {
    let mut violations = Violations::default();
    violations.nested(&Path::Root, shape, input);
    if violations.items.is_empty() {
        return Ok(());
    }
    Err(ApiError::constraints(&violations.items))
}

/// Where in the input a value stands; the end of a chain up to the root.
enum Path<'p> {
    Root,
    Member(&'p Path<'p>, &'static str),
    Item(&'p Path<'p>, usize),
    Entry(&'p Path<'p>, &'p str),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Member(parent, name) => {
                if !matches!(parent, Self::Root) {
                    write!(f, "{parent}.")?;
                }
                let mut chars = name.chars();
                if let Some(first) = chars.next() {
                    f.write_char(first.to_ascii_lowercase())?;
                }
                f.write_str(chars.as_str())
            }
            Self::Item(parent, index) => write!(f, "{parent}.{}.member", index + 1),
            Self::Entry(parent, key) => write!(f, "{parent}.{key}.member"),
        }
    }
}

/// The violations found so far, as they are reported.
#[derive(Default)]
struct Violations {
    items: Vec<String>,
}

impl Violations {
    fn add(&mut self, path: &Path<'_>, value: &Value<'_>, constraint: impl fmt::Display) {
        if self.items.len() == VIOLATIONS_MAX {
            return;
        }
        let shown = match value {
            Value::Absent => "null".to_owned(),
            value => format!("'{value}'"),
        };
        self.items.push(format!(
            "Value {shown} at '{path}' failed to satisfy constraint: {constraint}"
        ));
    }

    /// Checks a value and what it contains.
    fn value(&mut self, path: &Path<'_>, shape: &'static Shape, value: &Value<'_>) {
        for constraint in violated(shape, value) {
            self.add(path, value, constraint);
        }
        self.nested(path, shape, value);
    }

    /// Checks what a list, map or structure contains.
    fn nested(&mut self, path: &Path<'_>, shape: &'static Shape, value: &Value<'_>) {
        match (&shape.kind, value) {
            (Kind::Structure(members), Value::Structure(values)) => {
                for (member, value) in members.iter().zip(values) {
                    let path = Path::Member(path, member.name);
                    match value {
                        Value::Absent if member.required => self.add(&path, value, NOT_NULL),
                        Value::Absent => {}
                        value => self.value(&path, member.shape, value),
                    }
                }
            }
            (Kind::List { member, .. }, Value::List(items)) => {
                self.scalars(path, value, "Member", member, items.iter());
                for (index, item) in items.iter().enumerate() {
                    self.contained(&Path::Item(path, index), member, item);
                }
            }
            (
                Kind::Map {
                    key, value: member, ..
                },
                Value::Map(entries),
            ) => {
                let keys: Vec<_> = entries
                    .iter()
                    .map(|(key, _)| Value::String(key.as_ref().into()))
                    .collect();
                self.scalars(path, value, "Map keys", key, keys.iter());
                let values = entries.iter().map(|(_, value)| value);
                self.scalars(path, value, "Map value", member, values);
                for (key, item) in entries {
                    self.contained(&Path::Entry(path, key), member, item);
                }
            }
            _ => {}
        }
    }

    /// Checks a list's item or a map's value, except for what [`Violations::scalars`] reports.
    fn contained(&mut self, path: &Path<'_>, shape: &'static Shape, item: &Value<'_>) {
        match item {
            Value::Absent => self.add(path, item, NOT_NULL),
            item => self.nested(path, shape, item),
        }
    }

    /// Checks scalars inside a list or map; they are reported once, on the whole of it.
    fn scalars<'v>(
        &mut self,
        path: &Path<'_>,
        whole: &Value<'_>,
        what: &str,
        shape: &'static Shape,
        mut items: impl Iterator<Item = &'v Value<'v>>,
    ) {
        if items.any(|item| *item != Value::Absent && !violated(shape, item).is_empty()) {
            let all = all_constraints(shape);
            self.add(
                path,
                whole,
                format_args!("{what} must satisfy constraint: [{all}]"),
            );
        }
    }
}

/// Returns the constraints of its own that `value` breaks, in the order of reporting.
fn violated(shape: &'static Shape, value: &Value<'_>) -> Vec<Constraint> {
    let mut broken = Vec::new();
    match (&shape.kind, value) {
        (
            Kind::String {
                length,
                pattern,
                values,
            },
            Value::String(text),
        ) => {
            if !values.is_empty() && !values.contains(&text.as_ref()) {
                broken.push(Constraint::Values(values));
            }
            if let Some(pattern) = pattern
                && !pattern.matches(text)
            {
                broken.push(Constraint::Pattern(pattern.printed()));
            }
            lengths(&mut broken, length, text.chars().count());
        }
        (Kind::Integer(range), Value::Integer(number)) => {
            numbers(&mut broken, range, i64::from(*number));
        }
        (Kind::Long(range), Value::Long(number)) => numbers(&mut broken, range, *number),
        (Kind::Blob(length), Value::Blob(bytes)) => lengths(&mut broken, length, bytes.len()),
        (Kind::List { length, .. }, Value::List(items)) => {
            lengths(&mut broken, length, items.len());
        }
        (Kind::Map { length, .. }, Value::Map(entries)) => {
            lengths(&mut broken, length, entries.len());
        }
        _ => {}
    }
    broken
}

fn lengths(broken: &mut Vec<Constraint>, bounds: &Bounds, length: usize) {
    let length = i64::try_from(length).unwrap_or(i64::MAX);
    broken.extend(
        bounds
            .min
            .filter(|min| length < *min)
            .map(Constraint::LengthMin),
    );
    broken.extend(
        bounds
            .max
            .filter(|max| length > *max)
            .map(Constraint::LengthMax),
    );
}

fn numbers(broken: &mut Vec<Constraint>, bounds: &Bounds, number: i64) {
    broken.extend(
        bounds
            .min
            .filter(|min| number < *min)
            .map(Constraint::ValueMin),
    );
    broken.extend(
        bounds
            .max
            .filter(|max| number > *max)
            .map(Constraint::ValueMax),
    );
}

/// Returns every constraint of a scalar, as errors on lists and maps print them.
fn all_constraints(shape: &'static Shape) -> String {
    let mut all = Vec::new();
    match &shape.kind {
        Kind::String {
            length,
            pattern,
            values,
        } => {
            all.extend(length.max.map(Constraint::LengthMax));
            all.extend(length.min.map(Constraint::LengthMin));
            all.extend(pattern.map(|pattern| Constraint::Pattern(pattern.printed())));
            all.extend((!values.is_empty()).then_some(Constraint::Values(values)));
        }
        Kind::Integer(range) | Kind::Long(range) => {
            all.extend(range.max.map(Constraint::ValueMax));
            all.extend(range.min.map(Constraint::ValueMin));
        }
        _ => {}
    }
    all.iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}

/// One constraint, which prints as Kinesis words it.
enum Constraint {
    LengthMin(i64),
    LengthMax(i64),
    ValueMin(i64),
    ValueMax(i64),
    Pattern(&'static str),
    Values(&'static [&'static str]),
}

impl fmt::Display for Constraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LengthMin(n) => {
                write!(f, "Member must have length greater than or equal to {n}")
            }
            Self::LengthMax(n) => write!(f, "Member must have length less than or equal to {n}"),
            Self::ValueMin(n) => write!(f, "Member must have value greater than or equal to {n}"),
            Self::ValueMax(n) => write!(f, "Member must have value less than or equal to {n}"),
            Self::Pattern(pattern) => {
                write!(
                    f,
                    "Member must satisfy regular expression pattern: {pattern}"
                )
            }
            Self::Values(values) => {
                write!(
                    f,
                    "Member must satisfy enum value set: [{}]",
                    values.join(", ")
                )
            }
        }
    }
}

const NOT_NULL: &str = "Member must not be null";

/// Most violations that one answer lists.
const VIOLATIONS_MAX: usize = 10;

#[cfg(test)]
mod tests;
