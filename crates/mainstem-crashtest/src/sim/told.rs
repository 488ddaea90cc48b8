//! What errors say.

/// Says what went wrong, with all its causes.
pub(crate) fn told(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}

/// Returns whether an error says that the disk is full.
pub(crate) fn is_want_of_space(error: &dyn std::error::Error) -> bool {
    let text = told(error);
    ["no space left", "no storage space"]
        .iter()
        .any(|it| text.contains(it))
}
