//! Whether the glossary explains the words that the code is written in.

use std::path::Path;

use super::check::TextFile;
use super::violation::Violation;

/// Finds each word that has no entry of its own. An entry is a line that starts with the word
/// in bold.
pub(super) fn check(texts: &[TextFile]) -> Vec<Violation> {
    let path = Path::new(GLOSSARY);
    let Some(glossary) = texts.iter().find(|file| file.path == path) else {
        return vec![Violation::of_file(path, "is missing")];
    };
    WORDS
        .iter()
        .filter(|word| !glossary.text.lines().any(|line| is_entry(line, word)))
        .map(|word| Violation::of_file(path, format!("has no entry for **{word}**")))
        .collect()
}

fn is_entry(line: &str, word: &str) -> bool {
    let entry = line.trim_start_matches("- ").strip_prefix("**");
    entry
        .and_then(|entry| entry.split_once("**"))
        .is_some_and(|(found, _)| found == word)
}

const GLOSSARY: &str = "docs/glossary.md";

const WORDS: &[&str] = &[
    "record",
    "batch",
    "group",
    "frame",
    "segment",
    "active",
    "sealed",
    "shard",
    "engine",
    "stream",
    "sequence number",
    "Kinesis sequence number",
    "position",
    "first sequence number",
    "durable mark",
    "next sequence number",
    "index",
    "flush",
    "sync",
    "commit",
    "group commit",
    "roll",
    "seal",
    "trim",
    "truncate",
    "torn",
    "corrupt",
    "retention",
    "partition key",
    "hash-key range",
    "lease",
    "checkpoint",
    "epoch",
    "fence",
    "poisoned",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn glossary(words: &[&str]) -> TextFile {
        let entries: Vec<String> = words
            .iter()
            .map(|word| format!("- **{word}** is a word.\n"))
            .collect();
        TextFile {
            path: GLOSSARY.into(),
            text: entries.concat(),
        }
    }

    #[test]
    fn a_full_glossary_passes() {
        assert_eq!(check(&[glossary(WORDS)]), []);
    }

    #[test]
    fn a_word_only_mentioned_elsewhere_is_found() {
        let mut file = glossary(&WORDS[1..]);
        file.text.push_str("A sentence with a **record** in it.\n");
        let expected = Violation::of_file(Path::new(GLOSSARY), "has no entry for **record**");
        assert_eq!(check(&[file]), [expected]);
    }

    #[test]
    fn a_missing_glossary_is_found() {
        assert_eq!(
            check(&[]),
            [Violation::of_file(Path::new(GLOSSARY), "is missing")]
        );
    }
}
