//! Tasks of the workspace.
#![expect(
    clippy::disallowed_methods,
    reason = "xtask is a tool around the product: it reads the source tree"
)]

mod gen_wire;

use std::path::Path;

use anyhow::{Context, Result, bail};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = manifest
        .parent()
        .context("the manifest of xtask lies in no directory")?;
    match arguments.split_first() {
        Some((name, rest)) if name == "gen-wire" => gen_wire::run(root, rest),
        _ => bail!(
            "usage: cargo xtask gen-wire --model FILE [--check]\n\n{}",
            gen_wire::ABOUT
        ),
    }
}
