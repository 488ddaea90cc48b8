//! Which crate may depend on which.

use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::Value;

use super::violation::Violation;

/// A crate of the workspace with what its manifest asks for.
#[derive(Debug)]
pub(super) struct Package {
    name: String,
    dependencies: Vec<Dependency>,
}

#[derive(Debug)]
struct Dependency {
    name: String,
    is_dev: bool,
}

/// Reads the packages from the output of `cargo metadata --no-deps`.
///
/// # Errors
/// When the text is not the JSON that cargo documents.
pub(super) fn packages(metadata: &str) -> Result<Vec<Package>> {
    let metadata: Value = serde_json::from_str(metadata).context("cargo metadata is no JSON")?;
    let packages = metadata.get("packages").and_then(Value::as_array);
    packages
        .context("cargo metadata lists no packages")?
        .iter()
        .map(package)
        .collect()
}

fn package(value: &Value) -> Result<Package> {
    let dependencies = value.get("dependencies").and_then(Value::as_array);
    let dependencies = dependencies
        .context("a package without a list of dependencies")?
        .iter()
        .map(|dependency| {
            let is_dev = dependency.get("kind").and_then(Value::as_str) == Some("dev");
            Ok(Dependency {
                name: name_of(dependency)?,
                is_dev,
            })
        })
        .collect::<Result<_>>()?;
    Ok(Package {
        name: name_of(value)?,
        dependencies,
    })
}

fn name_of(value: &Value) -> Result<String> {
    let name = value
        .get("name")
        .and_then(Value::as_str)
        .context("a package without a name")?;
    Ok(name.to_owned())
}

/// Finds every dependency between our crates that the layering does not have.
///
/// Tests may use the simulated environment besides what their crate may use.
pub(super) fn check(packages: &[Package]) -> Vec<Violation> {
    let mut found = Vec::new();
    let is_ours = |name: &str| packages.iter().any(|package| package.name == name);
    for package in packages {
        let Some((_, allowed)) = ARROWS.iter().find(|(from, _)| *from == package.name) else {
            let message = "is in no row of the table of arrows in xtask/src/tidy/arrows.rs";
            found.push(Violation::of_file(&manifest(&package.name), message));
            continue;
        };
        for dependency in &package.dependencies {
            let to = dependency.name.as_str();
            let is_allowed = allowed.contains(&to)
                || allowed.contains(&ANYTHING)
                || (dependency.is_dev && to == "mainstem-env");
            if is_ours(to) && !is_allowed {
                let message = format!("{} may not depend on {to}", package.name);
                found.push(Violation::of_file(&manifest(&package.name), message));
            }
        }
    }
    found
}

fn manifest(package: &str) -> PathBuf {
    let directory = match package {
        "xtask" => PathBuf::from("xtask"),
        "mainstem-benches" => PathBuf::from("benches"),
        other => PathBuf::from("crates").join(other),
    };
    directory.join("Cargo.toml")
}

const ANYTHING: &str = "*";

/// The layering: each crate with the crates of the workspace that it may depend on.
const ARROWS: &[(&str, &[&str])] = &[
    ("mainstem-types", &[]),
    ("mainstem-env", &[]),
    ("mainstem-log", &["mainstem-env"]),
    ("mainstem-queue", &["mainstem-log", "mainstem-env"]),
    (
        "mainstem-streams",
        &["mainstem-log", "mainstem-env", "mainstem-types"],
    ),
    ("mainstem-wire", &["mainstem-types"]),
    (
        "mainstem-server",
        &[
            "mainstem-streams",
            "mainstem-wire",
            "mainstem-types",
            "mainstem-env",
        ],
    ),
    (
        "mainstem-client",
        &["mainstem-wire", "mainstem-types", "mainstem-env"],
    ),
    (
        "mainstem-producer",
        &[
            "mainstem-client",
            "mainstem-wire",
            "mainstem-types",
            "mainstem-env",
        ],
    ),
    (
        "mainstem-consumer",
        &[
            "mainstem-client",
            "mainstem-wire",
            "mainstem-types",
            "mainstem-env",
        ],
    ),
    (
        "mainstem-delivery",
        &["mainstem-consumer", "mainstem-types", "mainstem-env"],
    ),
    (
        "mainstem-sql",
        &["mainstem-consumer", "mainstem-types", "mainstem-env"],
    ),
    ("mainstem-crashtest", &[ANYTHING]),
    ("mainstem-cli", &[ANYTHING]),
    ("mainstem-benches", &[ANYTHING]),
    ("xtask", &[]),
];

#[cfg(test)]
mod tests {
    use super::*;

    const TREE: &str = r#"{"packages": [
        {"name": "mainstem-env", "dependencies": [{"name": "fs2", "kind": null}]},
        {"name": "mainstem-types", "dependencies": [{"name": "mainstem-env", "kind": "dev"}]},
        {"name": "mainstem-log", "dependencies": [{"name": "mainstem-env", "kind": null}]},
        {"name": "mainstem-cli", "dependencies": [{"name": "mainstem-log", "kind": null}]}
    ]}"#;

    fn found(tree: &str) -> Vec<String> {
        check(&packages(tree).expect("valid metadata"))
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn the_layering_passes() {
        assert_eq!(found(TREE), Vec::<String>::new());
    }

    #[test]
    fn an_arrow_upwards_is_found() {
        let tree = TREE.replace("fs2", "mainstem-log");
        let expected =
            "crates/mainstem-env/Cargo.toml: mainstem-env may not depend on mainstem-log";
        assert_eq!(found(&tree), [expected]);
    }

    #[test]
    fn a_dependency_of_tests_is_held_to_the_layering_too() {
        let tree = TREE.replace(r#"-env", "kind": "dev""#, r#"-log", "kind": "dev""#);
        let expected =
            "crates/mainstem-types/Cargo.toml: mainstem-types may not depend on mainstem-log";
        assert_eq!(found(&tree), [expected]);
    }

    #[test]
    fn a_crate_without_a_row_is_found() {
        let tree = TREE.replace("mainstem-types", "mainstem-misc");
        let [only] = &found(&tree)[..] else {
            panic!("one violation")
        };
        assert!(
            only.starts_with("crates/mainstem-misc/Cargo.toml: is in no row"),
            "{only}"
        );
    }
}
