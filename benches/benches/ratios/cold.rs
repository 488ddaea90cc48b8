//! Reading everything back that is not in memory, against reading the same files from one end to
//! the other.
//!
//! The files are dropped from the page cache by `posix_fadvise` with `POSIX_FADV_DONTNEED`, which
//! needs no privileges. What lies below the kernel, such as the cache of a disk or of a host, stays.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use mainstem_benches::report::Report;
use mainstem_benches::table::{Goal, Series};
use mainstem_benches::workplace::{self, Workplace};

use crate::options::Options;
use crate::replay::replay;

/// How much a plain reader asks for at a time.
const READ_BYTES: usize = 1 << 20;

pub(crate) fn measure(workplace: &Workplace, options: &Options, report: &mut Report) -> Result<()> {
    for bytes in [100, 1024] {
        let name = format!("cold-replay-{bytes}");
        if options.wants(&name) {
            case(workplace, options, report, &name, bytes)?;
        }
    }
    Ok(())
}

fn case(
    workplace: &Workplace,
    options: &Options,
    report: &mut Report,
    name: &str,
    bytes: usize,
) -> Result<()> {
    let payload = vec![b'x'; bytes];
    let records = options.replay_bytes / u64::try_from(bytes)?;
    let corner = workplace.corner()?;
    let filled = workplace::open_filled(corner.path(), &payload, records)?;
    filled.engine.close()?;
    drop(filled);

    let mut series = Series::default();
    for round in 0..options.rounds {
        let with_engine = || -> Result<f64> {
            workplace::cool_down(corner.path())?;
            let opened = workplace::open(corner.path())?;
            let took = from_disk(corner.path(), || replay(&opened.shard, records))?;
            opened.engine.close()?;
            Ok(took)
        };
        let with_floor = || -> Result<f64> {
            workplace::cool_down(corner.path())?;
            from_disk(corner.path(), || read_all(corner.path()).map(drop))
        };
        let (engine, floor) = if round.is_multiple_of(2) {
            let engine = with_engine()?;
            (engine, with_floor()?)
        } else {
            let floor = with_floor()?;
            (with_engine()?, floor)
        };
        series.push(engine, floor);
    }
    report.add(series.row(name, "MiB/s", Goal::AtLeast(0.9)))
}

/// Returns how many MiB of files `work` got through in a second.
///
/// # Errors
/// Those of `work`, and if most of the bytes did not come from the disk.
fn from_disk(dir: &Path, work: impl FnOnce() -> Result<()>) -> Result<f64> {
    let bytes = data_bytes(dir)?;
    let before = read_from_disk()?;
    let start = Instant::now();
    work()?;
    let took = start.elapsed();
    let read = read_from_disk()?.saturating_sub(before);
    ensure!(
        read > bytes / 10 * 9,
        "only {read} of {bytes} bytes came from the disk: the files were in memory"
    );
    Ok(f64::from(u32::try_from(bytes >> 20)?) / took.as_secs_f64())
}

/// Returns how many bytes this process had fetched from disks.
fn read_from_disk() -> Result<u64> {
    let counts = fs::read_to_string("/proc/self/io")?;
    let count = counts
        .lines()
        .find_map(|line| line.strip_prefix("read_bytes: "));
    Ok(count.context("no count of bytes read")?.parse()?)
}

fn data_bytes(dir: &Path) -> Result<u64> {
    let mut bytes = 0;
    each_file(dir, &mut |path| {
        use std::os::unix::fs::MetadataExt;
        let metadata = fs::metadata(path)?;
        // Space that is only set aside is not read from the disk.
        bytes += metadata.len().min(metadata.blocks().saturating_mul(512));
        Ok(())
    })?;
    Ok(bytes)
}

/// Reads all files below `dir`, one after the other.
fn read_all(dir: &Path) -> Result<u64> {
    let mut buffer = vec![0; READ_BYTES];
    let mut bytes = 0;
    each_file(dir, &mut |path| {
        let mut file = File::open(path)?;
        loop {
            let read = file.read(&mut buffer)?;
            if read == 0 {
                return Ok(());
            }
            bytes += u64::try_from(read)?;
        }
    })?;
    Ok(bytes)
}

fn each_file(dir: &Path, visit: &mut impl FnMut(&Path) -> Result<()>) -> Result<()> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(dir)? {
        paths.push(entry?.path());
    }
    paths.sort();
    for path in paths {
        if path.is_dir() {
            each_file(&path, visit)?;
        } else {
            visit(&path)?;
        }
    }
    Ok(())
}
