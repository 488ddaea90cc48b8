//! Whether the relative links of the documents lead somewhere.

use std::path::{Component, Path, PathBuf};

use super::check::TextFile;
use super::markdown;
use super::violation::Violation;

/// Finds each relative link whose file is not in the tree, or whose heading is not in its file.
pub(super) fn check(paths: &[PathBuf], texts: &[TextFile]) -> Vec<Violation> {
    let mut found = Vec::new();
    for document in texts.iter().filter(|file| file.is("md")) {
        for (number, line) in markdown::prose(&document.text) {
            for target in markdown::link_targets(&line) {
                if let Some(message) = broken(&document.path, target, paths, texts) {
                    found.push(Violation::of_line(&document.path, number, message));
                }
            }
        }
    }
    found
}

fn broken(from: &Path, target: &str, paths: &[PathBuf], texts: &[TextFile]) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (file, fragment) = target.split_once('#').unwrap_or((target, ""));
    let path = if file.is_empty() {
        Some(from.to_owned())
    } else {
        resolve(from, file)
    };
    let Some(path) = path else {
        return Some(format!("the link to {target} leaves the tree"));
    };
    // A link may also lead to a directory: git tracks it through the files below it.
    if !paths.iter().any(|known| known.starts_with(&path)) {
        return Some(format!("the link to {target} leads nowhere"));
    }
    if fragment.is_empty() {
        return None;
    }
    let document = texts
        .iter()
        .find(|file| file.path == path && file.is("md"))?;
    let mut headings = markdown::headings(&document.text).into_iter();
    let is_there = headings.any(|(_, heading)| markdown::anchor(&heading) == fragment);
    (!is_there).then(|| format!("{} has no heading #{fragment}", path.display()))
}

/// The path in the tree that `target` means in the document `from`, or nothing when it points
/// outside.
fn resolve(from: &Path, target: &str) -> Option<PathBuf> {
    let mut path = from.parent()?.to_owned();
    for component in Path::new(target).components() {
        match component {
            Component::Normal(name) => path.push(name),
            Component::CurDir => {}
            Component::ParentDir => {
                if !path.pop() {
                    return None;
                }
            }
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(readme: &str) -> Vec<String> {
        let texts = [
            TextFile {
                path: "README.md".into(),
                text: readme.to_owned(),
            },
            TextFile {
                path: "docs/a.md".into(),
                text: "# A\n## Part one\n[up](../README.md)".into(),
            },
        ];
        let paths = ["README.md", "docs/a.md", "crates/x/src/lib.rs"].map(PathBuf::from);
        check(&paths, &texts)
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn links_that_lead_somewhere_pass() {
        let readme = "# R\n[a](docs/a.md) [b](docs/a.md#part-one) [c](#r) [d](crates/x) \
                      [e](https://example.org/none) `[f](none.md)`";
        assert_eq!(found(readme), Vec::<String>::new());
    }

    #[test]
    fn links_that_lead_nowhere_are_found() {
        let readme = "# R\n[a](docs/b.md)\n[b](docs/a.md#part-two)\n[c](../out.md)\n[d]: none.md";
        let expected = [
            "README.md:2: the link to docs/b.md leads nowhere",
            "README.md:3: docs/a.md has no heading #part-two",
            "README.md:4: the link to ../out.md leaves the tree",
            "README.md:5: the link to none.md leads nowhere",
        ];
        assert_eq!(found(readme), expected);
    }
}
