//! Emits Rust structures for the operations that Mainstem serves.

use std::{collections::BTreeSet, fmt::Write};

use anyhow::{Context, Result, bail};

use super::{
    header,
    model::{Model, Shape},
    names,
    recorded::{IGNORED_MEMBERS, TYPED_OPERATIONS},
};

/// Returns the source of `types.rs`.
pub(crate) fn emit(model: &Model) -> Result<String> {
    let mut inputs = BTreeSet::new();
    let mut outputs = BTreeSet::new();
    for name in TYPED_OPERATIONS {
        let operation = model
            .operations
            .get(*name)
            .context("a typed operation is unknown")?;
        collect(model, &operation.input.shape, &mut inputs)?;
        if let Some(output) = &operation.output {
            collect(model, &output.shape, &mut outputs)?;
        }
    }
    let mut out = header("Inputs and outputs of the operations that Mainstem serves.");
    out.push_str(
        "use std::collections::BTreeMap;\n\nuse bytes::Bytes;\n\n\
         use super::operations::Operation;\n\
         use crate::{\n    convert::{FromValue, ShapeMismatch},\n    json::{JsonWriter, WriteJson},\n    \
         operation::OperationInput,\n    value::Value,\n};\n\n",
    );
    for name in inputs.union(&outputs) {
        let shape = model.shape(name)?;
        let (read, written) = (inputs.contains(name), outputs.contains(name));
        if shape.kind == "structure" {
            emit_structure(&mut out, model, name, read, written)?;
        } else {
            emit_enumeration(&mut out, name, shape, read, written)?;
        }
    }
    for name in TYPED_OPERATIONS {
        let operation = model
            .operations
            .get(*name)
            .context("a typed operation is unknown")?;
        writeln!(
            out,
            "impl OperationInput for {} {{\nconst OPERATION: Operation = Operation::{name};\n}}\n",
            operation.input.shape
        )?;
    }
    Ok(out)
}

/// Adds `name` and what it contains to `found`, as far as those get a Rust type of their own.
fn collect<'m>(model: &'m Model, name: &'m str, found: &mut BTreeSet<&'m str>) -> Result<()> {
    let shape = model.shape(name)?;
    let own_type = shape.kind == "structure" || !shape.values.is_empty();
    if own_type && !found.insert(name) {
        return Ok(());
    }
    for part in [&shape.member, &shape.key, &shape.value]
        .into_iter()
        .flatten()
    {
        collect(model, &part.shape, found)?;
    }
    for (_, member) in &shape.members.0 {
        collect(model, &member.shape, found)?;
    }
    Ok(())
}

/// A member of a structure as a Rust field.
struct Field {
    wire: String,
    rust: String,
    kind: String,
    timestamp: bool,
    required: bool,
    ignored: bool,
    docs: String,
}

fn fields(model: &Model, name: &str) -> Result<Vec<Field>> {
    let shape = model.shape(name)?;
    let mut fields = Vec::new();
    for (member, part) in shape.checked_order(name) {
        let part_shape = model.shape(&part.shape)?;
        let timestamp = part_shape.kind == "timestamp";
        let required = shape.required.iter().any(|required| required == member);
        let unit = if timestamp { "_ms" } else { "" };
        fields.push(Field {
            wire: member.to_owned(),
            rust: format!("{}{unit}", names::field(member)),
            kind: rust_type(model, &part.shape)?,
            timestamp,
            required,
            ignored: IGNORED_MEMBERS.contains(&member),
            docs: describe(member, required, part_shape),
        });
    }
    Ok(fields)
}

/// Says in words what the table says of a member.
fn describe(member: &str, required: bool, shape: &Shape) -> String {
    let mut text = format!("`{member}`");
    if required {
        text.push_str(", required");
    }
    let what = match shape.kind.as_str() {
        "string" => " characters",
        "blob" => " bytes",
        "list" | "map" => " entries",
        _ => "",
    };
    let limits = match (shape.min, shape.max) {
        (Some(min), Some(max)) => format!(", {min} to {max}{what}"),
        (Some(min), None) => format!(", at least {min}{what}"),
        (None, Some(max)) => format!(", at most {max}{what}"),
        (None, None) => String::new(),
    };
    text.push_str(&limits);
    if shape.kind == "timestamp" {
        text.push_str(", in milliseconds since the epoch");
    }
    text.push('.');
    text
}

fn rust_type(model: &Model, name: &str) -> Result<String> {
    let shape = model.shape(name)?;
    let part = |part: &Option<super::model::ShapeRef>| -> Result<String> {
        rust_type(
            model,
            &part
                .as_ref()
                .context("a list or map without its parts")?
                .shape,
        )
    };
    Ok(match shape.kind.as_str() {
        "string" if shape.values.is_empty() => "String".to_owned(),
        "string" | "structure" => name.to_owned(),
        "integer" => "i32".to_owned(),
        "long" | "timestamp" => "i64".to_owned(),
        "boolean" => "bool".to_owned(),
        "blob" => "Bytes".to_owned(),
        "list" => format!("Vec<{}>", part(&shape.member)?),
        "map" => format!("BTreeMap<{}, {}>", part(&shape.key)?, part(&shape.value)?),
        other => bail!("shape {name} of type {other} has no Rust type"),
    })
}

fn emit_structure(
    out: &mut String,
    model: &Model,
    name: &str,
    read: bool,
    written: bool,
) -> Result<()> {
    let fields = fields(model, name)?;
    let kept: Vec<_> = fields.iter().filter(|field| !field.ignored).collect();
    let default = if kept.iter().all(|field| !field.required) {
        ", Default"
    } else {
        ""
    };
    writeln!(
        out,
        "/// `{name}` of the service model.\n\
         #[derive(Clone, Debug, PartialEq{default})]\npub struct {name} {{"
    )?;
    for field in &kept {
        let kind = &field.kind;
        let kind = if field.required {
            kind.clone()
        } else {
            format!("Option<{kind}>")
        };
        writeln!(out, "/// {}\npub {}: {kind},", field.docs, field.rust)?;
    }
    writeln!(out, "}}\n")?;
    if read {
        emit_reader(out, name, &fields)?;
    }
    if written {
        emit_writer(out, name, &kept)?;
    }
    Ok(())
}

fn emit_reader(out: &mut String, name: &str, fields: &[Field]) -> Result<()> {
    let mutable = if fields.is_empty() {
        "_members"
    } else {
        "mut members"
    };
    writeln!(
        out,
        "impl FromValue for {name} {{\n\
         fn from_value(value: Value<'_>) -> Result<Self, ShapeMismatch> {{\n\
         let {mutable} = value.into_members()?;"
    )?;
    for field in fields {
        if field.ignored {
            writeln!(out, "members.skip();")?;
        } else {
            let take = if field.required {
                "required"
            } else {
                "optional"
            };
            writeln!(out, "let {} = members.{take}()?;", field.rust)?;
        }
    }
    let names: Vec<_> = fields
        .iter()
        .filter(|field| !field.ignored)
        .map(|field| field.rust.as_str())
        .collect();
    writeln!(out, "Ok(Self {{ {} }})\n}}\n}}\n", names.join(", "))?;
    Ok(())
}

fn emit_writer(out: &mut String, name: &str, fields: &[&Field]) -> Result<()> {
    writeln!(
        out,
        "impl WriteJson for {name} {{\n\
         fn write_json(&self, writer: &mut JsonWriter) {{\nwriter.begin_object();"
    )?;
    for field in fields {
        let (wire, rust) = (&field.wire, &field.rust);
        let method = if field.timestamp {
            "timestamp_member"
        } else {
            "member"
        };
        if field.required {
            writeln!(out, "writer.{method}(\"{wire}\", &self.{rust});")?;
        } else {
            writeln!(
                out,
                "if let Some({rust}) = &self.{rust} {{ writer.{method}(\"{wire}\", {rust}); }}"
            )?;
        }
    }
    writeln!(out, "writer.end_object();\n}}\n}}\n")?;
    Ok(())
}

fn emit_enumeration(
    out: &mut String,
    name: &str,
    shape: &Shape,
    read: bool,
    written: bool,
) -> Result<()> {
    writeln!(
        out,
        "/// `{name}` of the service model.\n\
         #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]\n\
         #[expect(clippy::exhaustive_enums, reason = \"a new value must be handled\")]\n\
         pub enum {name} {{"
    )?;
    for value in &shape.values {
        writeln!(out, "/// `{value}`.\n{},", names::variant(value))?;
    }
    writeln!(
        out,
        "}}\n\nimpl {name} {{\n/// Returns the value as it is written on the wire.\n\
         pub const fn as_str(self) -> &'static str {{ match self {{"
    )?;
    for value in &shape.values {
        writeln!(out, "Self::{} => \"{value}\",", names::variant(value))?;
    }
    writeln!(out, "}} }} }}\n")?;
    if read {
        writeln!(
            out,
            "impl FromValue for {name} {{\n\
             fn from_value(value: Value<'_>) -> Result<Self, ShapeMismatch> {{\n\
             match value.as_text()? {{"
        )?;
        for value in &shape.values {
            writeln!(out, "\"{value}\" => Ok(Self::{}),", names::variant(value))?;
        }
        writeln!(out, "_ => Err(ShapeMismatch) }} }} }}\n")?;
    }
    if written {
        writeln!(
            out,
            "impl WriteJson for {name} {{\n\
             fn write_json(&self, writer: &mut JsonWriter) {{ writer.string(self.as_str()); }}\n}}\n"
        )?;
    }
    Ok(())
}
