//! Whether each document has one title.

use super::check::TextFile;
use super::markdown;
use super::violation::Violation;

/// Finds each document that does not have exactly one heading of the first level.
pub(super) fn check(texts: &[TextFile]) -> Vec<Violation> {
    let documents = texts.iter().filter(|file| file.is("md"));
    documents
        .filter_map(|file| {
            let headings = markdown::headings(&file.text);
            let count = headings.iter().filter(|(level, _)| *level == 1).count();
            let message = format!("has {count} titles; a document has exactly one");
            (count != 1).then(|| Violation::of_file(&file.path, message))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count_found(text: &str) -> usize {
        check(&[TextFile {
            path: "a.md".into(),
            text: text.to_owned(),
        }])
        .len()
    }

    #[test]
    fn one_title_passes() {
        assert_eq!(
            count_found("# One\n\n## Part\n\n```sh\n# a comment\n```\n"),
            0
        );
    }

    #[test]
    fn none_and_two_are_found() {
        assert_eq!(count_found("## Part\n"), 1);
        assert_eq!(count_found("# One\n# Two\n"), 1);
    }
}
