//! One thing that happens to a store behind its back.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use mainstem_env::sim::Sim;

use super::store::Store;

/// One thing that happens to a file: `flip:PATH:BIT`, `zero:PATH:START..END`, `cut:PATH:LENGTH`,
/// `remove:PATH`, `replace:PATH:BY`, `older:PATH`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the command goes through all of them"
)]
pub enum Change {
    /// One bit is another, counted from the lowest of the first byte.
    Flip(PathBuf, u64),
    /// Bytes are zero.
    Zero(PathBuf, u64, u64),
    /// The file ends early.
    Cut(PathBuf, u64),
    /// The file is gone.
    Remove(PathBuf),
    /// The first file has the contents of the second.
    Replace(PathBuf, PathBuf),
    /// The file is as it was a while ago.
    Older(PathBuf),
}

impl Change {
    /// Returns the file that is changed.
    pub fn file(&self) -> &Path {
        match self {
            Self::Flip(path, _)
            | Self::Zero(path, ..)
            | Self::Cut(path, _)
            | Self::Remove(path)
            | Self::Replace(path, _)
            | Self::Older(path) => path,
        }
    }

    /// Changes a copy of the store.
    ///
    /// # Errors
    /// When there is no such file, or nothing there to change.
    pub(super) fn make(&self, store: &Store) -> io::Result<Sim> {
        let world = store.sim.snapshot();
        self.make_in(store, &world).map(|()| world)
    }

    /// Changes `world`, a copy of the store that may have been changed before.
    ///
    /// # Errors
    /// When there is no such file, or nothing there to change.
    pub(super) fn make_in(&self, store: &Store, world: &Sim) -> io::Result<()> {
        match self {
            Self::Flip(path, bit) => world.flip_bit(path, *bit)?,
            Self::Zero(path, start, end) => {
                let mut bytes = world.read_file(path)?;
                let range = usize::try_from(*start).ok().zip(usize::try_from(*end).ok());
                let range = range.and_then(|(start, end)| bytes.get_mut(start..end));
                range.ok_or(io::ErrorKind::InvalidInput)?.fill(0);
                world.write_raw(path, &bytes)?;
            }
            Self::Cut(path, len) => world.set_len_raw(path, *len)?,
            Self::Remove(path) => world.env().fs.unlink(path)?,
            Self::Replace(path, by) => world.write_raw(path, &world.read_file(by)?)?,
            Self::Older(path) => world.write_raw(path, &store.earlier.read_file(path)?)?,
        }
        Ok(())
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.file().display();
        match self {
            Self::Flip(_, bit) => write!(f, "flip:{path}:{bit}"),
            Self::Zero(_, start, end) => write!(f, "zero:{path}:{start}..{end}"),
            Self::Cut(_, len) => write!(f, "cut:{path}:{len}"),
            Self::Remove(_) => write!(f, "remove:{path}"),
            Self::Replace(_, by) => write!(f, "replace:{path}:{}", by.display()),
            Self::Older(_) => write!(f, "older:{path}"),
        }
    }
}

impl FromStr for Change {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let change = || {
            let mut parts = text.split(':');
            let (kind, path) = (parts.next()?, PathBuf::from(parts.next()?));
            let rest = parts.next();
            let change = match (kind, rest) {
                ("flip", Some(bit)) => Self::Flip(path, bit.parse().ok()?),
                ("cut", Some(len)) => Self::Cut(path, len.parse().ok()?),
                ("zero", Some(range)) => {
                    let (start, end) = range.split_once("..")?;
                    Self::Zero(path, start.parse().ok()?, end.parse().ok()?)
                }
                ("replace", Some(by)) => Self::Replace(path, PathBuf::from(by)),
                ("remove", None) => Self::Remove(path),
                ("older", None) => Self::Older(path),
                _ => return None,
            };
            parts.next().is_none().then_some(change)
        };
        change().ok_or_else(|| format!("`{text}` is no damage"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_read_as_they_were_written() {
        for text in [
            "flip:/data/ENGINE:3",
            "zero:/data/shards/a/0.seg:0..512",
            "cut:/x:0",
            "remove:/x",
            "replace:/x:/y",
            "older:/x",
        ] {
            assert_eq!(text.parse::<Change>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "flip:/x",
            "flip:/x:y",
            "remove:/x:1",
            "zero:/x:1",
            "melt:/x",
        ] {
            text.parse::<Change>().unwrap_err();
        }
    }
}
