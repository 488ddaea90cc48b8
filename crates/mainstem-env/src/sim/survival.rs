//! What becomes of one file when power fails: lengths, blocks, and space that was never written.

use std::sync::Arc;

use super::choices::{Choices, Strictness};
use super::file_state::{FileState, LenVersion, PageVersion, copy_sectors};
use super::pages::{
    PAGE, Page, SECTOR, SECTORS_PER_PAGE, pages_for, sector_range, to_u64, to_usize,
};
use super::rng::SplitMix;

/// What decides about everything that is undecided.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    pub(super) strictness: Strictness,
    /// Where an ordered disk stopped: operations before it are kept.
    pub(super) cut: u64,
    /// How many sectors of the write at the cut are kept in [`Strictness::PrefixOnly`].
    pub(super) sectors_at_cut: u64,
}

impl FileState {
    /// Returns the file as the disk shows it after power loss.
    pub(super) fn after_power_loss(
        self: &Arc<Self>,
        rules: Rules,
        choices: &mut Choices,
        stale: &dyn Fn(u64, &mut Choices) -> Option<Arc<Page>>,
    ) -> Arc<Self> {
        if self.is_settled() {
            return Arc::clone(self);
        }
        let (len, forced_until) = self.surviving_len(rules, choices);
        let mut pages = self.durable.clone();
        let shows_garbage = rules.strictness == Strictness::StrictPosix;
        if shows_garbage {
            for run in self.fresh.ranges() {
                if choices.garbage() {
                    let len = run.end.saturating_sub(run.start);
                    let first = run.start.saturating_add(choices.noise() % len.max(1));
                    let end = run.end.min(first.saturating_add(GARBAGE_PAGES));
                    for page in first..end {
                        pages.set(page, Some(garbage(page, choices, stale)));
                    }
                }
            }
        }
        for (&page, versions) in &self.pending {
            let contents = pages.make_mut(page);
            for sector in 0..SECTORS_PER_PAGE {
                survive_sector(
                    contents,
                    (page, sector),
                    versions,
                    (rules, forced_until),
                    choices,
                );
            }
        }
        pages.zero_from(len);
        let mut blocks = self.blocks.clone();
        for page in pages.numbers_from(0) {
            blocks.insert(page..page.saturating_add(1));
        }
        blocks.cut(pages_for(len));
        Arc::new(Self::settled(pages, len, blocks))
    }

    /// Returns the length after power loss, and the operation up to which extending writes must
    /// then have their data.
    fn surviving_len(&self, rules: Rules, choices: &mut Choices) -> (u64, u64) {
        let mut candidates: Vec<LenVersion> = self.pending_lens.clone();
        let mut base = self.durable_len;
        match rules.strictness {
            Strictness::StrictPosix => {}
            Strictness::Ext4Like => {
                candidates.retain(|version| version.index < rules.cut);
                if let Some(ordered) = candidates
                    .iter()
                    .rposition(|version| !version.by_write && !version.orphaned)
                {
                    base = candidates.get(ordered).map_or(base, |version| version.len);
                    candidates.drain(..=ordered);
                }
            }
            Strictness::PrefixOnly => {
                // A write that stops half-way leaves a length within what it wrote.
                let whole = candidates
                    .iter()
                    .rev()
                    .find(|version| version.index < rules.cut && !version.orphaned);
                let len = whole.map_or(base, |version| version.len);
                let partial = candidates
                    .iter()
                    .find(|version| version.index == rules.cut && version.by_write)
                    .filter(|_| rules.sectors_at_cut > 0)
                    .map_or(len, |version| {
                        let first = self
                            .pending
                            .values()
                            .flatten()
                            .find(|page| page.index == version.index)
                            .and_then(|page| page.first_sector)
                            .unwrap_or(0);
                        let end = first
                            .saturating_add(rules.sectors_at_cut)
                            .saturating_mul(512);
                        version.len.min(end).max(len)
                    });
                return (partial, 0);
            }
        }
        let versions: Vec<(u64, bool)> = candidates
            .iter()
            .map(|version| (version.index, version.orphaned))
            .collect();
        let chosen = choices
            .version(&versions)
            .checked_sub(1)
            .and_then(|chosen| candidates.get(chosen));
        let forced_until = match (rules.strictness, chosen) {
            (Strictness::Ext4Like, Some(version)) => version.index.saturating_add(1),
            _ => 0,
        };
        let len = match chosen {
            // A long write moves the end of the file in steps.
            Some(version) if version.by_write => choices.step_towards(base, version.len),
            Some(version) => version.len,
            None => base,
        };
        (len, forced_until)
    }
}

/// How many pages of a fresh run show garbage at most, lest states of large files get slow.
const GARBAGE_PAGES: u64 = 16;

/// Puts into `contents` what survives of one sector.
fn survive_sector(
    contents: &mut Arc<Page>,
    (page, sector): (u64, usize),
    versions: &[PageVersion],
    (rules, forced_until): (Rules, u64),
    choices: &mut Choices,
) {
    let bit = 1 << sector;
    let candidates: Vec<&PageVersion> = versions
        .iter()
        .filter(|version| version.mask & bit != 0)
        .collect();
    if candidates.is_empty() {
        return;
    }
    if rules.strictness == Strictness::PrefixOnly {
        let number = page
            .saturating_mul(to_u64(SECTORS_PER_PAGE))
            .saturating_add(to_u64(sector));
        for version in candidates {
            let kept_at_cut = version.index == rules.cut
                && version
                    .first_sector
                    .is_some_and(|first| number < first.saturating_add(rules.sectors_at_cut));
            if !version.orphaned && (version.index < rules.cut || kept_at_cut) {
                copy_sectors(contents, &version.page, bit);
            }
        }
        return;
    }
    let indices: Vec<(u64, bool)> = candidates
        .iter()
        .map(|version| (version.index, version.orphaned))
        .collect();
    let floor = candidates
        .iter()
        .rposition(|version| version.extends && version.index < forced_until)
        .map_or(0, |forced| forced.saturating_add(1));
    let chosen = choices.version(&indices).max(floor);
    let range = sector_range(sector);
    let mut base = [0; SECTOR];
    if let Some(durable) = contents.get(range.clone()) {
        base.copy_from_slice(durable);
    }
    if let Some(version) = newest_of(&candidates, chosen) {
        copy_sectors(contents, &version.page, bit);
    }
    // A torn block starts as one version and ends as another.
    if chosen > floor
        && let Some(cut) = choices.tear()
    {
        let spread = to_u64(chosen.saturating_sub(floor));
        let back = 1 + choices.noise() % spread.max(1);
        let older = chosen.saturating_sub(to_usize(back));
        let older = match newest_of(&candidates, older) {
            Some(version) => version.page.get(range.clone()).unwrap_or_default(),
            None => &base,
        };
        let torn = if choices.noise().is_multiple_of(2) {
            0..cut
        } else {
            cut..SECTOR
        };
        let sector = Arc::make_mut(contents).get_mut(range);
        if let Some(target) = sector.and_then(|sector| sector.get_mut(torn.clone()))
            && let Some(source) = older.get(torn)
        {
            target.copy_from_slice(source);
        }
    }
}

/// Returns version `chosen`, counted from one.
fn newest_of<'a>(candidates: &[&'a PageVersion], chosen: usize) -> Option<&'a PageVersion> {
    candidates.get(chosen.checked_sub(1)?).copied()
}

/// Returns what a page may show that was never written: noise, or what another file had there.
fn garbage(
    page: u64,
    choices: &mut Choices,
    stale: &dyn Fn(u64, &mut Choices) -> Option<Arc<Page>>,
) -> Arc<Page> {
    if choices.noise().is_multiple_of(2)
        && let Some(old) = stale(page, choices)
    {
        return old;
    }
    let mut bytes = [0; PAGE];
    SplitMix::new(choices.noise()).fill(&mut bytes);
    Arc::new(bytes)
}
