//! Holds the generated shapes to the service model that the pinned botocore brings.

use std::process::Command;

use anyhow::{Context, Result};

use super::plan::Outcome;
use super::{clients, python};
use crate::counts::Counts;
use crate::workspace::Workspace;
use crate::{command, gen_wire};

/// Unpacks the model into the file that is its argument.
const UNPACK: &str = "import gzip, os, shutil, sys, botocore
model = os.path.join(os.path.dirname(botocore.__file__), 'data/kinesis/2013-12-02/service-2.json.gz')
with gzip.open(model) as packed, open(sys.argv[1], 'wb') as out:
    shutil.copyfileobj(packed, out)";

/// Generates the shapes anew and compares them with those that are committed.
pub(super) fn tests(workspace: &Workspace) -> Result<Outcome> {
    let Some((python, _)) = clients::first_that_runs(&["python3"]) else {
        return Ok(Outcome::Skipped(String::from("python3 is not installed")));
    };
    let python = python::environment(workspace, &python)?;
    let model = workspace.target().join("clients").join("service-2.json");
    command::run(Command::new(python).args(["-c", UNPACK]).arg(&model))?;
    let path = model
        .to_str()
        .context("the target directory's path is not Unicode")?;
    gen_wire::run(
        workspace.root(),
        &["--model".to_owned(), path.to_owned(), "--check".to_owned()],
    )?;
    Ok(Outcome::Ran {
        counts: Counts {
            passed: 1,
            ..Counts::default()
        },
        is_ok: true,
    })
}
