//! Emits the table of shapes and their constraints.

use std::{collections::BTreeSet, fmt::Write};

use anyhow::{Context, Result, bail};

use super::{
    header,
    model::{Model, Shape, ShapeRef},
    names, recorded,
};

/// Returns the source of `shapes.rs`.
pub(crate) fn emit(model: &Model) -> Result<String> {
    let mut out = header("Every shape of the API with its constraints.");
    out.push_str("use crate::shape::{Bounds, Kind, Member, Pattern, Shape};\n\n");
    for name in reachable(model)? {
        emit_shape(&mut out, model, name)?;
    }
    Ok(out)
}

/// Returns the shapes that an input or output contains, by name.
fn reachable(model: &Model) -> Result<BTreeSet<&str>> {
    let mut found = BTreeSet::new();
    let mut pending: Vec<&str> = Vec::new();
    for operation in model.operations.values() {
        pending.push(&operation.input.shape);
        pending.extend(operation.output.iter().map(|output| output.shape.as_str()));
    }
    while let Some(name) = pending.pop() {
        if found.insert(name) {
            let shape = model.shape(name)?;
            let parts = [&shape.member, &shape.key, &shape.value];
            pending.extend(parts.into_iter().flatten().map(|part| part.shape.as_str()));
            pending.extend(
                shape
                    .members
                    .0
                    .iter()
                    .map(|(_, member)| member.shape.as_str()),
            );
        }
    }
    Ok(found)
}

fn emit_shape(out: &mut String, model: &Model, name: &str) -> Result<()> {
    let shape = model.shape(name)?;
    let kind = match shape.kind.as_str() {
        "string" => emit_string(out, name, shape)?,
        "integer" => format!("Kind::Integer({})", bounds(shape)),
        "long" => format!("Kind::Long({})", bounds(shape)),
        "boolean" => "Kind::Boolean".to_owned(),
        "blob" => format!("Kind::Blob({})", bounds(shape)),
        "timestamp" => "Kind::Timestamp".to_owned(),
        "list" => format!(
            "Kind::List {{ member: &{}, length: {} }}",
            reference(shape.member.as_ref())?,
            bounds(shape)
        ),
        "map" => format!(
            "Kind::Map {{ key: &{}, value: &{}, length: {} }}",
            reference(shape.key.as_ref())?,
            reference(shape.value.as_ref())?,
            bounds(shape)
        ),
        "structure" => format!("Kind::Structure(&[{}])", members(name, shape)?),
        other => bail!("shape {name} is of the unknown type {other}"),
    };
    writeln!(
        out,
        "pub(crate) static {}: Shape = Shape {{ name: \"{name}\", kind: {kind} }};\n",
        names::constant(name)
    )?;
    Ok(())
}

fn emit_string(out: &mut String, name: &str, shape: &Shape) -> Result<String> {
    let pattern = match &shape.pattern {
        None => "None".to_owned(),
        Some(pattern) => {
            let constant = format!("{}_PATTERN", names::constant(name));
            writeln!(
                out,
                "pub(crate) static {constant}: Pattern = Pattern::new({}, {});\n",
                literal(pattern),
                literal(recorded::printed_pattern(pattern))
            )?;
            format!("Some(&{constant})")
        }
    };
    let values = match recorded::value_order(name) {
        Some(recorded) => recorded.iter().map(|value| (*value).to_owned()).collect(),
        None => shape.values.clone(),
    };
    Ok(format!(
        "Kind::String {{ length: {}, pattern: {pattern}, values: &{values:?} }}",
        bounds(shape)
    ))
}

fn members(name: &str, shape: &Shape) -> Result<String> {
    let mut out = String::new();
    for (member, part) in shape.checked_order(name) {
        write!(
            out,
            "Member {{ name: \"{member}\", required: {}, shape: &{} }},",
            shape.required.iter().any(|required| required == member),
            names::constant(&part.shape)
        )?;
    }
    Ok(out)
}

fn reference(part: Option<&ShapeRef>) -> Result<String> {
    Ok(names::constant(
        &part.context("a list or map without its parts")?.shape,
    ))
}

fn bounds(shape: &Shape) -> String {
    if shape.min.is_none() && shape.max.is_none() {
        return "Bounds::NONE".to_owned();
    }
    format!(
        "Bounds {{ min: {}, max: {} }}",
        bound(shape.min),
        bound(shape.max)
    )
}

fn bound(value: Option<i64>) -> String {
    value.map_or_else(
        || "None".to_owned(),
        |value| format!("Some({})", grouped(value)),
    )
}

/// Writes a number with an underscore between thousands, as people read it.
fn grouped(value: i64) -> String {
    let digits = value.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        let left = digits.len() - index;
        if index > 0 && left.is_multiple_of(3) && digits.len() > 4 {
            out.push('_');
        }
        out.push(digit);
    }
    out
}

/// Returns `text` as a raw string literal, which needs no escapes for patterns.
fn literal(text: &str) -> String {
    if text.contains('"') {
        format!("{text:?}")
    } else if text.contains('\\') {
        format!("r\"{text}\"")
    } else {
        format!("\"{text}\"")
    }
}
