//! Which source files have grown long. A note to the reader, not a failure.

use super::check::TextFile;
use super::violation::Violation;

/// The source files of more than [`LINES_LONG`] lines, longest first.
pub(super) fn long_files(texts: &[TextFile]) -> Vec<Violation> {
    let mut long: Vec<(usize, &TextFile)> = texts
        .iter()
        .filter(|file| {
            ["rs", "py", "mjs"]
                .iter()
                .any(|extension| file.is(extension))
        })
        .map(|file| (file.text.lines().count(), file))
        .filter(|(lines, _)| *lines > LINES_LONG)
        .collect();
    long.sort_by_key(|(lines, _)| std::cmp::Reverse(*lines));
    long.into_iter()
        .map(|(lines, file)| Violation::of_file(&file.path, format!("has {lines} lines")))
        .collect()
}

const LINES_LONG: usize = 600;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_long_sources_are_reported() {
        let file = |path: &str, lines: usize| TextFile {
            path: path.into(),
            text: "line\n".repeat(lines),
        };
        let texts = [
            file("a.rs", LINES_LONG),
            file("b.rs", LINES_LONG + 1),
            file("c.json", LINES_LONG + 1),
            file("d.py", LINES_LONG + 2),
        ];
        let notes: Vec<String> = long_files(&texts).iter().map(ToString::to_string).collect();
        assert_eq!(notes, ["d.py: has 602 lines", "b.rs: has 601 lines"]);
    }
}
