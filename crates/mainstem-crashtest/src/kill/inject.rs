//! Which calls of the system can be made to fail, and how strace is told.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::draw::Draw;

/// A kind of call and what can happen to it. None of it lets the call do its work in part.
struct Kind {
    call: &'static str,
    faults: &'static [&'static str],
    /// Whether it may also fail for ever. Not where a process needs the call to say why it ends.
    may_last: bool,
}

const fn kind(call: &'static str, faults: &'static [&'static str]) -> Kind {
    Kind {
        call,
        faults,
        may_last: true,
    }
}

const KINDS: &[Kind] = &[
    kind("fsync", &["error=EIO", "error=ENOSPC", "error=EINTR"]),
    kind("fdatasync", &["error=EIO", "error=ENOSPC", "error=EINTR"]),
    kind(
        "pwrite64",
        &[
            "error=EIO",
            "error=ENOSPC",
            "error=EDQUOT",
            "error=EINTR",
            "retval=0",
        ],
    ),
    Kind {
        call: "write",
        faults: &["error=EIO", "error=ENOSPC", "error=EINTR"],
        may_last: false,
    },
    kind(
        "openat",
        &["error=EIO", "error=ENOSPC", "error=EMFILE", "error=EROFS"],
    ),
    kind(
        "fallocate",
        &["error=ENOSPC", "error=EIO", "error=EOPNOTSUPP"],
    ),
    kind("ftruncate", &["error=EIO", "error=EINTR"]),
    kind("rename", &["error=EIO", "error=ENOSPC"]),
    kind("mkdir", &["error=EIO", "error=ENOSPC"]),
    kind("unlink", &["error=EIO", "error=EROFS"]),
    kind("pread64", &["error=EIO", "error=EINTR"]),
    Kind {
        call: "read",
        faults: &["error=EIO", "error=EINTR"],
        may_last: false,
    },
    kind("mmap", &["error=ENOMEM"]),
    kind("madvise", &["error=EIO", "error=ENOMEM", "error=EAGAIN"]),
    kind("mincore", &["error=EAGAIN", "error=ENOMEM"]),
    kind("clone3", &["error=EAGAIN"]),
    kind("statx", &["error=EIO"]),
    kind("newfstatat", &["error=EIO"]),
    kind("getdents64", &["error=EIO"]),
    kind("flock", &["error=EINTR", "error=EIO"]),
];

/// The death of the process at a call, which can happen to each kind.
const KILL: &str = "signal=KILL";

/// One fault: which call of each thread, and what happens to it. Source: `strace(1)` counts the calls of
/// each thread by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Case {
    pub(super) call: &'static str,
    pub(super) fault: &'static str,
    /// From 1 on.
    pub(super) nth: u64,
    /// Whether all later ones fail too.
    pub(super) lasts: bool,
}

/// How many calls of a kind a thread made, before the process touched its store and in all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Seen {
    before: u64,
    all: u64,
}

/// What a process does when nothing fails: of each kind, the calls of the thread that makes most of them.
#[derive(Debug)]
pub(super) struct Calls(Vec<(&'static Kind, Seen)>);

impl std::fmt::Debug for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.call)
    }
}

impl Calls {
    /// Reads what strace wrote about a process whose store is in `dir`.
    pub(super) fn read(trace: &str, dir: &Path) -> Self {
        let dir = dir.to_string_lossy();
        let mut by_thread: BTreeMap<(&str, &str), Seen> = BTreeMap::new();
        let mut is_begun = false;
        for line in trace.lines() {
            // "PID call(arguments) = result"; a call that was interrupted has a second line, without "(".
            let Some((thread, rest)) = line.split_once(' ') else {
                continue;
            };
            let call = rest.trim_start().split('(').next().unwrap_or_default();
            is_begun |= rest.contains(&*dir);
            let seen = by_thread.entry((call, thread)).or_default();
            seen.all = seen.all.saturating_add(1);
            seen.before = seen.before.saturating_add(u64::from(!is_begun));
        }
        let most = |kind: &'static Kind| {
            let of_kind = by_thread.iter().filter(|((call, _), _)| *call == kind.call);
            let most = of_kind.fold(Seen::default(), |most, (_, seen)| Seen {
                before: most.before.max(seen.before),
                all: most.all.max(seen.all),
            });
            (kind, most)
        };
        Self(KINDS.iter().map(most).collect())
    }

    /// Returns every fault there is for this process, in no particular order that matters.
    pub(super) fn cases(&self) -> Vec<Case> {
        let mut cases = Vec::new();
        for (kind, seen) in &self.0 {
            for nth in seen.before.saturating_add(1)..=seen.all {
                for fault in kind.faults {
                    for lasts in [false, true] {
                        let case = Case {
                            call: kind.call,
                            fault,
                            nth,
                            lasts,
                        };
                        // Whoever is interrupted tries again, for ever if need be.
                        let may_last = kind.may_last && *fault != "error=EINTR";
                        cases.extend((!lasts || may_last).then_some(case));
                    }
                }
                cases.push(Case {
                    call: kind.call,
                    fault: KILL,
                    nth,
                    lasts: false,
                });
            }
        }
        cases
    }
}

/// Draws at most `most` of `cases`, so that each kind of call has its share however many there are of it.
pub(super) fn sample(mut cases: Vec<Case>, most: usize, draw: &mut Draw) -> Vec<Case> {
    let mut chosen = Vec::new();
    while chosen.len() < most && !cases.is_empty() {
        let mut calls: Vec<&str> = cases.iter().map(|case| case.call).collect();
        calls.dedup();
        for call in calls {
            let of_call: Vec<usize> = (0..)
                .zip(&cases)
                .filter(|(_, case)| case.call == call)
                .map(|(index, _)| index)
                .collect();
            let last = u64::try_from(of_call.len()).unwrap_or(1).saturating_sub(1);
            let drawn = usize::try_from(draw.within(0..=last)).unwrap_or(0);
            if let Some(index) = of_call.get(drawn).filter(|_| chosen.len() < most) {
                chosen.push(cases.remove(*index));
            }
        }
    }
    chosen
}

impl Case {
    /// Says whether it is the death of the process.
    pub(super) fn is_kill(&self) -> bool {
        self.fault == KILL
    }
}

impl std::fmt::Display for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let lasts = if self.lasts { "+" } else { "" };
        write!(f, "{}:{}:when={}{lasts}", self.call, self.fault, self.nth)
    }
}

/// Returns `command` under strace, which writes what it traces into `trace`.
pub(super) fn traced(command: &Command, trace: &Path, case: Option<&Case>) -> Command {
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-s", "4096", "-o"]).arg(trace);
    match case {
        Some(case) => {
            strace.arg("-e").arg(format!("trace={}", case.call));
            strace.arg("-e").arg(format!("inject={case}"));
        }
        None => {
            let calls: Vec<&str> = KINDS.iter().map(|kind| kind.call).collect();
            strace.arg("-e").arg(format!("trace={}", calls.join(",")));
        }
    }
    strace.arg("--").arg(command.get_program());
    let arguments: Vec<OsString> = command.get_args().map(Into::into).collect();
    strace.args(arguments);
    strace
}

/// Says whether strace runs here.
///
/// # Errors
/// When it does not, with what to do about it.
pub(super) fn check() -> Result<()> {
    let version = Command::new("strace").arg("--version").output();
    version.context("strace is needed; Debian's package is `strace`")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "\
10 openat(AT_FDCWD, \"/lib/libc.so\", O_RDONLY) = 3
10 mmap(NULL, 100) = 0x7f0000000000
10 openat(AT_FDCWD, \"/d/store/LOCK\", O_RDWR) = 3
11 fsync(3 <unfinished ...>
10 openat(AT_FDCWD, \"/d/store/x\", O_RDWR) = 4
11 <... fsync resumed>) = 0
10 fsync(4) = 0
10 fsync(4) = 0
";

    #[test]
    fn only_calls_after_the_store_was_touched_are_made_to_fail() {
        let calls = Calls::read(TRACE, Path::new("/d/store"));
        let cases = calls.cases();
        let nths = |call, fault| -> Vec<u64> {
            let mut nths: Vec<u64> = cases
                .iter()
                .filter(|case| case.call == call && case.fault == fault && !case.lasts)
                .map(|case| case.nth)
                .collect();
            nths.sort_unstable();
            nths
        };
        assert_eq!(nths("openat", "error=EMFILE"), [2, 3]);
        assert_eq!(nths("fsync", "error=EIO"), [1, 2]);
        assert_eq!(nths("fsync", KILL), [1, 2]);
        assert_eq!(nths("mmap", "error=ENOMEM"), [0; 0]);
        assert!(cases.iter().any(|case| case.lasts));
        assert!(
            cases
                .iter()
                .any(|case| case.to_string() == "fsync:error=EIO:when=2+")
        );
    }

    #[test]
    fn a_sample_has_something_of_everything() {
        let cases = Calls::read(TRACE, Path::new("/d/store")).cases();
        let all = cases.len();
        let few = sample(cases.clone(), 4, &mut Draw::new(1, 1));
        assert_eq!(few.len(), 4);
        assert!(few.iter().any(|case| case.call == "fsync"));
        assert!(few.iter().any(|case| case.call == "openat"));
        assert_eq!(sample(cases, all + 10, &mut Draw::new(1, 1)).len(), all);
    }
}
