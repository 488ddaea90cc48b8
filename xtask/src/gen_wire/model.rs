//! The parts of the service model that the generator uses, with the order of members kept.

use std::{collections::BTreeMap, fmt, marker::PhantomData};

use anyhow::{Context, Result, ensure};
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};

/// The whole model.
#[derive(Deserialize)]
pub(crate) struct Model {
    metadata: Metadata,
    /// Every operation by name.
    pub(crate) operations: BTreeMap<String, Operation>,
    /// Every shape by name.
    pub(crate) shapes: BTreeMap<String, Shape>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    target_prefix: String,
}

/// One operation.
#[derive(Deserialize)]
pub(crate) struct Operation {
    pub(crate) input: ShapeRef,
    pub(crate) output: Option<ShapeRef>,
    #[serde(default)]
    pub(crate) errors: Vec<ShapeRef>,
}

/// A use of a shape.
#[derive(Deserialize)]
pub(crate) struct ShapeRef {
    pub(crate) shape: String,
}

/// One shape with its constraints.
#[derive(Deserialize)]
pub(crate) struct Shape {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    #[serde(default)]
    pub(crate) required: Vec<String>,
    #[serde(default)]
    pub(crate) members: Ordered<ShapeRef>,
    pub(crate) member: Option<ShapeRef>,
    pub(crate) key: Option<ShapeRef>,
    pub(crate) value: Option<ShapeRef>,
    pub(crate) min: Option<i64>,
    pub(crate) max: Option<i64>,
    pub(crate) pattern: Option<String>,
    #[serde(default, rename = "enum")]
    pub(crate) values: Vec<String>,
    #[serde(default)]
    pub(crate) exception: bool,
}

impl Model {
    /// Parses the JSON of the model and checks that it is the API this generator knows.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let model: Self = serde_json::from_str(text)?;
        let prefix = &model.metadata.target_prefix;
        ensure!(
            prefix == "Kinesis_20131202",
            "this is the model of {prefix}"
        );
        Ok(model)
    }

    /// Returns the shape called `name`.
    pub(crate) fn shape(&self, name: &str) -> Result<&Shape> {
        self.shapes
            .get(name)
            .with_context(|| format!("the model has no shape {name}"))
    }
}

impl Shape {
    /// Returns the members of a structure in the order in which its constraints are checked.
    ///
    /// Members whose order was recorded come first, then the others as the model lists them.
    pub(crate) fn checked_order(&self, name: &str) -> Vec<(&str, &ShapeRef)> {
        let recorded = super::recorded::member_order(name);
        let rank = |member: &str| {
            recorded
                .iter()
                .position(|known| *known == member)
                .unwrap_or(recorded.len())
        };
        let mut members: Vec<_> = self
            .members
            .0
            .iter()
            .map(|(name, shape)| (name.as_str(), shape))
            .collect();
        members.sort_by_key(|(member, _)| rank(member));
        members
    }
}

/// A JSON object as a list, in the order of the text.
pub(crate) struct Ordered<T>(pub(crate) Vec<(String, T)>);

impl<T> Default for Ordered<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Ordered<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(OrderedVisitor(PhantomData))
    }
}

struct OrderedVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for OrderedVisitor<T> {
    type Value = Ordered<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Ordered(entries))
    }
}
