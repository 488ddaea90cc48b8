//! The test suites: which there are, what each needs, and how they are run and counted.

mod aws_cli;
mod clients;
mod javascript;
mod plan;
mod python;
mod rust;

pub(crate) use plan::{ABOUT, ALL, run, test};
pub(crate) use rust::run_loom as loom;
