//! Defects planted in the engine and in the queue, each of which a check must catch.

use anyhow::{Result, bail};

use super::plan::Outcome;
use crate::command;
use crate::workspace::Workspace;

/// Plants them all, after making sure that what is released has none.
pub(super) fn tests(workspace: &Workspace) -> Result<Outcome> {
    for package in ["mainstem-log", "mainstem-queue"] {
        let released = [
            "tree",
            "--locked",
            "--package",
            "mainstem-cli",
            "--edges",
            "features",
            "--invert",
            package,
        ];
        let tree = command::output(&mut workspace.cargo(&released))?;
        if has_feature(&tree) {
            bail!("the released binary is built with defects:\n{tree}");
        }
    }
    let planting = [
        "run",
        "--locked",
        "--package",
        "mainstem-crashtest",
        "--features",
        "defects",
        "--",
        "defects",
    ];
    let (counts, is_ok) = command::run_counted(&mut workspace.cargo(&planting))?;
    Ok(Outcome::Ran { counts, is_ok })
}

/// Whether a tree of features has that of the defects.
fn has_feature(tree: &str) -> bool {
    tree.contains("feature \"defects\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_feature_is_seen_in_a_tree() {
        let without = "mainstem-log v0.1.0\n└── mainstem-log feature \"default\"\n";
        assert!(!has_feature(without));
        let with = without.replace("default", "defects");
        assert!(has_feature(&with));
    }
}
