//! Deliberate defects stay where tests plant them: no build but that of the crash tests can have them.

use super::check::TextFile;
use super::violation::Violation;

/// The manifests that name the feature, each with the only line that may.
const ALLOWED: [(&str, &str); 3] = [
    ("crates/mainstem-log/Cargo.toml", "defects = []"),
    ("crates/mainstem-queue/Cargo.toml", "defects = []"),
    (
        "crates/mainstem-crashtest/Cargo.toml",
        "defects = [\"mainstem-log/defects\", \"mainstem-queue/defects\"]",
    ),
];

/// Finds every other line of a manifest that names the feature, and those it lacks.
pub(super) fn check(texts: &[TextFile]) -> Vec<Violation> {
    let mut found = Vec::new();
    let manifests = texts
        .iter()
        .filter(|text| text.path.ends_with("Cargo.toml"));
    for manifest in manifests {
        let allowed = ALLOWED
            .iter()
            .find(|(path, _)| manifest.path.ends_with(path));
        for line in manifest.text.lines() {
            let code = line.split('#').next().unwrap_or_default().trim();
            let is_allowed = allowed.is_some_and(|(_, only)| code == *only);
            if code.contains("defects") && !is_allowed {
                let message = format!("`{code}`: only the crash tests may plant defects");
                found.push(Violation::of_file(&manifest.path, &message));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<String> {
        let file = TextFile {
            path: path.into(),
            text: text.to_owned(),
        };
        check(&[file]).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_feature_may_be_there_where_it_is_made_and_where_it_is_used() {
        for (path, line) in ALLOWED {
            assert_eq!(found(path, line), Vec::<String>::new());
        }
        let comment = "# no defects here";
        assert_eq!(
            found("crates/mainstem-cli/Cargo.toml", comment),
            Vec::<String>::new()
        );
    }

    #[test]
    fn everywhere_else_it_is_found() {
        let default = found("crates/mainstem-log/Cargo.toml", "default = [\"defects\"]");
        assert_eq!(default.len(), 1);
        let dependency = "mainstem-log = { path = \"../x\", features = [\"defects\"] }";
        let [only] = &found("fuzz/Cargo.toml", dependency)[..] else {
            panic!("one violation")
        };
        assert!(only.starts_with("fuzz/Cargo.toml: "), "{only}");
    }
}
