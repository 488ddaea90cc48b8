//! Whether `docs/unsafe.md` lists the files with unsafe code, all of them and no others.

use std::collections::BTreeSet;
use std::path::Path;

use super::check::TextFile;
use super::violation::Violation;

/// Finds each source file that lifts the lint on unsafe code and is not in the list, and each
/// listed file that does not lift it. A file is listed by its path in a code span.
pub(super) fn check(texts: &[TextFile]) -> Vec<Violation> {
    let list = Path::new(LIST);
    let lifting: BTreeSet<String> = texts
        .iter()
        .filter(|file| file.is("rs") && lifts_the_lint(&file.text))
        .map(|file| file.path.to_string_lossy().into_owned())
        .collect();
    let document = texts.iter().find(|file| file.path == list);
    let listed = document
        .map(|file| listed_files(&file.text))
        .unwrap_or_default();

    let mut found = Vec::new();
    for file in lifting.difference(&listed) {
        let message = format!("allows unsafe code and is not listed in {LIST}");
        found.push(Violation::of_file(Path::new(file), message));
    }
    for file in listed.difference(&lifting) {
        found.push(Violation::of_file(
            list,
            format!("lists {file}, which allows no unsafe code"),
        ));
    }
    found
}

/// Whether an attribute of `text` lifts the lint on unsafe code. Attributes may span lines.
fn lifts_the_lint(text: &str) -> bool {
    let code: String = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| [line.trim(), " "])
        .collect();
    code.split('#').skip(1).any(|after| {
        let Some(attribute) = after.trim_start_matches('!').strip_prefix('[') else {
            return false;
        };
        let attribute = attribute
            .split_once(']')
            .map_or(attribute, |(inside, _)| inside);
        let is_lifting = ["expect(", "allow("]
            .iter()
            .any(|level| attribute.contains(level));
        let is_part = |character: char| character.is_alphanumeric() || character == '_';
        is_lifting
            && attribute
                .split(|character| !is_part(character))
                .any(|word| word == LINT)
    })
}

fn listed_files(text: &str) -> BTreeSet<String> {
    text.split('`')
        .skip(1)
        .step_by(2)
        .filter(|code| {
            Path::new(code)
                .extension()
                .is_some_and(|extension| extension == "rs")
        })
        .filter(|code| code.contains('/'))
        .map(str::to_owned)
        .collect()
}

const LIST: &str = "docs/unsafe.md";
const LINT: &str = "unsafe_code";

#[cfg(test)]
mod tests {
    use super::*;

    fn lifting(path: &str) -> TextFile {
        let text = format!("#![expect(\n    {LINT},\n    reason = \"maps\"\n)]\n");
        TextFile {
            path: path.into(),
            text,
        }
    }

    fn list(text: &str) -> TextFile {
        TextFile {
            path: LIST.into(),
            text: text.to_owned(),
        }
    }

    #[test]
    fn a_true_list_passes() {
        let safe = format!("// #[expect({LINT})]\n#[expect(dead_code)]\n#![deny({LINT})]\n");
        let texts = [
            lifting("crates/a/src/map.rs"),
            TextFile {
                path: "crates/a/src/lib.rs".into(),
                text: safe,
            },
            list("- `crates/a/src/map.rs`: maps files through `Mmap`\n"),
        ];
        assert_eq!(check(&texts), []);
    }

    #[test]
    fn an_unlisted_file_is_found() {
        let path = "crates/a/src/map.rs";
        let message = format!("allows unsafe code and is not listed in {LIST}");
        let expected = [Violation::of_file(Path::new(path), message)];
        assert_eq!(check(&[lifting(path)]), expected);
        assert_eq!(check(&[lifting(path), list("# Unsafe\n")]), expected);
    }

    #[test]
    fn a_listed_file_without_unsafe_code_is_found() {
        let message = "lists crates/a/src/gone.rs, which allows no unsafe code";
        let expected = [Violation::of_file(Path::new(LIST), message)];
        assert_eq!(check(&[list("`crates/a/src/gone.rs`")]), expected);
    }
}
