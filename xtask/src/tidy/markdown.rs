//! As much of Markdown as the checks need: lines outside code, headings and links.

/// The lines of `text` that are prose, counted from 1: not in a fenced block, and with the
/// contents of code spans blanked out.
pub(super) fn prose(text: &str) -> Vec<(usize, String)> {
    let mut lines = Vec::new();
    let mut fence: Option<&str> = None;
    for (number, line) in (1..).zip(text.lines()) {
        let start = line.trim_start();
        let mark = ["```", "~~~"]
            .into_iter()
            .find(|mark| start.starts_with(mark));
        match (fence, mark) {
            (None, Some(mark)) => fence = Some(mark),
            (Some(open), Some(mark)) if open == mark => fence = None,
            (None, None) => lines.push((number, without_code_spans(line))),
            (Some(_), _) => {}
        }
    }
    lines
}

fn without_code_spans(line: &str) -> String {
    let mut kept = String::with_capacity(line.len());
    let mut parts = line.split('`');
    kept.push_str(parts.next().unwrap_or_default());
    // Every second part lies between two back ticks; the last one may be left open.
    while let Some(code) = parts.next() {
        let Some(after) = parts.next() else {
            kept.push_str(code);
            break;
        };
        kept.push(' ');
        kept.push_str(after);
    }
    kept
}

/// The headings of a text with their levels, in order. Code spans in them are kept.
pub(super) fn headings(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let lines: Vec<&str> = text.lines().collect();
    for (number, _) in prose(text) {
        let Some(line) = lines.get(number - 1) else {
            continue;
        };
        let level = line
            .chars()
            .take_while(|&character| character == '#')
            .count();
        let Some(title) = line.trim_start_matches('#').strip_prefix(' ') else {
            continue;
        };
        if (1..=6).contains(&level) {
            found.push((level, title.trim().to_owned()));
        }
    }
    found
}

/// The fragment that a heading is reached by, as the usual hosts of repositories form it.
pub(super) fn anchor(heading: &str) -> String {
    heading
        .to_lowercase()
        .chars()
        .filter_map(|character| match character {
            ' ' => Some('-'),
            '-' | '_' => Some(character),
            other if other.is_alphanumeric() => Some(other),
            _ => None,
        })
        .collect()
}

/// The targets of the links in one line of prose: `[text](target)` and `[name]: target`.
pub(super) fn link_targets(line: &str) -> Vec<&str> {
    let mut targets = Vec::new();
    let mut rest = line;
    while let Some((_, after)) = rest.split_once("](") {
        let Some((target, after)) = after.split_once(')') else {
            break;
        };
        targets.extend(target.split_whitespace().next());
        rest = after;
    }
    if line.starts_with('[')
        && let Some((_, after)) = line.split_once("]: ")
    {
        targets.extend(after.split_whitespace().next());
    }
    targets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_not_prose() {
        let text = "one\n```\n# two\n```\nthree `[a](b)` four";
        let expected = [(1, String::from("one")), (5, String::from("three   four"))];
        assert_eq!(prose(text), expected);
    }

    #[test]
    fn headings_have_levels_and_anchors() {
        let text = "# The `log` engine\n## Why, and what?\n#not one\n";
        let expected = [
            (1, String::from("The `log` engine")),
            (2, String::from("Why, and what?")),
        ];
        assert_eq!(headings(text), expected);
        assert_eq!(anchor("Why, and what?"), "why-and-what");
        assert_eq!(anchor("The `log` engine"), "the-log-engine");
    }

    #[test]
    fn both_kinds_of_links_are_seen() {
        assert_eq!(
            link_targets("see [a](b.md#c) and [d](e \"title\")"),
            ["b.md#c", "e"]
        );
        assert_eq!(link_targets("[name]: docs/x.md"), ["docs/x.md"]);
        assert_eq!(link_targets("a call f(x)[0] (aside)"), Vec::<&str>::new());
    }
}
