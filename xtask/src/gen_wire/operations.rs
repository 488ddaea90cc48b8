//! Emits the list of operations and the names of modelled errors.

use std::fmt::Write;

use anyhow::Result;

use super::{header, model::Model, names};

/// Returns the source of `operations.rs`.
pub(crate) fn emit(model: &Model) -> Result<String> {
    let mut out = header("Every operation of the API, and the names of its errors.");
    out.push_str("use super::shapes;\nuse crate::operation::OperationModel;\n\n");
    emit_enum(&mut out, model)?;
    emit_models(&mut out, model)?;
    emit_errors(&mut out, model)?;
    Ok(out)
}

fn emit_enum(out: &mut String, model: &Model) -> Result<()> {
    writeln!(
        out,
        "/// An operation of the API, named as in `X-Amz-Target`.\n\
         #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]\n\
         #[expect(clippy::exhaustive_enums, reason = \"a new operation must be dispatched\")]\n\
         pub enum Operation {{"
    )?;
    for name in model.operations.keys() {
        writeln!(out, "/// `{name}`.\n{name},")?;
    }
    writeln!(out, "}}\n")?;
    writeln!(
        out,
        "impl Operation {{\n\
         /// Every operation, sorted by name.\n\
         pub const ALL: &'static [Self] = &["
    )?;
    for name in model.operations.keys() {
        writeln!(out, "Self::{name},")?;
    }
    writeln!(
        out,
        "];\n\n/// Returns what the service model says of the operation.\n\
         pub const fn model(self) -> &'static OperationModel {{ match self {{"
    )?;
    for name in model.operations.keys() {
        writeln!(out, "Self::{name} => &{},", names::constant(name))?;
    }
    writeln!(out, "}} }} }}\n")?;
    Ok(())
}

fn emit_models(out: &mut String, model: &Model) -> Result<()> {
    for (name, operation) in &model.operations {
        writeln!(
            out,
            "static {}: OperationModel = OperationModel {{\nname: \"{name}\",\ninput: &shapes::{},",
            names::constant(name),
            names::constant(&operation.input.shape),
        )?;
        match &operation.output {
            Some(output) => {
                writeln!(
                    out,
                    "output: Some(&shapes::{}),",
                    names::constant(&output.shape)
                )?;
            }
            None => writeln!(out, "output: None,")?,
        }
        writeln!(out, "errors: &[")?;
        for error in &operation.errors {
            writeln!(out, "error_names::{},", names::constant(&error.shape))?;
        }
        writeln!(out, "],\n}};\n")?;
    }
    Ok(())
}

fn emit_errors(out: &mut String, model: &Model) -> Result<()> {
    writeln!(
        out,
        "/// The errors that the service model names.\npub mod error_names {{"
    )?;
    for (name, _) in model.shapes.iter().filter(|(_, shape)| shape.exception) {
        writeln!(
            out,
            "/// `{name}`.\npub const {}: &str = \"{name}\";",
            names::constant(name)
        )?;
    }
    writeln!(out, "}}")?;
    Ok(())
}
