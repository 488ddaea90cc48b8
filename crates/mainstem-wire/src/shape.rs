//! How the generated table describes a shape of the API.

use std::sync::OnceLock;

use regex_lite::Regex;

/// A shape of the service model.
#[derive(Debug)]
pub(crate) struct Shape {
    /// The model's name for it.
    pub(crate) name: &'static str,
    /// Its type and constraints.
    pub(crate) kind: Kind,
}

/// The type of a shape, with the constraints that belong to it.
#[derive(Debug)]
pub(crate) enum Kind {
    /// Text. Lengths count characters.
    String {
        /// Allowed lengths.
        length: Bounds,
        /// What the whole text must match.
        pattern: Option<&'static Pattern>,
        /// The allowed values; empty if any will do. In the order in which errors list them.
        values: &'static [&'static str],
    },
    /// A 32-bit number.
    Integer(Bounds),
    /// A 64-bit number.
    Long(Bounds),
    /// True or false.
    Boolean,
    /// Bytes; base64 in JSON.
    Blob(Bounds),
    /// A point in time.
    Timestamp,
    /// Any number of one shape.
    List {
        /// The shape of each item.
        member: &'static Shape,
        /// Allowed numbers of items.
        length: Bounds,
    },
    /// Texts to one shape.
    Map {
        /// The shape of each key.
        key: &'static Shape,
        /// The shape of each value.
        value: &'static Shape,
        /// Allowed numbers of entries.
        length: Bounds,
    },
    /// Named members, in the order in which their constraints are checked.
    Structure(&'static [Member]),
}

/// A member of a structure.
#[derive(Debug)]
pub(crate) struct Member {
    /// Its name on the wire.
    pub(crate) name: &'static str,
    /// Whether it must be given.
    pub(crate) required: bool,
    /// What it is.
    pub(crate) shape: &'static Shape,
}

/// Inclusive limits of a length or a number.
#[derive(Debug)]
pub(crate) struct Bounds {
    /// The least allowed value.
    pub(crate) min: Option<i64>,
    /// The greatest allowed value.
    pub(crate) max: Option<i64>,
}

impl Bounds {
    /// Anything goes.
    pub(crate) const NONE: Self = Self {
        min: None,
        max: None,
    };
}

/// A regular expression that a whole text must match.
#[derive(Debug)]
pub(crate) struct Pattern {
    expression: &'static str,
    printed: &'static str,
    compiled: OnceLock<Option<Regex>>,
}

impl Pattern {
    /// Makes a pattern that errors print as `printed`. It is compiled when first used.
    pub(crate) const fn new(expression: &'static str, printed: &'static str) -> Self {
        Self {
            expression,
            printed,
            compiled: OnceLock::new(),
        }
    }

    /// Returns the pattern as errors print it.
    pub(crate) const fn printed(&self) -> &'static str {
        self.printed
    }

    /// Tells whether all of `text` matches. Nothing matches an expression that does not compile.
    pub(crate) fn matches(&self, text: &str) -> bool {
        self.regex().is_some_and(|regex| regex.is_match(text))
    }

    fn regex(&self) -> Option<&Regex> {
        let whole = || Regex::new(&format!("^(?:{})$", self.expression)).ok();
        self.compiled.get_or_init(whole).as_ref()
    }

    /// Tells whether the expression is one.
    #[cfg(test)]
    pub(crate) fn compiles(&self) -> bool {
        self.regex().is_some()
    }
}
