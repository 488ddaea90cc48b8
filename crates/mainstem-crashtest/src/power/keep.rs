//! A state on disk: kept when a store did wrong in it, and read again to repeat the judgement.
//!
//! A run cannot be repeated to the byte, since the kernel decides what it writes when. A state can.
//! It is a directory with `disk.img`, which may also be mounted by hand (`mount -o loop`), and
//! `marks`: what was known when power failed.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use mainstem_env::{Env, OpenMode};

use super::filesystem::FileSystem;
use super::host::read_text;
use super::image::{BLOCK_BYTES, Image, to_u64};
use super::log::{Mark, State};

const IMAGE: &str = "disk.img";
const MARKS: &str = "marks";

/// Writes `state` of a disk of `file_system` into the directory `path`, which is made.
///
/// # Errors
/// The system's error.
pub(super) fn save(env: &Env, path: &Path, file_system: FileSystem, state: &State) -> Result<()> {
    let place = || path.display().to_string();
    env.fs.create_dir(path).with_context(place)?;
    let image = env.fs.open(&path.join(IMAGE), OpenMode::CreateNew)?;
    for (offset, block) in state.image.blocks() {
        image.write_all_at(block, offset).with_context(place)?;
    }
    image.truncate(file_system.disk_bytes())?;
    let marks = env.fs.open(&path.join(MARKS), OpenMode::CreateNew)?;
    let text = to_text(file_system, &state.marks, &state.about);
    marks.write_all_at(text.as_bytes(), 0).with_context(place)
}

/// Reads what [`save`] wrote.
///
/// # Errors
/// The system's error, or when it is not of that form.
pub(super) fn load(env: &Env, path: &Path) -> Result<(FileSystem, State)> {
    let (file_system, marks, about) = of_text(&read_text(env, &path.join(MARKS))?)?;
    let file = env.fs.open(&path.join(IMAGE), OpenMode::Read);
    let file = file.with_context(|| path.display().to_string())?;
    if file.len()? != file_system.disk_bytes() {
        bail!("{} has not the size of a disk", path.join(IMAGE).display());
    }
    let mut image = Image::default();
    let mut block = [0; BLOCK_BYTES];
    let mut offset = 0;
    loop {
        let count = file.read_at(&mut block, offset)?;
        if count == 0 {
            break;
        }
        image.write(offset, block.get(..count).unwrap_or_default());
        offset += to_u64(count);
    }
    let state = State {
        image,
        marks,
        fingerprint: 0,
        is_torn: false,
        about,
    };
    Ok((file_system, state))
}

fn to_text(file_system: FileSystem, marks: &[Mark], about: &str) -> String {
    let mut text = format!("{file_system}\n{about}\n");
    for mark in marks {
        match mark {
            Mark::Started => text.push_str("started\t\n"),
            Mark::Acked(line) => text.extend([format!("acked\t{line}\n")]),
            Mark::Sent(records) => text.extend([format!("sent\t{}\n", records.join("\t"))]),
            Mark::Shown(records) => {
                text.extend([format!("shown\t{}\n", records.len())]);
                text.extend(records.iter().map(|record| format!("{record}\n")));
            }
        }
    }
    text
}

fn of_text(text: &str) -> Result<(FileSystem, Vec<Mark>, String)> {
    let mut lines = text.lines();
    let name = lines.next().context("no file system")?;
    let file_system = FileSystem::ALL.into_iter().find(|it| it.name() == name);
    let file_system = file_system.with_context(|| format!("no file system `{name}`"))?;
    let about = lines.next().unwrap_or_default().to_owned();
    let mut marks = Vec::new();
    while let Some(line) = lines.next() {
        let (kind, rest) = line.split_once('\t').context("a mark without kind")?;
        marks.push(match kind {
            "started" => Mark::Started,
            "acked" => Mark::Acked(rest.to_owned()),
            "sent" => Mark::Sent(rest.split('\t').map(str::to_owned).collect()),
            "shown" => {
                let records: Arc<[String]> = lines
                    .by_ref()
                    .take(rest.parse()?)
                    .map(str::to_owned)
                    .collect();
                Mark::Shown(records)
            }
            other => bail!("no kind of mark `{other}`"),
        });
    }
    Ok((file_system, marks, about))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kept_state_is_the_same_when_it_is_read_again() {
        let directory = tempfile::tempdir().unwrap();
        let env = Env::real();
        let marks = vec![
            Mark::Started,
            Mark::Sent(Arc::from([String::from("0-0 x"), String::from("0-1 ")])),
            Mark::Acked(String::from("0-0")),
            Mark::Shown(Arc::from([String::from("0-0 x"), String::from("0-1 ")])),
            Mark::Shown(Arc::from([])),
            Mark::Sent(Arc::from([String::from("1-0 acked\\t1")])),
        ];
        let mut image = Image::default();
        image.write(5000, b"hello");
        let state = State {
            image,
            marks,
            fingerprint: 0,
            is_torn: true,
            about: String::from("cut somewhere"),
        };
        let path = directory.path().join("state");
        save(&env, &path, FileSystem::Ext4, &state).unwrap();
        let (file_system, again) = load(&env, &path).unwrap();
        assert_eq!(file_system, FileSystem::Ext4);
        assert_eq!((again.marks, again.about), (state.marks, state.about));
        assert!(again.image.blocks().eq(state.image.blocks()));
    }
}
