//! The test suites: which there are, what each needs, and how they are run and counted.

mod aws_cli;
mod clients;
mod crash;
mod defects;
mod javascript;
mod kill;
mod model;
mod plan;
mod power;
mod python;
mod rust;
mod server;
mod soak;

pub(crate) use crash::{ABOUT as CRASH_ABOUT, crash};
pub(crate) use plan::{ABOUT, ALL, Outcome, run, test};
pub(crate) use rust::run_loom as loom;
pub(crate) use soak::{ABOUT as SOAK_ABOUT, soak};
