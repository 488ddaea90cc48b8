//! What a crash left in the journal goes into the segments it belongs to.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use mainstem_env::{File, OpenMode};

use super::commit::{log_name, log_options, remove, shared_for_log};
use crate::append::committer::CommitFailure;
use crate::config::JournalOptions;
use crate::defect::{Defect, is_planted};
use crate::engine::remove_leaving;
use crate::error::LogError;
use crate::files::Files;
use crate::format::checksum::Salt;
use crate::format::group_header::GroupHeader;
use crate::format::journal_entry::JournalEntry;
use crate::format::segment_header::{HeaderError, SEGMENT_HEADER_BYTES, SegmentHeader};
use crate::format::{ALIGNMENT, names};
use crate::read::cursor::Start;
use crate::read::record::Record;
use crate::recovery;
use crate::recovery::walk::{Expect, Place, Walker};
use crate::segment::active::storage_error;
use crate::segment::shared::read_footer;
use crate::seq::SeqNo;
use crate::shard::{EngineFate, Shard, ShardName, ShardState};

/// What a replay did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Replayed {
    /// Groups written to their segments.
    pub(crate) groups: u64,
    /// Segments that were synced.
    pub(crate) segments: u64,
}

/// Writes the groups in the journal of the data directory at `data_dir`, if there is one, to their
/// segments, and removes it. To be called before any shard is opened.
///
/// # Durability
/// On `Ok` every group is durable in its segment, and the journal is gone, both after a power cut too.
/// After a power cut or an error before that, calling it again does the same.
///
/// # Errors
/// [`LogError::Corrupt`] if the journal is damaged: which groups are lost with it is not known, so no
/// shard can be trusted to be whole.
pub(crate) fn replay(files: &Arc<Files>, data_dir: &Path) -> Result<Replayed, LogError> {
    let fs = &files.env.fs;
    let leaving = data_dir.join(names::JOURNAL_LEAVING);
    remove_leaving(&**fs, data_dir, &leaving)?;
    let dir = data_dir.join(names::JOURNAL);
    let found = fs.metadata(&dir).map_err(LogError::io("look at", &dir))?;
    if found.is_none() || is_planted(Defect::JournalNotReplayed) {
        return Ok(Replayed::default());
    }
    let (groups, damage) = read(files, &dir)?;
    if let Some(damage) = damage {
        return Err(damage);
    }
    let replayed = write_all(files, data_dir, &groups)?;
    remove(files, data_dir)?;
    if replayed.groups > 0 {
        tracing::info!(
            groups = replayed.groups,
            segments = replayed.segments,
            "took over what the commit journal held"
        );
    }
    Ok(replayed)
}

/// As [`replay`], for a journal that is damaged: takes over what comes before the damage, and keeps the
/// journal under another name. What only the rest of it had is lost.
pub(crate) fn set_aside(files: &Arc<Files>, data_dir: &Path) -> Result<Replayed, LogError> {
    let fs = &files.env.fs;
    let dir = data_dir.join(names::JOURNAL);
    let (groups, _) = read(files, &dir)?;
    let replayed = write_all(files, data_dir, &groups)?;
    let free_name = (0_u32..).find_map(|number| {
        let kept = data_dir.join(names::damaged_journal(number));
        match fs.metadata(&kept) {
            Ok(Some(_)) => None,
            Ok(None) => Some(Ok(kept)),
            Err(error) => Some(Err(LogError::io("look at", kept)(error))),
        }
    });
    if let Some(kept) = free_name.transpose()? {
        fs.rename(&dir, &kept)
            .and_then(|()| fs.sync_dir(data_dir))
            .map_err(LogError::io("rename", &dir))?;
    }
    Ok(replayed)
}

fn write_all(files: &Files, data_dir: &Path, groups: &Groups) -> Result<Replayed, LogError> {
    let mut replayed = Replayed::default();
    for (shard, segments) in groups {
        let dir = data_dir.join(names::SHARDS).join(shard);
        for (base, entries) in segments {
            let written = write(files, &dir, *base, entries)?;
            replayed.groups = replayed.groups.saturating_add(written);
            replayed.segments = replayed.segments.saturating_add(u64::from(written > 0));
        }
    }
    Ok(replayed)
}

/// The entries of each shard, by segment, in order.
type Groups = BTreeMap<String, BTreeMap<SeqNo, Vec<Record>>>;

/// The most that is written to a segment at a time, in bytes, unless a single group is larger. A group in a
/// journal is short, and most lie end to end.
const RUN_BYTES_MAX: usize = 1 << 20;

/// Reads the journal in `dir`, which is recovered as any shard is, up to its end or to what is damaged.
fn read(files: &Arc<Files>, dir: &Path) -> Result<(Groups, Option<LogError>), LogError> {
    let shared = shared_for_log(Arc::clone(files), Arc::new(EngineFate::default()));
    // Whatever the options were that it was written with, its segments are no larger than any can be.
    let options = log_options(&JournalOptions::default()).validated()?;
    let name = log_name()?;
    let site = ShardState::site(&shared, dir, &name, &options);
    let opened = recovery::open::open(&site, None)?;
    let damage = opened.damage.clone();
    if opened.segments.is_empty() {
        return Ok((Groups::new(), damage));
    }
    let log = ShardState::new(&shared, name, dir.to_path_buf(), options, opened);
    let mut groups = Groups::new();
    let collected = collect(&Shard::new(Arc::clone(&log)), dir, &mut groups);
    log.committer.close(
        LogError::Closed,
        crate::append::writer::ShardWriter::quiesce,
    );
    shared.pool.stop();
    match collected {
        Ok(()) => Ok((groups, damage)),
        Err(found @ LogError::Corrupt { .. }) => Ok((groups, damage.or(Some(found)))),
        Err(error) => Err(error),
    }
}

/// Adds the entries of `log` to `groups`.
fn collect(log: &Shard, dir: &Path, groups: &mut Groups) -> Result<(), LogError> {
    let mut cursor = log.cursor(Start::Oldest)?;
    while let Some(record) = cursor.next()? {
        let record = record.keep();
        let Some(entry) = JournalEntry::decode(record.payload()) else {
            return Err(no_entry(dir, &record));
        };
        let base = entry.base;
        let segments = match groups.get_mut(entry.shard) {
            Some(segments) => segments,
            None if ShardName::new(entry.shard).is_ok() => {
                groups.entry(entry.shard.to_owned()).or_default()
            }
            None => return Err(no_entry(dir, &record)),
        };
        segments.entry(base).or_default().push(record);
    }
    Ok(())
}

fn no_entry(dir: &Path, record: &Record) -> LogError {
    let what = format!("record {} is no entry of a commit journal", record.seq());
    LogError::corrupt(dir, 0, what)
}

/// Writes `entries` to the segment `base` of the shard in `dir` and makes them durable; returns how many
/// there were for it. None if the segment, or the shard, is gone.
fn write(files: &Files, dir: &Path, base: SeqNo, entries: &[Record]) -> Result<u64, LogError> {
    let fs = &files.env.fs;
    let path = dir.join(names::segment(base));
    let found = fs.metadata(&path).map_err(LogError::io("look at", &path))?;
    if found.is_none() {
        return Ok(0);
    }
    let file = fs
        .open(&path, OpenMode::ReadWrite)
        .map_err(LogError::io("open", &path))?;
    let mut block = [0; SEGMENT_HEADER_BYTES];
    file.read_at(&mut block, 0)
        .map_err(LogError::io("read", &path))?;
    let header = match SegmentHeader::decode(&block) {
        Ok(header) => Some(header),
        Err(HeaderError::Invalid) => None,
        Err(newer) => {
            let what = newer.to_string();
            return Err(LogError::Unsupported { path, what });
        }
    };
    let len = file.len().map_err(LogError::io("measure", &path))?;
    if header.is_none() && len <= SegmentHeader::data_start() {
        // A shard of the same name was removed, and this one was never whole.
        return Ok(0);
    }
    // Any other header that cannot be read was whole before the journal got its first group. It is found
    // damaged later, and repaired; what belongs behind it is better there than nowhere.
    let newest = entries
        .last()
        .and_then(|record| JournalEntry::decode(record.payload()));
    let salt = header.map(|header| header.salt);
    let salt = salt.or(newest.map(|entry| entry.salt));
    let mut target = Target {
        file: &*file,
        path: &path,
        written: 0,
        end: 0,
        is_another_history: false,
    };
    let mut run = Run::default();
    for record in entries {
        let Some(entry) = JournalEntry::decode(record.payload()) else {
            continue;
        };
        if salt != Some(entry.salt) {
            continue;
        }
        if !run.is_followed_by(&entry) {
            target.take_over(&run, entry.salt)?;
            run.begin_anew();
        }
        run.push(&entry);
    }
    if let Some(salt) = salt {
        target.take_over(&run, salt)?;
    }
    let Target { written, end, .. } = target;
    if written == 0 || is_planted(Defect::ReplayNotSynced) {
        return Ok(written);
    }
    let is_sealed = match &header {
        Some(header) => read_footer(&*file, &path, header)?.is_some(),
        None => true,
    };
    // The length may be in memory only, too; but not that of a sealed segment, which must end with its
    // footer at all times.
    if !is_sealed {
        let len = file.len().map_err(LogError::io("measure", &path))?.max(end);
        file.truncate(len.saturating_add(ALIGNMENT))
            .and_then(|()| file.truncate(len))
            .map_err(LogError::io("set the length of", &path))?;
    }
    file.sync_all().map_err(|error| not_written(&path, error))?;
    Ok(written)
}

/// Tells a full volume from a failure that freeing space does not help with.
fn not_written(path: &Path, error: std::io::Error) -> LogError {
    match storage_error("take over from the commit journal to", path, error) {
        CommitFailure::Refused(error) | CommitFailure::Fatal(error) => error,
    }
}

/// Groups that lie end to end in a segment.
#[derive(Debug, Default)]
struct Run {
    /// Where the first of them begins.
    position: u64,
    bytes: Vec<u8>,
    /// Where each of them ends, in `bytes`.
    ends: Vec<usize>,
}

impl Run {
    /// Returns whether `entry` belongs right behind the run, and may be written with it.
    fn is_followed_by(&self, entry: &JournalEntry<'_>) -> bool {
        let len = u64::try_from(self.bytes.len()).unwrap_or(u64::MAX);
        let is_next = u64::from(entry.position) == self.position.saturating_add(len);
        self.bytes.is_empty() || (is_next && self.bytes.len() < RUN_BYTES_MAX)
    }

    fn push(&mut self, entry: &JournalEntry<'_>) {
        if self.bytes.is_empty() {
            self.position = u64::from(entry.position);
        }
        entry.group_into(&mut self.bytes);
        self.ends.push(self.bytes.len());
    }

    /// Returns the position in the segment of byte `at` of the run.
    fn position_of(&self, at: usize) -> u64 {
        let at = u64::try_from(at).unwrap_or(u64::MAX);
        self.position.saturating_add(at)
    }

    fn begin_anew(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }
}

/// The segment that groups are taken over to, one after the other.
#[derive(Debug)]
struct Target<'a> {
    file: &'a dyn File,
    path: &'a Path,
    /// How many were written.
    written: u64,
    /// Where the last of them ends.
    end: u64,
    /// A whole group was found in the place of one that is not the same. The segment went on without the
    /// journal, so nothing behind belongs here either.
    is_another_history: bool,
}

impl Target<'_> {
    /// Writes the groups of `run`, up to the first in whose place there is another whole one.
    ///
    /// Also what is there already is written: it may be so in memory only, and marked clean by a sync that
    /// failed.
    fn take_over(&mut self, run: &Run, salt: Salt) -> Result<(), LogError> {
        if self.is_another_history || run.bytes.is_empty() {
            return Ok(());
        }
        let mut there = vec![0; run.bytes.len()];
        let read = self
            .file
            .read_at(&mut there, run.position)
            .map_err(LogError::io("read", self.path))?;
        there.truncate(read);
        let (mut upto, mut groups) = (0, 0_u64);
        for end in &run.ends {
            let is_there = there.get(upto..*end) == run.bytes.get(upto..*end);
            if !is_there && self.holds_a_group(there.get(upto..), salt, run.position_of(upto))? {
                self.is_another_history = true;
                break;
            }
            upto = *end;
            groups = groups.saturating_add(1);
        }
        if let Some(bytes) = run.bytes.get(..upto).filter(|bytes| !bytes.is_empty()) {
            let written = self.file.write_all_at(bytes, run.position);
            written.map_err(|error| not_written(self.path, error))?;
            self.end = run.position_of(upto).max(self.end);
            self.written = self.written.saturating_add(groups);
        }
        Ok(())
    }

    /// Returns whether a whole group lies at `position`, where there is `there`, whatever it follows.
    fn holds_a_group(
        &self,
        there: Option<&[u8]>,
        salt: Salt,
        position: u64,
    ) -> Result<bool, LogError> {
        let Some(header) = there.and_then(|there| GroupHeader::decode(there, salt)) else {
            return Ok(false);
        };
        let expect = Expect {
            first: header.first,
            chain: None,
        };
        let len = self
            .file
            .len()
            .map_err(LogError::io("measure", self.path))?;
        let mut walker = Walker::new(self.file, self.path, salt, len, Place { position, expect });
        Ok(walker.next_group(None)?.is_ok())
    }
}
