//! The real server, killed at random while clients put records and change streams.

use std::process::Command;

use anyhow::Result;

use super::plan::Outcome;
use super::{clients, crash};
use crate::command;
use crate::counts::Counts;
use crate::workspace::Workspace;

/// Runs the harness, which counts as one test.
pub(super) fn tests(workspace: &Workspace) -> Result<Outcome> {
    let server = clients::build_server(workspace)?;
    let mut kill = Command::new(crash::build(workspace)?);
    kill.args(["server", "--seed", "1", "--cycles", "100", "--server"]);
    let killed = command::run(kill.arg(server));
    if let Err(error) = &killed {
        eprintln!("{error:#}");
    }
    let is_ok = killed.is_ok();
    Ok(Outcome::Ran {
        counts: Counts {
            passed: u64::from(is_ok),
            failed: u64::from(!is_ok),
            skipped: 0,
        },
        is_ok,
    })
}
