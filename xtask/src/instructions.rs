//! Counts of instructions per record, which do not depend on how busy the machine is, held to a
//! baseline that is committed.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};

use crate::command;
use crate::workspace::{Workspace, is_ci};

/// What `cargo xtask instructions --help` says.
pub(crate) const ABOUT: &str = "Counts the instructions of the paths that every record takes.\n\n\
    callgrind counts each path for N and for 2 N records, which leaves those of one record. The counts\n\
    are compared with docs/benchmarks/instructions.json: one that is more than 5 % higher fails. Clock\n\
    and randomness are simulated, so a count is the same in every run, on every machine, but not with\n\
    another compiler, another valgrind or another C library: where these are not those of the baseline,\n\
    the commit that wrote the baseline is built and counted here, and compared in its place. A shallow\n\
    clone may not have it: nothing is compared then, which is a failure when the variable CI is `true`.\n\n  \
    --bless  writes the baseline anew; say in the commit what made it higher or lower\n\n\
    It needs valgrind, which it installs by apt where it may.";

/// Where the baseline lies, relative to the root.
const BASELINE: &str = "docs/benchmarks/instructions.json";
/// How many times the baseline a count may be.
const MOST: f64 = 1.05;
/// Below this many times the baseline, it is worth writing anew.
const WORTH_BLESSING: f64 = 0.95;

/// Counts, and what they depend on other than the source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Counts {
    rustc: String,
    valgrind: String,
    libc: String,
    /// Instructions per record, by path.
    instructions: BTreeMap<String, f64>,
}

/// Counts, and compares or blesses.
///
/// # Errors
/// When an argument is wrong, valgrind is missing, a count is too high, or nothing can be compared.
pub(crate) fn instructions(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    let is_blessed = match arguments {
        [] => false,
        [bless] if bless == "--bless" => true,
        _ => bail!("the only argument is --bless"),
    };
    if command::on_path("valgrind").is_empty() && !command::install_by_apt("valgrind")? {
        bail!("valgrind is not installed (Debian: apt-get install valgrind)");
    }
    let path = workspace.root().join(BASELINE);
    let mut baseline = read(&path)?;
    let mut counts = tools()?;
    if let Some(before) = baseline.as_ref().filter(|_| !is_blessed)
        && !counts.have_tools_of(before)
    {
        println!(
            "the baseline was counted with {}, {}, {}; here it is counted anew",
            before.rustc, before.valgrind, before.libc
        );
        let Some(instructions) = count_before(workspace)? else {
            return not_compared(is_ci());
        };
        baseline = Some(Counts {
            instructions,
            ..counts.clone()
        });
    }
    counts.instructions = count_all(workspace, workspace.root())?;
    let (table, verdict) = compare(&counts, baseline.as_ref());
    println!("{table}");
    if is_blessed {
        let text = serde_json::to_string_pretty(&counts)? + "\n";
        std::fs::write(&path, text).with_context(|| format!("cannot write {BASELINE}"))?;
        println!("written to {BASELINE}");
        return Ok(());
    }
    ensure!(
        baseline.is_some(),
        "there is no {BASELINE}; `cargo xtask instructions --bless` writes it"
    );
    verdict
}

/// What becomes of a run that has nothing to compare its counts with.
fn not_compared(is_ci: bool) -> Result<()> {
    let what = format!(
        "NOT COMPARED: the tools are not those of the baseline, and the commit that wrote {BASELINE} is \
         not in this clone; fetch the history (`git fetch --unshallow`), or bless with these tools"
    );
    ensure!(!is_ci, "{what}");
    println!("{what}");
    Ok(())
}

fn read(path: &Path) -> Result<Option<Counts>> {
    let Ok(text) = std::fs::read_to_string(path) else {
        return Ok(None);
    };
    let counts = serde_json::from_str(&text);
    Ok(Some(counts.with_context(|| {
        format!("{BASELINE} is not of this version")
    })?))
}

/// Says what the counts will depend on; they are empty.
fn tools() -> Result<Counts> {
    let version = command::output(Command::new("rustc").arg("-vV"))?;
    let line_of = |name: &str| version.lines().find_map(|line| line.strip_prefix(name));
    let release = version.lines().next().unwrap_or_default();
    let host = line_of("host: ").context("rustc does not tell its host")?;
    let valgrind = command::output(Command::new("valgrind").arg("--version"))?;
    let libc = command::output(Command::new("getconf").arg("GNU_LIBC_VERSION"))?;
    Ok(Counts {
        rustc: format!("{release}, {host}"),
        valgrind: valgrind.trim().to_owned(),
        libc: libc.trim().to_owned(),
        instructions: BTreeMap::new(),
    })
}

impl Counts {
    /// Returns whether both were, or will be, counted with the same tools.
    fn have_tools_of(&self, other: &Self) -> bool {
        let tools = |it: &Self| (it.rustc.clone(), it.valgrind.clone(), it.libc.clone());
        tools(self) == tools(other)
    }
}

/// Counts the commit that wrote the baseline; `None` if it is not in this clone.
fn count_before(workspace: &Workspace) -> Result<Option<BTreeMap<String, f64>>> {
    let git = |arguments: &[&str]| {
        let mut git = Command::new("git");
        git.args(arguments).current_dir(workspace.root());
        git
    };
    let arguments = ["log", "--max-count=1", "--format=%H", "--", BASELINE];
    let Ok(commit) = command::output(&mut git(&arguments)) else {
        return Ok(None);
    };
    let commit = commit.trim();
    let has_parent = git(&["rev-parse", "--verify", "--quiet", &format!("{commit}^")]).output();
    // In a shallow clone the oldest commit seems to have written everything.
    if commit.is_empty() || !has_parent.is_ok_and(|it| it.status.success()) {
        return Ok(None);
    }
    let before = workspace.target().join("instructions-before");
    let before_text = before.to_str().context("a path that is not text")?;
    let _left_by_an_earlier_run = git(&["worktree", "remove", "--force", before_text]).output();
    command::run(&mut git(&[
        "worktree",
        "add",
        "--detach",
        before_text,
        commit,
    ]))?;
    let counted = count_all(workspace, &before);
    command::run(&mut git(&["worktree", "remove", "--force", before_text]))?;
    counted.map(Some)
}

/// Builds the paths of the source tree in `root` and counts each of them.
fn count_all(workspace: &Workspace, root: &Path) -> Result<BTreeMap<String, f64>> {
    let mut build = workspace.cargo(&["build", "--locked", "--release"]);
    build.args(["--package", "mainstem-benches", "--bin", "instructions"]);
    build
        .current_dir(root)
        .env("CARGO_TARGET_DIR", workspace.target());
    // Flags for the processor of this machine would count for it alone.
    build
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
    command::run(&mut build)?;
    let built = workspace.target().join("release").join("instructions");
    let dir = workspace.target().join("instructions");
    if dir.exists() {
        std::fs::remove_dir_all(&dir)?;
    }
    std::fs::create_dir_all(&dir).with_context(|| format!("cannot create {}", dir.display()))?;
    // Called by names that are as long everywhere: what is on the heap decides whether memory can
    // grow in place or has to be copied.
    let binary = Path::new("./instructions");
    std::fs::copy(&built, dir.join(binary))?;

    let mut counts = BTreeMap::new();
    for line in command::output(&mut Command::new(&built))?.lines() {
        let (records, path) = line.split_once('\t').context("not a list of paths")?;
        let records: u64 = records.parse().context("not a number of records")?;
        let once = count(binary, path, records, &dir)?;
        let twice = count(binary, path, records.saturating_mul(2), &dir)?;
        let added = float(twice.saturating_sub(once));
        let tenths = (added / float(records) * 10.0).round();
        counts.insert(path.to_owned(), tenths / 10.0);
    }
    Ok(counts)
}

/// Runs one path under callgrind, in `dir`, and returns how many instructions it had.
fn count(binary: &Path, path: &str, records: u64, dir: &Path) -> Result<u64> {
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
    valgrind.arg(binary).args([path, &records.to_string()]);
    let output = valgrind
        .arg(".")
        .current_dir(dir)
        .output()
        .context("cannot start valgrind")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "valgrind ended with {} at {path}:\n{said}",
        output.status
    );
    total_of(&said).with_context(|| format!("callgrind tells no count of {path}:\n{said}"))
}

/// Reads the line that callgrind ends with, such as `==1== Collected : 4393193`.
fn total_of(said: &str) -> Option<u64> {
    let line = said.lines().find(|line| line.contains("Collected :"))?;
    line.rsplit_once(':')?.1.trim().parse().ok()
}

/// Returns the table of counts, and whether they will do.
fn compare(counts: &Counts, baseline: Option<&Counts>) -> (String, Result<()>) {
    let mut table = format!(
        "{}\n{}, {}\n\n{:<48}{:>12}{:>12}{:>9}\n",
        counts.rustc,
        counts.valgrind,
        counts.libc,
        "instructions per record",
        "baseline",
        "now",
        ""
    );
    let empty = BTreeMap::new();
    let before = baseline.map_or(&empty, |it| &it.instructions);
    let mut wrong = Vec::new();
    for (path, now) in &counts.instructions {
        let Some(before) = before.get(path) else {
            let _ = writeln!(table, "{path:<48}{:>12}{now:>12.1}", "none");
            wrong.push(format!("{path} is not in the baseline"));
            continue;
        };
        let ratio = now / before;
        let mark = if ratio > MOST {
            wrong.push(format!("{path}: {now} instead of {before}"));
            "  too many"
        } else if ratio < WORTH_BLESSING {
            "  fewer: --bless keeps them so"
        } else {
            ""
        };
        let percent = (ratio - 1.0) * 100.0;
        let _ = writeln!(
            table,
            "{path:<48}{before:>12.1}{now:>12.1}{percent:>+8.1} %{mark}"
        );
    }
    for path in before.keys() {
        if !counts.instructions.contains_key(path) {
            wrong.push(format!("{path} is in the baseline and was not counted"));
        }
    }
    let verdict = if wrong.is_empty() {
        Ok(())
    } else {
        Err(anyhow::anyhow!("{}", wrong.join("; ")))
    };
    (table, verdict)
}

/// Returns a count as a float; none here has more than 52 bits.
fn float(count: u64) -> f64 {
    let half = |it: u64| f64::from(u32::try_from(it).unwrap_or(u32::MAX));
    half(count >> 32) * 4_294_967_296.0 + half(count & 0xFFFF_FFFF)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(of: &[(&str, f64)]) -> Counts {
        Counts {
            rustc: String::from("rustc 1"),
            valgrind: String::from("valgrind 1"),
            libc: String::from("libc 1"),
            instructions: of
                .iter()
                .map(|(path, count)| ((*path).to_owned(), *count))
                .collect(),
        }
    }

    #[test]
    fn five_percent_more_pass_and_six_do_not() {
        let baseline = counts(&[("encode", 100.0), ("read", 100.0)]);
        let (table, verdict) = compare(
            &counts(&[("encode", 105.0), ("read", 50.0)]),
            Some(&baseline),
        );
        verdict.expect(&table);
        assert!(table.contains("fewer"), "{table}");
        let now = counts(&[("encode", 100.0), ("read", 106.0)]);
        let (_, verdict) = compare(&now, Some(&baseline));
        let error = verdict.expect_err("six percent more");
        assert!(error.to_string().contains("read"), "{error}");
    }

    #[test]
    fn a_path_on_one_side_alone_is_noticed() {
        let baseline = counts(&[("encode", 100.0)]);
        for now in [counts(&[]), counts(&[("encode", 100.0), ("read", 1.0)])] {
            let (table, verdict) = compare(&now, Some(&baseline));
            verdict.expect_err(&table);
        }
    }

    #[test]
    fn what_is_not_compared_fails_only_in_ci() {
        not_compared(false).expect("at home it is said");
        let error = not_compared(true).expect_err("in CI nothing may be left out");
        assert!(error.to_string().contains("--unshallow"), "{error}");
    }

    #[test]
    fn other_tools_are_noticed() {
        let baseline = counts(&[]);
        assert!(counts(&[("encode", 1.0)]).have_tools_of(&baseline));
        let mut other = baseline.clone();
        other.rustc = String::from("rustc 2");
        assert!(!other.have_tools_of(&baseline));
    }

    #[test]
    fn the_total_is_found() {
        let said = "==1== Events    : Ir\n==1== Collected : 4393193\n==1==\n";
        assert_eq!(total_of(said), Some(4_393_193));
        assert_eq!(total_of("==1== killed"), None);
    }
}
