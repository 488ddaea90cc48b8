//! Cutting damage off: the only thing that removes acknowledged data.
//!
//! A repair never edits a segment in place. It copies the damaged file aside, builds the sealed
//! segment that the readable records make, and swaps it in by rename. The cut segment says so in its
//! footer, so that a hole in the sequence numbers after it is not taken for damage; numbers that may
//! have been seen are never used again.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use mainstem_env::{File, OpenMode};

use super::verify::SegmentReport;
use crate::append::committer::CommitFailure;
use crate::defect::{Defect, is_planted};
use crate::error::LogError;
use crate::files::Files;
use crate::format::footer::FOOTER_BYTES;
use crate::format::frame::FRAME_HEADER_BYTES;
use crate::format::names;
use crate::format::segment_header::PreviousSegment;
use crate::limits::SEGMENT_BYTES_MAX;
use crate::segment::active::{ActiveSegment, Birth};
use crate::segment::seal::{Totals, encode};
use crate::seq::SeqNo;

/// What a repair would do to one segment, and what is lost by it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Cut {
    /// The damaged file. A copy of it is kept beside it, under this name and `.damaged`, with a number
    /// behind if there is one already.
    pub path: PathBuf,
    /// Why.
    pub damage: Vec<LogError>,
    /// The first record that goes.
    pub first_lost: SeqNo,
    /// How many records go at most: exactly known only where the next segment or the footer tells.
    pub records_lost_max: u64,
    /// Bytes of the file that are kept; 0 if no record in it can be read.
    pub bytes_kept: u64,
    report: SegmentReport,
    /// How far the numbering goes on, if this is the newest segment.
    resume_at: Option<SeqNo>,
    /// What a crash left where the next segment was to begin.
    unborn: Option<PathBuf>,
}

/// Returns what has to be cut so that the shard can be written to again; empty if it is whole.
pub(crate) fn plan(reports: &[SegmentReport]) -> Result<Vec<Cut>, LogError> {
    // What a crash left of a segment that was never born is no part of the shard.
    let (reports, unborn) = match reports.split_last() {
        Some((last, before)) if last.unborn => (before, Some(last)),
        _ => (reports, None),
    };
    let mut cuts = Vec::new();
    for (at, report) in reports.iter().enumerate() {
        let successor = reports.get(at.saturating_add(1));
        let mut damage = report.damage.clone();
        // A hole is mended in the segment before it, which then says that it may be followed by one;
        // removing an unreadable segment makes a hole too.
        damage.extend(successor.and_then(|next| next.hole.clone()));
        damage.extend(
            successor
                .filter(|next| next.header.is_none())
                .and_then(|next| next.damage.first().cloned()),
        );
        if let Some(newer) = damage
            .iter()
            .find(|it| matches!(it, LogError::Unsupported { .. }))
        {
            return Err(newer.clone());
        }
        if damage.is_empty() {
            continue;
        }
        let lost = records_lost_max(report, successor);
        let resume_at = successor.is_none().then(|| {
            let lost = if is_planted(Defect::RepairReusesNumbers) {
                0
            } else {
                lost
            };
            let after_lost = report.next().plus(lost);
            let unborn = unborn.map_or(after_lost, |it| it.base);
            // Never where the damaged file itself begins: the two would have one name.
            after_lost.max(unborn).max(report.base.plus(1))
        });
        cuts.push(Cut {
            path: report.path.clone(),
            damage,
            first_lost: report.next(),
            records_lost_max: lost,
            bytes_kept: if report.header.is_some() {
                report.data_end
            } else {
                0
            },
            report: report.clone(),
            resume_at,
            unborn: unborn.map(|it| it.path.clone()),
        });
    }
    Ok(cuts)
}

/// Returns how many records behind the readable ones there may have been.
fn records_lost_max(report: &SegmentReport, successor: Option<&SegmentReport>) -> u64 {
    if let Some(next) = successor {
        return next.base.since(report.next());
    }
    let proven = report.proven_next.since(report.next());
    if let Some(footer) = report.footer.filter(|it| !it.cut_by_repair) {
        return footer.records.saturating_sub(report.records).max(proven);
    }
    if report.is_proof_exact {
        return proven;
    }
    // Nothing says how many there were, but the bytes say how many there can have been. What is cut
    // already, cannot be read, or became shorter than was proven, can have been as long as any.
    let is_length_known =
        report.header.is_some() && !report.sealed && report.proven_end <= report.file_bytes;
    let bytes = if is_length_known {
        report.file_bytes
    } else {
        SEGMENT_BYTES_MAX
    };
    let room = bytes.saturating_sub(report.data_end) / (FRAME_HEADER_BYTES as u64);
    room.max(proven)
}

/// Carries out `cuts`.
///
/// The segment that goes on after the newest is made first, and is durable before anything is cut: it
/// is what keeps the numbers of the lost records from being used again, and without it a cut segment
/// would look whole. A segment that is followed by another and not sealed is damaged for whoever
/// looks, so that wherever this stops, the next plan has the rest.
pub(crate) fn apply(
    files: &Arc<Files>,
    dir: &Path,
    shard_hash: u32,
    cuts: &[Cut],
) -> Result<(), LogError> {
    remove_leftovers(files, dir)?;
    for cut in cuts {
        begin_successor(files, dir, shard_hash, cut)?;
    }
    for cut in cuts {
        carry_out(files, dir, cut)?;
    }
    Ok(())
}

/// Removes what a repair that was stopped left half written.
fn remove_leftovers(files: &Arc<Files>, dir: &Path) -> Result<(), LogError> {
    let fs = &files.env.fs;
    for entry in fs.list(dir).map_err(LogError::io("list", dir))? {
        if !entry.is_dir && names::is_repair_draft(&entry.name) {
            let path = dir.join(&entry.name);
            fs.unlink(&path).map_err(LogError::io("remove", &path))?;
        }
    }
    Ok(())
}

/// Makes the segment that goes on after the newest, if `cut` is about that.
fn begin_successor(
    files: &Arc<Files>,
    dir: &Path,
    shard_hash: u32,
    cut: &Cut,
) -> Result<(), LogError> {
    let Some(base) = cut.resume_at else {
        return Ok(());
    };
    let fs = &files.env.fs;
    if let Some(unborn) = &cut.unborn
        && fs
            .metadata(unborn)
            .map_err(LogError::io("look at", unborn))?
            .is_some()
    {
        fs.unlink(unborn).map_err(LogError::io("remove", unborn))?;
        fs.sync_dir(dir).map_err(LogError::io("sync", dir))?;
    }
    let report = &cut.report;
    let previous = report.header.map(|header| PreviousSegment {
        base: header.base,
        chain: report.chain,
    });
    let newest_ms = report.times_ms.map_or(0, |times| times.1);
    let last_time_ms = newest_ms.max(report.header.map_or(0, |header| header.created_ms));
    let birth = Birth {
        base,
        previous,
        shard_hash,
        created_ms: files.env.clock.now().0.max(last_time_ms),
    };
    let created = ActiveSegment::create(files, dir, birth, SEGMENT_BYTES_MAX);
    created.map(drop).map_err(|failure| match failure {
        CommitFailure::Refused(error) | CommitFailure::Fatal(error) => error,
    })
}

fn carry_out(files: &Arc<Files>, dir: &Path, cut: &Cut) -> Result<(), LogError> {
    let fs = &files.env.fs;
    let exists = fs
        .metadata(&cut.path)
        .map_err(LogError::io("look at", &cut.path))?
        .is_some();
    if exists {
        if !is_planted(Defect::RepairKeepsNoCopy) {
            keep_copy(files, dir, &cut.path)?;
        }
        if cut.report.header.is_some() && !is_planted(Defect::RepairCutsAll) {
            replace(files, dir, cut)?;
        } else {
            fs.unlink(&cut.path)
                .map_err(LogError::io("remove", &cut.path))?;
        }
    }
    // The cut lasts before the index goes: it vouches for what was there.
    fs.sync_dir(dir).map_err(LogError::io("sync", dir))?;
    let index = dir.join(names::index(cut.report.base));
    if fs
        .metadata(&index)
        .map_err(LogError::io("look at", &index))?
        .is_some()
    {
        fs.unlink(&index).map_err(LogError::io("remove", &index))?;
        fs.sync_dir(dir).map_err(LogError::io("sync", dir))?;
    }
    Ok(())
}

fn copy_bytes(from: &dyn File, to: &dyn File, len: u64) -> std::io::Result<()> {
    let mut buffer = vec![0; 1 << 20];
    let mut at = 0;
    while at < len {
        let want = usize::try_from(len.saturating_sub(at))
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        let Some(chunk) = buffer.get_mut(..want) else {
            break;
        };
        let read = from.read_at(chunk, at)?;
        if read == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        to.write_all_at(chunk.get(..read).unwrap_or_default(), at)?;
        at = at.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
    }
    Ok(())
}

/// Creates the file in which what is to be put at `path` is written first.
fn create_draft(files: &Arc<Files>, path: &Path) -> Result<(PathBuf, Arc<dyn File>), LogError> {
    let fs = &files.env.fs;
    let draft = beside(path, names::DRAFT_SUFFIX);
    if fs
        .metadata(&draft)
        .map_err(LogError::io("look at", &draft))?
        .is_some()
    {
        fs.unlink(&draft).map_err(LogError::io("remove", &draft))?;
    }
    let file = fs
        .open(&draft, OpenMode::CreateNew)
        .map_err(LogError::io("create", &draft))?;
    Ok((draft, file))
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(suffix);
    path.with_file_name(name)
}

/// Copies the damaged file to a name beside it that is free: earlier copies may be of more.
fn keep_copy(files: &Arc<Files>, dir: &Path, path: &Path) -> Result<(), LogError> {
    let fs = &files.env.fs;
    let mut kept = beside(path, names::DAMAGED_SUFFIX);
    let mut number: u64 = 0;
    while fs
        .metadata(&kept)
        .map_err(LogError::io("look at", &kept))?
        .is_some()
    {
        number = number.saturating_add(1);
        kept = beside(path, &format!("{}.{number}", names::DAMAGED_SUFFIX));
    }
    let damaged = fs
        .open(path, OpenMode::Read)
        .map_err(LogError::io("open", path))?;
    let len = damaged.len().map_err(LogError::io("measure", path))?;
    let (draft, copy) = create_draft(files, path)?;
    copy_bytes(&*damaged, &*copy, len).map_err(LogError::io("copy", path))?;
    copy.sync_all().map_err(LogError::io("sync", &draft))?;
    fs.rename(&draft, &kept)
        .map_err(LogError::io("keep a copy as", &kept))?;
    fs.sync_dir(dir).map_err(LogError::io("sync", dir))
}

/// Puts a sealed segment with the readable records in the place of the damaged one.
fn replace(files: &Arc<Files>, dir: &Path, cut: &Cut) -> Result<(), LogError> {
    let fs = &files.env.fs;
    let report = &cut.report;
    let Some(header) = report.header else {
        return Ok(());
    };
    let (oldest_ms, newest_ms) = report
        .times_ms
        .unwrap_or((header.created_ms, header.created_ms));
    let totals = Totals {
        data_end: report.data_end,
        records: report.records,
        last: SeqNo(
            report
                .base
                .0
                .saturating_add(report.records.saturating_sub(1)),
        ),
        oldest_ms,
        newest_ms,
        chain: report.chain,
        cut_by_repair: true,
    };
    let (tail, _) = encode(&header, &report.entries, &totals);
    debug_assert!(tail.len() >= FOOTER_BYTES, "a sealed segment has a footer");
    let damaged = fs
        .open(&cut.path, OpenMode::Read)
        .map_err(LogError::io("open", &cut.path))?;
    let (path, file) = create_draft(files, &cut.path)?;
    copy_bytes(&*damaged, &*file, report.data_end).map_err(LogError::io("copy", &cut.path))?;
    file.write_all_at(&tail, report.data_end)
        .map_err(LogError::io("write", &path))?;
    if !is_planted(Defect::RepairNotSynced) {
        file.sync_all().map_err(LogError::io("sync", &path))?;
    }
    fs.rename(&path, &cut.path)
        .map_err(LogError::io("replace", &cut.path))?;
    fs.sync_dir(dir).map_err(LogError::io("sync", dir))
}
