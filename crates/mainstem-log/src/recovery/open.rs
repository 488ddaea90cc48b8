//! Step 5: a shard is opened: trusted after an orderly close, recovered otherwise.

use std::path::Path;
use std::sync::Arc;

use mainstem_env::{File, OpenMode};

use super::decide::{Evidence, Verdict, decide};
use super::listing::{Listing, list};
use super::scan_tail::{IndexHints, Scan, oldest_ms, read_index, scan};
use super::state::{Newest, UNFINISHED_REPAIR, index_is_whole, look_at_newest};
use crate::append::writer::{Place, Successor};
use crate::config::ShardOptions;
use crate::defect::{Defect, is_planted};
use crate::error::LogError;
use crate::files::Files;
use crate::format::footer::{FOOTER_BYTES, Footer};
use crate::format::group_header::{GROUP_HEADER_BYTES, GroupHeader};
use crate::format::index_entry::IndexEntry;
use crate::format::index_entry::{INDEX_ENTRY_BYTES, Target};
use crate::format::manifest::CleanShard;
use crate::format::segment_header::{PreviousSegment, SegmentHeader};
use crate::format::{ALIGNMENT, names};
use crate::segment::active::{ActiveSegment, Tail, entry};
use crate::segment::shared::{Segment, read_footer, read_header};
use crate::seq::SeqNo;

/// A shard as it was found.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) segments: Vec<Arc<Segment>>,
    pub(crate) place: Place,
    pub(crate) next: SeqNo,
    /// The arrival time of the last record, in ms; none will be older.
    pub(crate) last_time_ms: u64,
    /// Why the shard can only be read.
    pub(crate) damage: Option<LogError>,
    pub(crate) bytes_read: u64,
    pub(crate) torn_bytes: u64,
}

/// Where the shard lives and what it is.
#[derive(Debug)]
pub(crate) struct Site<'a> {
    pub(crate) files: &'a Arc<Files>,
    pub(crate) dir: &'a Path,
    pub(crate) shard_hash: u32,
    pub(crate) options: &'a ShardOptions,
}

/// Opens the shard. `clean` is what an orderly close wrote down about it.
///
/// # Durability
/// On `Ok`, everything that the shard will show is durable, and nothing that was torn is left.
pub(crate) fn open(site: &Site<'_>, clean: Option<&CleanShard>) -> Result<Opened, LogError> {
    let mut listing = list(&*site.files.env.fs, site.dir)?;
    let clean_of_newest = clean.filter(|it| listing.segments.last() == Some(&it.segment));
    if let Some(clean) = clean_of_newest
        && let Some(opened) = open_clean(site, &listing, clean)?
    {
        return Ok(opened);
    }
    sync_names(site, &listing)?;
    let Newest { missing, unborn } =
        look_at_newest(site.files, site.dir, site.shard_hash, &mut listing, clean)?;
    let missing = missing.map(|base| {
        let path = site.dir.join(names::segment(base));
        LogError::corrupt(path, 0, "segment is missing")
    });
    let closed_at = clean
        .filter(|it| listing.segments.last() == Some(&it.segment))
        .map_or(0, |clean| clean.data_end);
    if let Some(base) = unborn.filter(|_| missing.is_none()) {
        let path = site.dir.join(names::segment(base));
        let fs = &site.files.env.fs;
        fs.unlink(&path).map_err(LogError::io("remove", &path))?;
        fs.sync_dir(site.dir)
            .map_err(LogError::io("sync", site.dir))?;
    }
    let Some(newest) = listing.segments.last().copied() else {
        let base = unborn.unwrap_or_default();
        if let (Some(_), Some(clean)) = (&missing, clean) {
            keep_witness(site, clean, None);
        }
        return Ok(Opened {
            damage: missing,
            ..empty(base)
        });
    };
    if is_planted(Defect::NumbersStartAnew) && removed_as_empty(site, &listing)? {
        return Ok(empty(SeqNo::default()));
    }
    let mut segments: Vec<Arc<Segment>> = listing
        .segments
        .iter()
        .map(|base| Arc::new(unread(site, *base)))
        .collect();
    let links = match check_links(&segments) {
        // Damage leaves the rest readable. A failure to look is no damage: the next try may succeed.
        Err(error) if !matches!(error, LogError::Corrupt { .. }) => return Err(error),
        links => links,
    };
    let path = site.dir.join(names::segment(newest));
    let file = open_file(site, &path)?;
    let header = match read_header(&*file, &path, newest, site.shard_hash) {
        Ok(header) => header,
        Err(damage @ LogError::Corrupt { .. }) => {
            segments.pop();
            if let Some(clean) = clean {
                keep_witness(site, clean, None);
            }
            return Ok(Opened {
                segments,
                damage: Some(damage),
                ..empty(newest)
            });
        }
        Err(error) => return Err(error),
    };
    let hands_off = missing.is_some() || links.is_err();
    let footer = read_footer(&*file, &path, &header)?;
    let is_sealed = match &footer {
        Some(footer) => index_is_whole(&*file, &path, &header, footer)?,
        None => false,
    };
    let opened = match footer.filter(|_| is_sealed) {
        Some(footer) => open_sealed(&path, &*file, header, footer, segments)?,
        None => {
            // A power cut during the sealing can keep the footer and lose the index before it. What
            // it says of the data was true.
            let sealed_at = footer.map_or(0, |footer| footer.data_end.into());
            let found = Found {
                file,
                header,
                segments,
                closed_at: closed_at.max(sealed_at),
                hands_off,
            };
            recover_active(site, &path, found)?
        }
    };
    let linked = links.and_then(|link| link.map_or(Ok(()), |link| follows(link, &header, &path)));
    let damage = missing.or(linked.err()).or_else(|| opened.damage.clone());
    match (&damage, clean) {
        (None, _) => remove_stray_indexes(site, &listing, newest)?,
        (Some(_), Some(clean)) => keep_witness(site, clean, Some(&header)),
        (Some(_), None) => {}
    }
    Ok(Opened { damage, ..opened })
}

/// Removes the only segment of a shard, if it holds nothing; returns whether it did.
fn removed_as_empty(site: &Site<'_>, listing: &Listing) -> Result<bool, LogError> {
    let [only] = listing.segments.as_slice() else {
        return Ok(false);
    };
    let path = site.dir.join(names::segment(*only));
    let len = open_file(site, &path)?.len();
    if len.map_err(LogError::io("measure", &path))? > SegmentHeader::data_start() {
        return Ok(false);
    }
    let gone = site.files.env.fs.unlink(&path);
    gone.map_err(LogError::io("remove", &path))?;
    Ok(true)
}

/// Makes durable what the shard's files are called.
///
/// A process that is killed between creating a file and syncing its directory leaves a name that its
/// successor sees and a power cut takes away, with all that was appended meanwhile.
fn sync_names(site: &Site<'_>, listing: &Listing) -> Result<(), LogError> {
    let fs = &site.files.env.fs;
    if is_planted(Defect::FoundNamesNotSynced) {
        return Ok(());
    }
    // A shard's own name is made durable before its first segment is created.
    if listing.segments.is_empty()
        && !is_planted(Defect::ShardNameNotSynced)
        && let Some(parent) = site.dir.parent()
    {
        fs.sync_dir(parent).map_err(LogError::io("sync", parent))?;
    }
    fs.sync_dir(site.dir)
        .map_err(LogError::io("sync", site.dir))
}

fn unread(site: &Site<'_>, base: SeqNo) -> Segment {
    let path = site.dir.join(names::segment(base));
    Segment::unread(path, base, site.shard_hash, Arc::clone(site.files))
}

fn open_file(site: &Site<'_>, path: &Path) -> Result<Arc<dyn File>, LogError> {
    site.files
        .env
        .fs
        .open(path, OpenMode::ReadWrite)
        .map_err(LogError::io("open", path))
}

/// Returns a shard without segments whose next record is `base`.
fn empty(base: SeqNo) -> Opened {
    without_active(Successor {
        base,
        previous: None,
        last_time_ms: 0,
    })
}

fn without_active(successor: Successor) -> Opened {
    Opened {
        segments: Vec::new(),
        next: successor.base,
        last_time_ms: successor.last_time_ms,
        place: Place::Missing(successor),
        damage: None,
        bytes_read: 0,
        torn_bytes: 0,
    }
}

/// Writes what the note of an orderly close says into the index of its segment, behind all that is
/// there: the note is gone when the shard is opened next, and what it proves must not be forgotten.
fn keep_witness(site: &Site<'_>, clean: &CleanShard, newest: Option<&SegmentHeader>) {
    let path = site.dir.join(names::index(clean.segment));
    let header = newest.filter(|header| header.base == clean.segment);
    let kept = (|| {
        let fs = &site.files.env.fs;
        // Without a header there is no salt to write an entry with, but the file alone says that the
        // segment had records.
        let file = fs.open(&path, OpenMode::ReadWriteOrCreate)?;
        if let Some(header) = header {
            let mark = entry(
                header.base,
                header.created_ms,
                clean.next,
                clean.data_end,
                Target::Mark,
                clean.last_time_ms,
            );
            let size = u64::try_from(INDEX_ENTRY_BYTES).unwrap_or(u64::MAX);
            let end = file.len()?.next_multiple_of(size);
            file.write_all_at(&mark.encode(header.salt), end)?;
        }
        file.sync_all()?;
        fs.sync_dir(site.dir)
    })();
    if let Err(error) = kept {
        tracing::warn!(path = %path.display(), %error,
            "cannot keep what the last close says of a damaged shard; repair it before it is opened again");
    }
}

/// Removes index files that belong to no active segment: they are caches.
fn remove_stray_indexes(site: &Site<'_>, listing: &Listing, newest: SeqNo) -> Result<(), LogError> {
    for base in listing.indexes.iter().filter(|base| **base != newest) {
        let path = site.dir.join(names::index(*base));
        site.files
            .env
            .fs
            .unlink(&path)
            .map_err(LogError::io("remove", &path))?;
    }
    Ok(())
}

/// How the newest segment must name the one before it, and where it must begin.
#[derive(Clone, Copy, Debug)]
struct Link {
    previous: PreviousSegment,
    next: SeqNo,
    /// A repair may have left a hole.
    may_skip: bool,
}

/// Checks that all sealed segments but the newest follow each other without a hole.
fn check_links(segments: &[Arc<Segment>]) -> Result<Option<Link>, LogError> {
    let mut link: Option<Link> = None;
    let Some((_, sealed)) = segments.split_last() else {
        return Ok(None);
    };
    for segment in sealed {
        let header = *segment.header()?;
        let Some(footer) = segment.footer()?.copied() else {
            return Err(LogError::corrupt(
                segment.path(),
                0,
                "segment was never sealed",
            ));
        };
        if let Some(link) = link {
            follows(link, &header, segment.path())?;
        }
        link = Some(link_after(&header, &footer));
    }
    Ok(link)
}

fn link_after(header: &SegmentHeader, footer: &Footer) -> Link {
    Link {
        previous: PreviousSegment {
            base: header.base,
            chain: footer.chain,
        },
        next: header.base.plus(footer.records),
        may_skip: footer.cut_by_repair,
    }
}

fn follows(link: Link, header: &SegmentHeader, path: &Path) -> Result<(), LogError> {
    let in_order = header.base == link.next || (link.may_skip && header.base > link.next);
    if !in_order {
        let what = format!(
            "records {} to {} are missing before it",
            link.next, header.base
        );
        return Err(LogError::corrupt(path, 16, what));
    }
    if !link.may_skip && header.previous != Some(link.previous) {
        return Err(LogError::corrupt(
            path,
            40,
            "segment follows another one than is there",
        ));
    }
    Ok(())
}

/// Opens a shard whose newest segment is sealed: a crash came before its successor.
fn open_sealed(
    path: &Path,
    file: &dyn File,
    header: SegmentHeader,
    footer: Footer,
    segments: Vec<Arc<Segment>>,
) -> Result<Opened, LogError> {
    let len = file.len().map_err(LogError::io("measure", path))?;
    // The sync that was to end the sealing may have failed and left the pages, and the length, clean.
    rewrite(file, path, u64::from(footer.data_end), len)?;
    file.truncate(len.saturating_add(ALIGNMENT))
        .and_then(|()| file.truncate(len))
        .map_err(LogError::io("set the length of", path))?;
    file.sync_all().map_err(LogError::io("sync", path))?;
    if let Some(newest) = segments.last() {
        newest.set_sealed(header, footer, len);
    }
    let link = link_after(&header, &footer);
    let base = if is_planted(Defect::NumberReused) {
        footer.last
    } else {
        link.next
    };
    let successor = Successor {
        base,
        previous: Some(link.previous),
        last_time_ms: footer.newest_ms.max(header.created_ms),
    };
    // The numbers behind the cut may have been seen, and nothing says any more how many there were.
    let damage = footer
        .cut_by_repair
        .then(|| LogError::corrupt(path, footer.data_end.into(), UNFINISHED_REPAIR));
    Ok(Opened {
        segments,
        damage,
        bytes_read: u64::try_from(FOOTER_BYTES).unwrap_or(0),
        ..without_active(successor)
    })
}

/// Writes the bytes `start..end` over themselves, which makes their pages dirty again: after a failed
/// sync they may be in memory only, and marked clean.
fn rewrite(file: &dyn File, path: &Path, start: u64, end: u64) -> Result<(), LogError> {
    const CHUNK: u64 = 1 << 20;
    if is_planted(Defect::CleanPagesTrusted) {
        return Ok(());
    }
    let mut at = start;
    let mut buffer = Vec::new();
    while at < end {
        let len = CHUNK.min(end.saturating_sub(at));
        buffer.resize(usize::try_from(len).unwrap_or(0), 0);
        let read = file
            .read_at(&mut buffer, at)
            .map_err(LogError::io("read", path))?;
        if read != buffer.len() {
            return Err(LogError::corrupt(
                path,
                at,
                "file became shorter while it was read",
            ));
        }
        file.write_all_at(&buffer, at)
            .map_err(LogError::io("rewrite the tail of", path))?;
        at = at.saturating_add(len);
    }
    Ok(())
}

/// The newest segment, before it is known how much of it is whole.
struct Found {
    file: Arc<dyn File>,
    header: SegmentHeader,
    segments: Vec<Arc<Segment>>,
    /// The data end that an orderly close or a footer wrote down; 0 if none did.
    closed_at: u64,
    /// Whether nothing is to be changed, as there is damage elsewhere.
    hands_off: bool,
}

/// Recovers a shard whose newest segment was being written to.
fn recover_active(site: &Site<'_>, path: &Path, found: Found) -> Result<Opened, LogError> {
    let Found {
        file,
        header,
        mut segments,
        closed_at,
        hands_off,
    } = found;
    let index_path = site.dir.join(names::index(header.base));
    let mut hints = read_index(&*site.files.env.fs, &index_path, &header)?;
    hints.proven_end = hints.proven_end.max(closed_at);
    let scan = scan(&*file, path, &header, &hints)?;
    let verdict = decide(Evidence {
        valid_end: scan.valid_end,
        proven_end: hints.proven_end,
        later_group: scan.later_group.is_some() && !is_planted(Defect::LaterGroupIgnored),
        remains: scan.used_end > scan.valid_end,
    });
    let damage = match verdict {
        Verdict::Corrupt => Some(LogError::corrupt(
            path,
            scan.stopped.position,
            explain(&scan, &hints),
        )),
        Verdict::Whole | Verdict::Torn => None,
    };
    let torn_bytes = scan.used_end.saturating_sub(scan.valid_end);
    if damage.is_some() || hands_off {
        // It is shown all the same, so it must last.
        rewrite(&*file, path, scan.start, scan.valid_end)?;
        file.sync_data().map_err(LogError::io("sync", path))?;
    } else {
        cut(&*file, path, &scan)?;
        if verdict == Verdict::Torn {
            tracing::info!(path = %path.display(), position = scan.valid_end, torn_bytes,
                "cut off a write that was never acknowledged");
        }
    }
    let has_records = scan.valid_end > SegmentHeader::data_start();
    let oldest_ms = if has_records {
        oldest_ms(&*file, &header)
    } else {
        0
    };
    let newest_ms = if has_records {
        scan.newest_ms.max(oldest_ms)
    } else {
        0
    };
    let segment = Arc::new(Segment::active(
        path.to_path_buf(),
        header,
        site.options.segment_bytes.max(scan.valid_end),
        Arc::clone(site.files),
    ));
    segments.pop();
    segments.push(Arc::clone(&segment));
    let (next, bytes_read) = (scan.next, scan.bytes_read);
    let data_end = if is_planted(Defect::AppendedBehindTear) {
        scan.used_end
    } else {
        scan.valid_end
    };
    let tail = Tail {
        data_end,
        chain: scan.chain,
        next,
        oldest_ms,
        newest_ms,
        index: scan.entries,
        last_group: scan.last_group,
    };
    let mut active =
        ActiveSegment::resume(site.files, segment, header, tail, index_path, Some(file));
    if damage.is_none() && !hands_off {
        active.rewrite_index();
    }
    Ok(Opened {
        segments,
        place: Place::Active(Box::new(active)),
        next,
        last_time_ms: newest_ms.max(header.created_ms),
        damage,
        bytes_read,
        torn_bytes,
    })
}

fn explain(scan: &Scan, hints: &IndexHints) -> String {
    let proof = match scan.later_group {
        Some(later) => format!("a later group at byte {later} shows that it was acknowledged"),
        None => format!(
            "the index, or the last close, shows that data was durable up to byte {}",
            hints.proven_end
        ),
    };
    format!("{}; {proof}", scan.stopped.what)
}

/// Makes the valid end of the segment the end of its file, and all before it durable. Until then nobody
/// is shown any of it, so one sync does for both.
fn cut(file: &dyn File, path: &Path, scan: &Scan) -> Result<(), LogError> {
    rewrite(file, path, scan.start, scan.valid_end)?;
    // An earlier recovery may have set this length and failed to sync it: then it is marked clean, too.
    // Without a record nothing is shown, and a file that may have no header yet must not get longer.
    if scan.valid_end > SegmentHeader::data_start() {
        file.truncate(scan.valid_end.saturating_add(ALIGNMENT))
            .map_err(LogError::io("truncate", path))?;
    }
    file.truncate(scan.valid_end)
        .map_err(LogError::io("truncate", path))?;
    if is_planted(Defect::TailServedUnsynced) {
        return Ok(());
    }
    file.sync_all().map_err(LogError::io("sync", path))
}

/// Opens a shard that was closed in good order, without reading its records; `None` if the newest
/// segment is not as the close left it.
fn open_clean(
    site: &Site<'_>,
    listing: &Listing,
    clean: &CleanShard,
) -> Result<Option<Opened>, LogError> {
    let path = site.dir.join(names::segment(clean.segment));
    let file = open_file(site, &path)?;
    let len = file.len().map_err(LogError::io("measure", &path))?;
    let header = match read_header(&*file, &path, clean.segment, site.shard_hash) {
        Err(LogError::Corrupt { .. }) => return Ok(None),
        header => header?,
    };
    let has_records = clean.data_end > SegmentHeader::data_start();
    let is_plausible = (clean.next > clean.segment) == has_records && clean.next >= clean.segment;
    if len < clean.data_end || !is_plausible {
        return Ok(None);
    }
    // The removal of an old note can get lost if the sync of its directory failed. What was appended
    // since then begins where the note says that the data ends.
    let mut block = [0; GROUP_HEADER_BYTES];
    file.read_at(&mut block, clean.data_end)
        .map_err(LogError::io("read", &path))?;
    if GroupHeader::decode(&block, header.salt).is_some() {
        return Ok(None);
    }
    let index_path = site.dir.join(names::index(clean.segment));
    let mut hints = read_index(&*site.files.env.fs, &index_path, &header)?;
    let data_end = clean.data_end;
    let is_before = |entry: &IndexEntry| u64::from(entry.position) < data_end;
    hints.entries.retain(is_before);
    let segment = Arc::new(Segment::active(
        path,
        header,
        site.options.segment_bytes.max(data_end),
        Arc::clone(site.files),
    ));
    let older = listing
        .segments
        .iter()
        .filter(|base| **base != clean.segment);
    let mut segments: Vec<Arc<Segment>> = older.map(|base| Arc::new(unread(site, *base))).collect();
    segments.push(Arc::clone(&segment));
    let tail = Tail {
        data_end,
        chain: clean.chain,
        next: clean.next,
        oldest_ms: clean.oldest_ms,
        newest_ms: if has_records { clean.last_time_ms } else { 0 },
        index: hints.entries,
        last_group: hints.last_group.filter(is_before),
    };
    // The file is opened again by the first append: most shards that are opened are only read.
    drop(file);
    let active = ActiveSegment::resume(site.files, segment, header, tail, index_path, None);
    Ok(Some(Opened {
        segments,
        place: Place::Active(Box::new(active)),
        next: clean.next,
        last_time_ms: clean.last_time_ms,
        damage: None,
        bytes_read: 0,
        torn_bytes: 0,
    }))
}
