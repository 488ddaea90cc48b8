//! A directory that is there for as long as the measurement.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use mainstem_env::{Env, Fs};
use tokio::signal::unix::{SignalKind, signal};

/// A new directory, which is removed with all that is in it when this goes.
#[derive(Debug)]
pub(crate) struct Scratch {
    env: Env,
    path: PathBuf,
    is_removed: bool,
}

impl Scratch {
    pub(crate) fn make(env: &Env, parent: &Path) -> Result<Self> {
        let name = format!("mainstem-bench-{:016x}", env.random.next_u64()?);
        let path = parent.join(name);
        env.fs
            .create_dir(&path)
            .with_context(|| format!("cannot make a directory in {}", parent.display()))?;
        Ok(Self {
            env: env.clone(),
            path,
            is_removed: false,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Removes the directory.
    pub(crate) fn remove(mut self) -> Result<()> {
        self.is_removed = true;
        remove_tree(self.env.fs.as_ref(), &self.path)
            .with_context(|| format!("cannot remove {}", self.path.display()))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if !self.is_removed
            && let Err(error) = remove_tree(self.env.fs.as_ref(), &self.path)
        {
            eprintln!("cannot remove {}: {error}", self.path.display());
        }
    }
}

fn remove_tree(fs: &dyn Fs, path: &Path) -> std::io::Result<()> {
    for entry in fs.list(path)? {
        let inner = path.join(&entry.name);
        if entry.is_dir {
            remove_tree(fs, &inner)?;
        } else {
            fs.unlink(&inner)?;
        }
    }
    fs.remove_dir(path)
}

/// Has Ctrl-C and SIGTERM stop the measurement instead of the process.
pub(crate) fn stop_on_signals(stop: impl FnOnce() + Send + 'static) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let (mut interrupt, mut terminate) = {
        let _entered = runtime.enter();
        (
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
        )
    };
    // It waits for as long as the process lives.
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
            });
            stop();
        })?;
    Ok(())
}
