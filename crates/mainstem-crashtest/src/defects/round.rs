//! Planting one defect after the other, and the table of what came of it.

use std::sync::{Arc, mpsc};
use std::time::Duration;

use anyhow::{Result, bail};
use mainstem_env::Env;

use super::carry_out::carry_out;
use super::checks::Tries;
use super::planted::Planted;
use super::table::{Setup, catcher};
use crate::sim::explore::caught;

/// A check that has not come to an end after so long hangs, and so does what it checks.
const PATIENCE: Duration = Duration::from_mins(1);

/// What a check came to.
#[derive(Debug)]
struct Found {
    setup: Setup,
    wrong: Option<String>,
    tries: u64,
    took: Duration,
}

/// Prints each defect with what must catch it.
pub(super) fn list() {
    for defect in Planted::all() {
        let setup = catcher(defect);
        println!("{defect}\n    {}", defect.about());
        println!("    caught by {}: {}", setup.check(), setup.about());
    }
}

/// Plants every defect, or `only` that one.
pub(super) fn run(only: Option<&str>, markdown: bool) -> Result<()> {
    std::panic::set_hook(Box::new(|_| {}));
    let wanted: Vec<Planted> = match only {
        None => Planted::all().collect(),
        Some("none") => Vec::new(),
        Some(name) => vec![name.parse().map_err(anyhow::Error::msg)?],
    };
    let clock = Env::real().clock;
    let begun = clock.elapsed();
    println!(
        "{:<34}{:<10}{:>9}{:>8}  it said",
        "defect", "check", "tries", "ms"
    );
    let mut rows = Vec::new();
    for defect in wanted {
        Planted::plant(Some(defect));
        let found = check(catcher(defect));
        Planted::plant(None);
        found.print(defect.name(), "SURVIVED");
        rows.push((defect, found));
    }
    let mut without = Vec::new();
    if only.is_none_or(|only| only == "none") {
        for setup in all_setups() {
            let found = check(setup);
            found.print("none", "nothing");
            without.push(found);
        }
    }
    if markdown {
        print_markdown(&rows);
    }
    let survivors = rows.iter().filter(|(_, found)| found.wrong.is_none());
    let survivors: Vec<&str> = survivors.map(|(defect, _)| defect.name()).collect();
    let false_alarms = without.iter().filter(|it| it.wrong.is_some()).count();
    let took = clock.elapsed().0.saturating_sub(begun.0);
    println!();
    for (what, count) in [
        ("defects planted", rows.len()),
        ("caught", rows.len().saturating_sub(survivors.len())),
        ("checks run without a defect", without.len()),
        ("that found something all the same", false_alarms),
    ] {
        println!("{what:<34}{count:>9}");
    }
    println!("{:<34}{:>9.1} s", "time", took.as_secs_f64());
    // As test runners close, so that what counts tests counts these too.
    let failed = survivors.len().saturating_add(false_alarms);
    println!(
        "\ntest result: {}. {} passed; {failed} failed",
        if failed == 0 { "ok" } else { "FAILED" },
        rows.len()
            .saturating_add(without.len())
            .saturating_sub(failed),
    );
    if !survivors.is_empty() {
        bail!("no check caught {}", survivors.join(", "));
    }
    if false_alarms > 0 {
        bail!("{false_alarms} checks found something where there is no defect");
    }
    Ok(())
}

impl Found {
    fn print(&self, defect: &str, nothing: &str) {
        println!(
            "{defect:<34}{:<10}{:>9}{:>8}  {}",
            self.setup.check(),
            self.tries,
            self.took.as_millis(),
            self.wrong.as_deref().map_or(nothing, first_line),
        );
    }
}

/// Returns every way in which a check is set up, once each.
fn all_setups() -> Vec<Setup> {
    let mut setups: Vec<Setup> = Vec::new();
    for setup in Planted::all().map(catcher) {
        let name = |it: &Setup| (it.check(), it.about());
        if setups.iter().all(|other| name(other) != name(&setup)) {
            setups.push(setup);
        }
    }
    setups
}

/// Carries a check out, in a thread of its own: what is broken may hang.
fn check(setup: Setup) -> Found {
    let clock = Env::real().clock;
    let begun = clock.elapsed();
    let tries = Arc::new(Tries::default());
    let (tell, told) = mpsc::sync_channel(1);
    let of_thread = Arc::clone(&tries);
    let thread = std::thread::spawn(move || {
        let done = caught(|| carry_out(setup, &of_thread));
        let _nobody_waits_any_more = tell.send(done);
    });
    let wrong = match told.recv_timeout(PATIENCE) {
        Ok(done) => {
            let _ended = thread.join();
            done.err()
        }
        Err(_) => Some(format!("no end after {} s", PATIENCE.as_secs())),
    };
    Found {
        setup,
        wrong,
        tries: tries.count(),
        took: clock.elapsed().0.saturating_sub(begun.0),
    }
}

fn print_markdown(rows: &[(Planted, Found)]) {
    println!("\n| Defect | What is broken: what it costs | Caught by | Tries | What it said |");
    println!("| --- | --- | --- | ---: | --- |");
    for (defect, found) in rows {
        println!(
            "| `{defect}` | {} | {}: {} | {} | {} |",
            defect.about(),
            found.setup.check(),
            found.setup.about(),
            found.tries,
            // A column ends where it says so.
            found
                .wrong
                .as_deref()
                .map_or("nothing", first_line)
                .replace('|', "\\|"),
        );
    }
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}
