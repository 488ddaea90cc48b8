//! Runs named steps one after another and says at the end what each of them took.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// The steps run so far.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    done: Vec<Step>,
}

#[derive(Debug)]
struct Step {
    name: String,
    took: Duration,
    is_ok: bool,
}

impl Steps {
    /// Runs one step. A failure is printed and remembered; later steps still run, so that one
    /// run shows everything there is to mend.
    pub(crate) fn run(&mut self, name: &str, step: impl FnOnce() -> Result<()>) {
        eprintln!("\n==> {name}");
        let start = Instant::now();
        let result = step();
        if let Err(error) = &result {
            eprintln!("==> {name} failed: {error:#}");
        }
        self.done.push(Step {
            name: name.to_owned(),
            took: start.elapsed(),
            is_ok: result.is_ok(),
        });
    }

    /// Prints how long each step took.
    ///
    /// # Errors
    /// Names the steps that failed.
    pub(crate) fn finish(&self) -> Result<()> {
        println!("\nStep                              seconds");
        for step in &self.done {
            let mark = if step.is_ok { "" } else { "  FAILED" };
            println!("{:<34}{:>7.1}{mark}", step.name, step.took.as_secs_f64());
        }
        let failed: Vec<&str> = self
            .done
            .iter()
            .filter(|step| !step.is_ok)
            .map(|step| step.name.as_str())
            .collect();
        if !failed.is_empty() {
            bail!("failed: {}", failed.join(", "));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_step_does_not_stop_the_next_and_is_named_at_the_end() {
        let mut steps = Steps::default();
        let mut ran = 0;
        steps.run("first", || bail!("broken"));
        steps.run("second", || {
            ran += 1;
            Ok(())
        });
        assert_eq!(ran, 1);
        assert_eq!(
            steps.finish().expect_err("one step failed").to_string(),
            "failed: first"
        );
    }

    #[test]
    fn steps_that_all_pass_finish_well() {
        let mut steps = Steps::default();
        steps.run("only", || Ok(()));
        steps.finish().expect("nothing failed");
    }
}
