//! Finds the AWS CLI, version 2: version 1 encodes record data in another way.

use std::path::PathBuf;

use anyhow::Result;

use crate::command;

/// What to say when there is none.
pub(super) const MISSING: &str =
    "the AWS CLI, version 2, is not installed (Debian and Ubuntu: apt-get install awscli)";

/// The program, from `PATH` or from the system's own directory, which a shim of another version
/// may hide. Where neither has it, Debian's package is installed if we may.
///
/// # Errors
/// When the installation was tried and failed.
pub(super) fn find_or_install() -> Result<Option<PathBuf>> {
    if let Some(found) = find() {
        return Ok(Some(found));
    }
    if !command::install_by_apt("awscli")? {
        return Ok(None);
    }
    Ok(find())
}

fn find() -> Option<PathBuf> {
    let mut candidates = command::on_path("aws");
    candidates.push(PathBuf::from("/usr/bin/aws"));
    candidates
        .into_iter()
        .find(|path| command::version_of(path).is_some_and(|version| is_version_two(&version)))
}

fn is_version_two(version: &str) -> bool {
    version.starts_with("aws-cli/2.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_version_two_counts() {
        assert!(is_version_two(
            "aws-cli/2.9.19 Python/3.11.2 Linux/6.1 source/x86_64"
        ));
        assert!(!is_version_two(
            "aws-cli/1.45.11 Python/3.11.7 Linux/6.1 botocore/1.43.11"
        ));
        assert!(!is_version_two(""));
    }
}
