//! A command as somebody types it, with places to fill in.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

/// The words of a command. `{dir}` becomes the directory of the store and `{self}` this program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Template {
    words: Vec<String>,
}

impl Template {
    /// Splits `text` at spaces; quotes and backslashes keep them, as in a shell, and nothing else of a
    /// shell is there.
    ///
    /// # Errors
    /// When a quote is not closed, there is no word, or the directory appears nowhere.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let mut words = Vec::new();
        let mut word: Option<String> = None;
        let mut quote = None;
        let mut chars = text.chars();
        while let Some(char) = chars.next() {
            match (quote, char) {
                (Some(open), _) if char == open => quote = None,
                (None, '\'' | '"') => {
                    quote = Some(char);
                    word.get_or_insert_default();
                }
                (None | Some('"'), '\\') => {
                    let next = chars.next();
                    let next = next.with_context(|| format!("nothing after \\ in `{text}`"))?;
                    word.get_or_insert_default().push(next);
                }
                (None, ' ' | '\t' | '\n') => words.extend(word.take()),
                _ => word.get_or_insert_default().push(char),
            }
        }
        if quote.is_some() {
            bail!("a quote is not closed in `{text}`");
        }
        words.extend(word);
        if words.is_empty() {
            bail!("a command is needed");
        }
        if !words.iter().any(|word| word.contains("{dir}")) {
            bail!("`{text}` says nowhere which directory: put {{dir}} there");
        }
        Ok(Self { words })
    }

    /// Returns the command for the store in `dir`.
    ///
    /// # Errors
    /// When this program cannot be found, and is asked for.
    pub(crate) fn command(&self, dir: &Path) -> Result<Command> {
        let mut words = Vec::new();
        for word in &self.words {
            let mut word = word.replace("{dir}", &dir.to_string_lossy());
            if word.contains("{self}") {
                let this = std::env::current_exe().context("where this program is")?;
                word = word.replace("{self}", &this.to_string_lossy());
            }
            words.push(word);
        }
        let (program, arguments) = words.split_first().context("a command is needed")?;
        let mut command = Command::new(program);
        command.args(arguments);
        Ok(command)
    }
}

/// Returns `text` as one word of a shell.
pub(crate) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_split_as_a_shell_would() {
        let template = Template::parse(r#" sh -c 'cat "$0" \ {dir}' "a \"b" c\ d "" "#).unwrap();
        let words = ["sh", "-c", r#"cat "$0" \ {dir}"#, "a \"b", "c d", ""];
        assert_eq!(template.words, words);
    }

    #[test]
    fn places_are_filled_in() {
        let template = Template::parse("{self} --at={dir}/x").unwrap();
        let command = template.command(Path::new("/some/store 1")).unwrap();
        assert_eq!(command.get_program(), std::env::current_exe().unwrap());
        let arguments: Vec<_> = command.get_args().collect();
        assert_eq!(arguments, ["--at=/some/store 1/x"]);
    }

    #[test]
    fn what_is_quoted_is_read_as_it_was() {
        for text in ["a b", "it's", r#"sh -c 'x "y"' {dir}"#] {
            let template = Template::parse(&format!("{} {{dir}}", quoted(text)));
            assert_eq!(template.unwrap().words, [text, "{dir}"]);
        }
    }

    #[test]
    fn what_is_no_command_is_refused() {
        for text in ["", "  ", "cat 'x {dir}", "cat", r"cat {dir} \"] {
            Template::parse(text).expect_err(text);
        }
    }
}
