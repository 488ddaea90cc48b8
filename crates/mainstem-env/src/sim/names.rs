//! The simulated directories: what readers see, what is durable, and the changes in between.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::choices::{Choices, Strictness};
use super::survival::Rules;

/// The directory that is always there.
pub(super) const ROOT: u64 = 0;

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) id: u64,
    pub(super) is_dir: bool,
}

/// A name in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) dir: u64,
    pub(super) name: Arc<str>,
}

pub(super) type Entries = BTreeMap<Arc<str>, Node>;

/// Directories by their number. All that were ever made are in it; reachable ones count.
type Tree = BTreeMap<u64, Arc<Entries>>;

#[derive(Clone, Debug)]
pub(super) enum Change {
    Link { at: Place, node: Node },
    Unlink { at: Place, node: Node },
    Rename { from: Place, to: Place, node: Node },
}

/// A change that is not durable in both of the directories it touches.
#[derive(Clone, Debug)]
struct Pending {
    index: u64,
    change: Change,
    /// Directories that it touches and that were not synced since.
    unsynced: Vec<u64>,
    /// Whether a failed sync of a directory left it behind.
    orphaned: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Names {
    cache: Tree,
    durable: Tree,
    pending: Vec<Pending>,
}

impl Names {
    pub(super) fn new() -> Self {
        let tree = Tree::from([(ROOT, Arc::default())]);
        Self {
            cache: tree.clone(),
            durable: tree,
            pending: Vec::new(),
        }
    }

    pub(super) fn entries(&self, dir: u64) -> Option<&Entries> {
        self.cache.get(&dir).map(|entries| &**entries)
    }

    pub(super) fn find(&self, dir: u64, name: &str) -> Option<Node> {
        self.entries(dir)?.get(name).copied()
    }

    /// Returns the numbers of the files that have a name.
    pub(super) fn files(&self) -> impl Iterator<Item = u64> {
        self.cache
            .values()
            .flat_map(|entries| entries.values())
            .filter(|node| !node.is_dir)
            .map(|node| node.id)
    }

    /// Returns the paths of the files, sorted.
    pub(super) fn file_paths(&self) -> Vec<PathBuf> {
        let mut paths = Vec::new();
        let mut dirs = vec![(ROOT, PathBuf::from("/"))];
        while let Some((dir, path)) = dirs.pop() {
            for (name, node) in self.entries(dir).into_iter().flatten() {
                let path = path.join(&**name);
                if node.is_dir {
                    dirs.push((node.id, path));
                } else {
                    paths.push(path);
                }
            }
        }
        paths.sort();
        paths
    }

    pub(super) fn apply(&mut self, index: u64, change: Change) {
        if let Change::Link { node, .. } = &change
            && node.is_dir
        {
            self.cache.insert(node.id, Arc::default());
            self.durable.insert(node.id, Arc::default());
        }
        apply_to(&mut self.cache, &change);
        let mut unsynced: Vec<u64> = change.places().map(|place| place.dir).collect();
        unsynced.dedup();
        self.pending.push(Pending {
            index,
            change,
            unsynced,
            orphaned: false,
        });
    }

    /// Returns one past the last change in `dir` that is not durable, or zero.
    pub(super) fn dirty_end(&self, dir: u64) -> u64 {
        self.pending
            .iter()
            .filter(|pending| !pending.orphaned && pending.unsynced.contains(&dir))
            .map(|pending| pending.index.saturating_add(1))
            .max()
            .unwrap_or(0)
    }

    pub(super) fn sync(&mut self, dir: u64) {
        let mut synced: Vec<Place> = Vec::new();
        let mut left = Vec::new();
        for mut pending in std::mem::take(&mut self.pending) {
            if !pending.orphaned {
                pending.unsynced.retain(|&unsynced| unsynced != dir);
                if pending.unsynced.is_empty() {
                    apply_to(&mut self.durable, &pending.change);
                    synced.extend(pending.change.places().cloned());
                    continue;
                }
            }
            left.push(pending);
        }
        // A later change of the same name is durable now: what it replaced cannot come back.
        left.retain(|pending| {
            !pending.orphaned || !pending.change.places().any(|place| synced.contains(place))
        });
        self.pending = left;
    }

    pub(super) fn sync_failed(&mut self, dir: u64) {
        for pending in &mut self.pending {
            if pending.unsynced.contains(&dir) {
                pending.orphaned = true;
            }
        }
    }

    /// Returns the names as they are after everything reached the disk.
    pub(super) fn flushed(&self) -> Self {
        Self::settled(&self.cache)
    }

    pub(super) fn after_power_loss(
        &self,
        rules: Rules,
        committed: u64,
        choices: &mut Choices,
    ) -> Self {
        let mut tree = self.durable.clone();
        for pending in &self.pending {
            let keeps = if pending.orphaned {
                rules.strictness != Strictness::PrefixOnly && choices.keeps_orphan(pending.index)
            } else {
                match rules.strictness {
                    Strictness::StrictPosix => choices.keeps(pending.index),
                    Strictness::Ext4Like | Strictness::PrefixOnly => {
                        pending.index < rules.cut.max(committed)
                    }
                }
            };
            if keeps {
                apply_to(&mut tree, &pending.change);
            }
        }
        Self::settled(&tree)
    }

    fn settled(tree: &Tree) -> Self {
        let mut reachable = Tree::new();
        let mut next = vec![ROOT];
        while let Some(dir) = next.pop() {
            let entries = tree.get(&dir).cloned().unwrap_or_default();
            let below = entries.values().filter(|node| node.is_dir);
            next.extend(
                below
                    .map(|node| node.id)
                    .filter(|id| !reachable.contains_key(id)),
            );
            reachable.insert(dir, entries);
        }
        Self {
            cache: reachable.clone(),
            durable: reachable,
            pending: Vec::new(),
        }
    }

    /// Returns whether anything could still bring the file back, or reach it.
    pub(super) fn mentions(&self, id: u64) -> bool {
        let is_it = |node: &Node| !node.is_dir && node.id == id;
        let trees = self.cache.values().chain(self.durable.values());
        trees.flat_map(|entries| entries.values()).any(is_it)
            || self
                .pending
                .iter()
                .any(|pending| is_it(&pending.change.node()))
    }
}

impl Change {
    fn node(&self) -> Node {
        match self {
            Self::Link { node, .. } | Self::Unlink { node, .. } | Self::Rename { node, .. } => {
                *node
            }
        }
    }

    pub(super) fn describe(&self) -> String {
        match self {
            Self::Link { node, .. } if node.is_dir => format!("directory {}", node.id),
            Self::Link { node, .. } => format!("file {}", node.id),
            Self::Unlink { node, .. } => format!("was {}", node.id),
            Self::Rename { to, node, .. } => format!("{} to {}", node.id, to.name),
        }
    }

    fn places(&self) -> impl Iterator<Item = &Place> {
        let (first, second) = match self {
            Self::Link { at, .. } | Self::Unlink { at, .. } => (at, None),
            Self::Rename { from, to, .. } => (from, Some(to)),
        };
        std::iter::once(first).chain(second)
    }
}

/// Applies `change`, whatever became of the changes before it.
fn apply_to(tree: &mut Tree, change: &Change) {
    match change {
        Change::Link { at, node } => set(tree, at, *node),
        Change::Unlink { at, node } => remove(tree, at, *node),
        Change::Rename { from, to, node } => {
            if find(tree, from) == Some(*node) {
                remove(tree, from, *node);
            } else {
                // An earlier renaming was lost, but the file must not end up with two names.
                let elsewhere = tree.iter().find_map(|(&dir, entries)| {
                    let (name, _) = entries.iter().find(|(_, other)| *other == node)?;
                    let name = Arc::clone(name);
                    Some(Place { dir, name })
                });
                if let Some(place) = elsewhere {
                    remove(tree, &place, *node);
                }
            }
            set(tree, to, *node);
        }
    }
}

fn find(tree: &Tree, at: &Place) -> Option<Node> {
    tree.get(&at.dir)?.get(&at.name).copied()
}

fn set(tree: &mut Tree, at: &Place, node: Node) {
    let entries = tree.entry(at.dir).or_default();
    Arc::make_mut(entries).insert(Arc::clone(&at.name), node);
}

fn remove(tree: &mut Tree, at: &Place, node: Node) {
    if find(tree, at) == Some(node)
        && let Some(entries) = tree.get_mut(&at.dir)
    {
        Arc::make_mut(entries).remove(&at.name);
    }
}
