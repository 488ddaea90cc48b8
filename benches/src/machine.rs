//! Where a measurement was taken.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

/// Returns what has to stand beside every figure: machine, kernel, file system of `dir`, commit, and
/// the arguments. Of paths among these only the last component is there.
pub fn describe(dir: &Path) -> String {
    let cpus = std::thread::available_parallelism().map_or(0, usize::from);
    format!(
        "machine   {} x {}\nkernel    {}\nfiles     {}\ncommit    {}\narguments {}\n",
        cpus,
        cpu().unwrap_or_else(unknown),
        read("/proc/sys/kernel/osrelease").unwrap_or_else(unknown),
        file_system(dir).unwrap_or_else(unknown),
        commit().unwrap_or_else(unknown),
        without_paths(std::env::args().skip(1)),
    )
}

/// Returns the time in seconds since the Unix epoch.
pub fn date_s() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    now.unwrap_or(Duration::ZERO).as_secs()
}

/// Returns the day, in UTC, of a time in seconds since the Unix epoch.
pub fn day(date_s: u64) -> String {
    let time = i64::try_from(date_s).ok();
    let time = time.and_then(|it| jiff::Timestamp::from_second(it).ok());
    time.map_or_else(unknown, |it| it.strftime("%Y-%m-%d").to_string())
}

/// Joins arguments, without where anything lies on this machine.
fn without_paths(arguments: impl Iterator<Item = String>) -> String {
    let mut named = Vec::new();
    for argument in arguments {
        // Cargo's own.
        if argument == "--bench" {
            continue;
        }
        if argument.contains('/') {
            let name = Path::new(&argument).file_name();
            named.extend(name.map(|it| it.to_string_lossy().into_owned()));
        } else {
            named.push(argument);
        }
    }
    named.join(" ")
}

fn unknown() -> String {
    String::from("unknown")
}

fn read(path: &str) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    Some(text.trim().to_owned())
}

fn cpu() -> Option<String> {
    let text = read("/proc/cpuinfo")?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// The type and options of the mount that holds `dir`.
fn file_system(dir: &Path) -> Option<String> {
    let dir = dir.canonicalize().ok()?;
    let mounts = read("/proc/self/mounts")?;
    let mut best: Option<(PathBuf, String)> = None;
    for line in mounts.lines() {
        let mut words = line.split(' ');
        let (_device, point) = (words.next()?, PathBuf::from(words.next()?));
        let (kind, options) = (words.next()?, words.next()?);
        // A later mount on the same point hides an earlier one.
        let is_closer = best
            .as_ref()
            .is_none_or(|(known, _)| point.starts_with(known));
        if dir.starts_with(&point) && is_closer {
            // The layers of an overlay are paths.
            let options: Vec<&str> = options.split(',').filter(|it| !it.contains('/')).collect();
            best = Some((point, format!("{kind} ({})", options.join(","))));
        }
    }
    best.map(|(_, description)| description)
}

fn commit() -> Option<String> {
    let git = |arguments: &[&str]| {
        let mut git = Command::new("git");
        git.args(arguments).current_dir(env!("CARGO_MANIFEST_DIR"));
        let output = git.output().ok().filter(|output| output.status.success())?;
        String::from_utf8(output.stdout).ok()
    };
    let commit = git(&["rev-parse", "--short=12", "HEAD"])?;
    let is_changed = !git(&["status", "--porcelain", "--untracked-files=no"])?.is_empty();
    let mark = if is_changed { ", with changes" } else { "" };
    Some(format!("{}{mark}", commit.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_told_as_people_write_it() {
        assert_eq!(day(0), "1970-01-01");
        assert_eq!(day(1_795_305_599), "2026-11-21");
        assert_eq!(day(u64::MAX), "unknown");
    }

    #[test]
    fn of_paths_only_the_name_is_told() {
        let arguments = "--bench --quick --server /opt/x/mainstem --write docs/y --out / --only a";
        let arguments = arguments.split(' ').map(str::to_owned);
        let told = "--quick --server mainstem --write y --out --only a";
        assert_eq!(without_paths(arguments), told);
    }
}
