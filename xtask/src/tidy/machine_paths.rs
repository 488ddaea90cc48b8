//! Whether a path of somebody's machine got into the tree.

use super::check::TextFile;
use super::violation::Violation;

/// Finds absolute paths below the directories where people keep their work.
pub(super) fn check(texts: &[TextFile]) -> Vec<Violation> {
    let mut found = Vec::new();
    for file in texts {
        for (number, line) in (1..).zip(file.text.lines()) {
            for directory in DIRECTORIES
                .iter()
                .filter(|directory| holds_path(line, directory))
            {
                let message = format!("holds a path below /{directory}");
                found.push(Violation::of_line(&file.path, number, message));
            }
        }
    }
    found
}

/// Whether `line` holds an absolute path that starts with `directory`: the slash before it must
/// not belong to a longer path or an address.
fn holds_path(line: &str, directory: &str) -> bool {
    let path = format!("/{directory}/");
    line.match_indices(&path).any(|(at, _)| {
        let before = line.get(..at).and_then(|before| before.chars().next_back());
        before.is_none_or(|before| !before.is_alphanumeric() && !"._-~/})*".contains(before))
    })
}

const DIRECTORIES: &[&str] = &["work", "root", "home", "Users"];

#[cfg(test)]
mod tests {
    use super::*;

    fn found(line: &str) -> Vec<String> {
        let file = TextFile {
            path: "a.txt".into(),
            text: format!("first\n{line}\n"),
        };
        check(&[file]).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn paths_of_machines_are_found() {
        for directory in DIRECTORIES {
            let expected = format!("a.txt:2: holds a path below /{directory}");
            assert_eq!(
                found(&format!("open(\"/{directory}/x\")")),
                [expected.as_str()]
            );
            assert_eq!(found(&format!("/{directory}/x")), [expected.as_str()]);
        }
    }

    #[test]
    fn relative_paths_and_addresses_pass() {
        for directory in DIRECTORIES {
            let line = format!(
                "src/{directory}/x https://example.org/{directory}/ ~/{directory}/ ./{directory}/"
            );
            assert_eq!(found(&line), Vec::<String>::new());
        }
    }
}
