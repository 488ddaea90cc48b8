//! Reading everything that is stored, and saying what does not fit. Changes nothing.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use mainstem_env::{File, OpenMode};

use super::entries::EntryMaker;
use super::listing::list;
use super::scan_tail::read_index;
use super::state::{Newest, UNFINISHED_REPAIR, index_is_whole, look_at_newest};
use super::walk::{Place, Walker};
use crate::defect::{Defect, is_planted};
use crate::error::LogError;
use crate::files::Files;
use crate::format::footer::Footer;
use crate::format::index_entry::{INDEX_ENTRY_BYTES, IndexEntry, Target};
use crate::format::manifest::CleanShard;
use crate::format::names;
use crate::format::segment_header::{PreviousSegment, SegmentHeader};
use crate::segment::shared::{read_footer, read_header};
use crate::seq::SeqNo;

/// One segment file, as far as it could be read.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SegmentReport {
    /// The file.
    pub path: PathBuf,
    /// The sequence number in its name: that of its first record.
    pub base: SeqNo,
    /// The file's length, in bytes; allocated space counts.
    pub file_bytes: u64,
    /// Whether it has a footer, hence will not change any more.
    pub sealed: bool,
    /// When it was created, in ms since the Unix epoch; `None` if the header cannot be read.
    pub created_ms: Option<u64>,
    /// The end of the last whole group, in bytes.
    pub data_end: u64,
    /// Groups up to there.
    pub groups: u64,
    /// Records up to there.
    pub records: u64,
    /// The arrival times of the first and the last record, in ms since the Unix epoch.
    pub times_ms: Option<(u64, u64)>,
    /// Entries in its index.
    pub index_entries: u64,
    /// What does not fit. Torn bytes after the last group are not listed: they are no damage.
    pub damage: Vec<LogError>,
    /// What is missing between the segment before and this one, which may itself be whole.
    pub hole: Option<LogError>,
    /// Bytes after the data of an active segment that a crash left and the next opening cuts off.
    pub torn_bytes: u64,
    /// What the segment says of itself and of the one before it.
    pub(crate) header: Option<SegmentHeader>,
    pub(crate) footer: Option<Footer>,
    /// The chain value at the data end.
    pub(crate) chain: u32,
    /// Entries that a whole index would have.
    pub(crate) entries: Vec<IndexEntry>,
    /// Whether this is what a crash left of a segment that was never born.
    pub(crate) unborn: bool,
    /// The data end that an index entry, a mark, a footer or an orderly close vouches for; 0 if none.
    pub(crate) proven_end: u64,
    /// The sequence number after the last record that one of them vouches for; 0 if none.
    pub(crate) proven_next: SeqNo,
    /// Whether nothing was appended after what `proven_next` vouches for.
    pub(crate) is_proof_exact: bool,
}

impl SegmentReport {
    /// Returns the sequence number after the last readable record.
    pub fn next(&self) -> SeqNo {
        self.base.plus(self.records)
    }
}

/// Where a verification stands.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct VerifyProgress {
    /// Bytes verified so far.
    pub bytes_done: u64,
    /// Bytes there are in all.
    pub bytes_total: u64,
}

/// Reads and checks all segments in `dir`, oldest first. `clean` is what an orderly close wrote down.
pub(crate) fn verify(
    files: &Arc<Files>,
    dir: &Path,
    shard_hash: u32,
    clean: Option<&CleanShard>,
    progress: &mut dyn FnMut(VerifyProgress),
) -> Result<Vec<SegmentReport>, LogError> {
    let fs = &files.env.fs;
    let mut listing = list(&**fs, dir)?;
    let mut opened = Vec::new();
    let mut bytes_total: u64 = 0;
    for base in listing.segments.iter().copied() {
        let path = dir.join(names::segment(base));
        let file = fs
            .open(&path, OpenMode::Read)
            .map_err(LogError::io("open", &path))?;
        let len = file.len().map_err(LogError::io("measure", &path))?;
        bytes_total = bytes_total.saturating_add(len);
        opened.push((base, path, file, len));
    }
    let Newest { missing, unborn } = look_at_newest(files, dir, shard_hash, &mut listing, clean)?;
    let newest = listing.segments.last().copied();
    let mut bytes_done: u64 = 0;
    let mut reports: Vec<SegmentReport> = Vec::new();
    for (base, path, file, len) in opened {
        if is_planted(Defect::VerifyStopsEarly) && !reports.is_empty() {
            break;
        }
        let mut report = unread(path, base, len);
        if unborn == Some(base) {
            report.unborn = true;
            report.torn_bytes = len;
        } else {
            let mut site = Checked {
                files,
                dir,
                file: &*file,
                shard_hash,
                clean: clean.filter(|clean| clean.segment == base),
                newest: newest == Some(base),
            };
            check_segment(&mut site, &mut report)?;
            if let Some(before) = reports.last() {
                check_link(before, &mut report);
            }
        }
        reports.push(report);
        bytes_done = bytes_done.saturating_add(len);
        progress(VerifyProgress {
            bytes_done,
            bytes_total,
        });
    }
    if let Some(base) = missing {
        let path = dir.join(names::segment(base));
        let mut report = unread(path.clone(), base, 0);
        take_note(&mut report, clean.filter(|clean| clean.segment == base));
        report
            .damage
            .push(LogError::corrupt(path, 0, "segment is missing"));
        let at = reports.partition_point(|it| !it.unborn && it.base < base);
        reports.insert(at, report);
    } else if let Some(newest) = reports.iter_mut().rfind(|it| !it.unborn)
        && let Some(damage) = unfinished(newest)
    {
        newest.damage.push(damage);
    }
    Ok(reports)
}

/// Returns the damage if a repair cut `newest` and no segment follows: nothing then says which
/// numbers must not be used again.
fn unfinished(newest: &SegmentReport) -> Option<LogError> {
    let cut = newest.footer.filter(|footer| footer.cut_by_repair)?;
    Some(LogError::corrupt(
        &newest.path,
        cut.data_end.into(),
        UNFINISHED_REPAIR,
    ))
}

/// Takes over what an orderly close wrote down about the segment.
fn take_note(report: &mut SegmentReport, clean: Option<&CleanShard>) {
    let Some(clean) = clean else { return };
    report.is_proof_exact = clean.data_end >= report.proven_end;
    report.proven_end = report.proven_end.max(clean.data_end);
    report.proven_next = report.proven_next.max(clean.next);
}

/// A segment that is being checked.
struct Checked<'a> {
    files: &'a Arc<Files>,
    dir: &'a Path,
    file: &'a dyn File,
    shard_hash: u32,
    /// What an orderly close wrote down about this segment.
    clean: Option<&'a CleanShard>,
    newest: bool,
}

fn unread(path: PathBuf, base: SeqNo, file_bytes: u64) -> SegmentReport {
    SegmentReport {
        path,
        base,
        file_bytes,
        sealed: false,
        created_ms: None,
        data_end: 0,
        groups: 0,
        records: 0,
        times_ms: None,
        index_entries: 0,
        damage: Vec::new(),
        hole: None,
        torn_bytes: 0,
        header: None,
        footer: None,
        chain: 0,
        entries: Vec::new(),
        unborn: false,
        proven_end: 0,
        proven_next: SeqNo(0),
        is_proof_exact: false,
    }
}

fn check_segment(site: &mut Checked<'_>, report: &mut SegmentReport) -> Result<(), LogError> {
    let path = report.path.clone();
    let header = match read_header(site.file, &path, report.base, site.shard_hash) {
        Ok(header) => header,
        Err(damage @ (LogError::Corrupt { .. } | LogError::Unsupported { .. })) => {
            take_note(report, site.clean);
            report.damage.push(damage);
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    report.header = Some(header);
    report.created_ms = Some(header.created_ms);
    match check_data(site, &header, report) {
        // No damage, but nothing that this version could judge.
        Err(newer @ LogError::Unsupported { .. }) => {
            report.damage.push(newer);
            Ok(())
        }
        checked => checked,
    }
}

fn check_data(
    site: &Checked<'_>,
    header: &SegmentHeader,
    report: &mut SegmentReport,
) -> Result<(), LogError> {
    let path = report.path.clone();
    let footer = read_footer(site.file, &path, header)?;
    let is_index_whole = match &footer {
        Some(footer) => index_is_whole(site.file, &path, header, footer)?,
        None => false,
    };
    // A power cut during the sealing of the newest can keep a footer and lose the index before it.
    report.footer = footer.filter(|_| is_index_whole || !site.newest);
    report.sealed = report.footer.is_some();
    if report.footer.is_none() {
        if site.newest {
            let index = site.dir.join(names::index(report.base));
            let mut hints = read_index(&*site.files.env.fs, &index, header)?;
            if let Some(footer) = footer {
                hints.vouch(footer.data_end.into(), report.base.plus(footer.records));
            }
            report.index_entries = u64::try_from(hints.entries.len()).unwrap_or(u64::MAX);
            report.proven_end = hints.proven_end;
            report.proven_next = hints.proven_next;
            take_note(report, site.clean);
        } else {
            let what = "footer of a sealed segment";
            report
                .damage
                .push(LogError::corrupt(&path, report.file_bytes, what));
        }
    }
    let end = report
        .footer
        .map_or(report.file_bytes, |footer| footer.data_end.into());
    let start = Place::start_of(header);
    let mut walker = Walker::new(site.file, &path, header.salt, end, start);
    let stopped = walk(&mut walker, header, report)?;
    match report.footer {
        Some(footer) => {
            if report.data_end == end {
                check_footer(&footer, report);
            } else if !is_planted(Defect::VerifyBelievesFooter) {
                report
                    .damage
                    .push(LogError::corrupt(&path, stopped.0, stopped.1));
            }
            let kept = report.damage.len();
            check_index(site.file, header, &footer, report)?;
            if !is_index_whole && report.damage.len() == kept {
                let what = "checksum of the index block";
                report
                    .damage
                    .push(LogError::corrupt(&path, footer.data_end.into(), what));
            }
        }
        None if site.newest => {
            let (later, used_end) = walker.later_group(report.data_end)?;
            if later.is_some() || report.proven_end > report.data_end {
                let what = format!("{}; but data beyond was acknowledged", stopped.1);
                report
                    .damage
                    .push(LogError::corrupt(&path, stopped.0, what));
            } else {
                report.torn_bytes = used_end.saturating_sub(report.data_end);
            }
        }
        None => {}
    }
    Ok(())
}

/// Walks all groups; returns where and why it stopped.
fn walk(
    walker: &mut Walker<'_>,
    header: &SegmentHeader,
    report: &mut SegmentReport,
) -> Result<(u64, String), LogError> {
    let mut entries = EntryMaker::new(header, Vec::new());
    report.data_end = SegmentHeader::data_start();
    report.chain = header.chain();
    loop {
        match walker.next_group(Some(&mut entries))? {
            Ok(group) => {
                report.data_end = group.end;
                report.groups = report.groups.saturating_add(1);
                report.records = report.records.saturating_add(group.header.records.into());
                report.chain = group.chain;
                let oldest_ms = report.times_ms.map_or(group.oldest_ms, |times| times.0);
                report.times_ms = Some((oldest_ms, group.newest_ms));
            }
            Err(no_group) => {
                report.entries = entries.into_entries();
                return Ok((no_group.position, no_group.what));
            }
        }
    }
}

fn check_footer(footer: &Footer, report: &mut SegmentReport) {
    let totals = (footer.records, footer.last, footer.chain, footer.newest_ms);
    let found = (
        report.records,
        report.base.plus(report.records.saturating_sub(1)),
        report.chain,
        report.times_ms.map_or(footer.newest_ms, |times| times.1),
    );
    // The oldest time may be a little earlier than the record, never later.
    let is_oldest_late = report
        .times_ms
        .is_some_and(|times| footer.oldest_ms > times.0);
    if totals != found || is_oldest_late {
        let what = "footer says something else than the records";
        let at = report.file_bytes.saturating_sub(64);
        report
            .damage
            .push(LogError::corrupt(&report.path, at, what));
    }
}

/// Checks that every index entry points at what it says.
fn check_index(
    file: &dyn File,
    header: &SegmentHeader,
    footer: &Footer,
    report: &mut SegmentReport,
) -> Result<(), LogError> {
    let len = usize::try_from(footer.index_entries)
        .unwrap_or(0)
        .saturating_mul(INDEX_ENTRY_BYTES);
    let mut block = vec![0; len];
    let read = file.read_at(&mut block, footer.data_end.into());
    block.truncate(read.map_err(LogError::io("read", &report.path))?);
    report.index_entries = footer.index_entries.into();
    let mut positions = report.entries.iter();
    for (at, bytes) in block.chunks_exact(INDEX_ENTRY_BYTES).enumerate() {
        let entry = IndexEntry::decode(bytes, header.salt);
        let fits = entry.is_some_and(|entry| {
            // Entries lie where a whole index has them, or are missing: never elsewhere.
            entry.target != Target::Mark && positions.any(|whole| *whole == entry)
        });
        if !fits {
            let offset = u64::try_from(at.saturating_mul(INDEX_ENTRY_BYTES)).unwrap_or(0);
            let position = u64::from(footer.data_end).saturating_add(offset);
            let what = "index entry is damaged or points elsewhere";
            report
                .damage
                .push(LogError::corrupt(&report.path, position, what));
            break;
        }
    }
    Ok(())
}

fn check_link(before: &SegmentReport, report: &mut SegmentReport) {
    let may_skip = before.footer.is_some_and(|footer| footer.cut_by_repair);
    // A damaged segment is reported itself; what it would link to is not known.
    if !before.damage.is_empty() || may_skip || is_planted(Defect::LinkNotVerified) {
        return;
    }
    let previous = Some(PreviousSegment {
        base: before.base,
        chain: before.chain,
    });
    if before.next() != report.base {
        let what = format!(
            "records {} to {} are missing before it",
            before.next(),
            report.base
        );
        report.hole = Some(LogError::corrupt(&report.path, 16, what));
    } else if report
        .header
        .is_some_and(|header| header.previous != previous)
    {
        let what = "segment follows another one than is there";
        report.hole = Some(LogError::corrupt(&report.path, 40, what));
    }
}
