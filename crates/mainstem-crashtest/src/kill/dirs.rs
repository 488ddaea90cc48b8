//! The directories that a run makes and removes.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use mainstem_env::Env;

/// Makes and returns the directory in which all stores of a run are: `dir`, or one of its own.
pub(super) fn make_base(env: &Env, dir: Option<&Path>) -> Result<PathBuf> {
    let dir = match dir {
        Some(dir) => dir.to_path_buf(),
        None => {
            let name = format!("mainstem-crashtest-{}", std::process::id());
            std::env::temp_dir().join(name)
        }
    };
    let dir = std::path::absolute(&dir)?;
    let is_there = env.fs.metadata(&dir).with_context(|| show(&dir))?;
    if is_there.is_none() {
        env.fs.create_dir(&dir).with_context(|| show(&dir))?;
    }
    Ok(dir)
}

/// Removes a directory with everything in it, if it is there.
pub(super) fn remove_all(env: &Env, dir: &Path) -> Result<()> {
    if env.fs.metadata(dir).with_context(|| show(dir))?.is_none() {
        return Ok(());
    }
    for entry in env.fs.list(dir).with_context(|| show(dir))? {
        let path = dir.join(&entry.name);
        if entry.is_dir {
            remove_all(env, &path)?;
        } else {
            env.fs.unlink(&path).with_context(|| show(&path))?;
        }
    }
    env.fs.remove_dir(dir).with_context(|| show(dir))
}

/// Returns a seed, short enough to be typed.
pub(super) fn random_seed(env: &Env) -> Result<u64> {
    Ok(env.random.next_u64().context("a random seed")? >> 24)
}

fn show(path: &Path) -> String {
    path.display().to_string()
}
