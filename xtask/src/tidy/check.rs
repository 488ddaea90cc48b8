//! Reads the tree once and puts every check to it.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use super::violation::Violation;
use super::{arrows, defects, glossary, links, machine_paths, sizes, titles, unsafe_list};
use crate::workspace::Workspace;
use crate::{command, no_arguments};

/// A tracked file that is text.
#[derive(Debug)]
pub(super) struct TextFile {
    /// Relative to the root of the workspace.
    pub(super) path: PathBuf,
    pub(super) text: String,
}

impl TextFile {
    /// Whether the file's name ends in `.extension`.
    pub(super) fn is(&self, extension: &str) -> bool {
        self.path
            .extension()
            .is_some_and(|found| found == extension)
    }
}

/// Runs every check over the whole tree.
///
/// # Errors
/// When something was found, after printing it, or when the tree cannot be read.
pub(crate) fn tidy(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    no_arguments(arguments)?;
    let paths = workspace.files()?;
    let texts = read_texts(workspace, &paths)?;
    let metadata = command::output(&mut workspace.cargo(&[
        "metadata",
        "--locked",
        "--no-deps",
        "--format-version",
        "1",
    ]))?;

    let mut found = arrows::check(&arrows::packages(&metadata)?);
    found.extend(defects::check(&texts));
    found.extend(glossary::check(&texts));
    found.extend(links::check(&paths, &texts));
    found.extend(machine_paths::check(&texts));
    found.extend(titles::check(&texts));
    found.extend(unsafe_list::check(&texts));

    for long in sizes::long_files(&texts) {
        println!("note: {long}");
    }
    for violation in &found {
        println!("{violation}");
    }
    if !found.is_empty() {
        bail!("{}", count_of(&found));
    }
    println!("tidy: {} files, nothing found", paths.len());
    Ok(())
}

fn count_of(found: &[Violation]) -> String {
    match found.len() {
        1 => String::from("1 violation"),
        count => format!("{count} violations"),
    }
}

fn read_texts(workspace: &Workspace, paths: &[PathBuf]) -> Result<Vec<TextFile>> {
    let mut texts = Vec::with_capacity(paths.len());
    for path in paths {
        let bytes = std::fs::read(workspace.root().join(path))
            .with_context(|| format!("cannot read {}", path.display()))?;
        // Golden files and fuzz inputs are no text.
        if let Ok(text) = String::from_utf8(bytes) {
            texts.push(TextFile {
                path: path.clone(),
                text,
            });
        }
    }
    Ok(texts)
}
