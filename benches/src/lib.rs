//! Workloads and floors shared by the benches.
//!
//! A figure in records per second says more about a disk than about the engine. So the benches
//! measure the engine against a [`floor`]: the least that any log has to do for the same promise.
//! Both run in the same minute on the same file system, and what counts is the ratio.
#![expect(
    clippy::disallowed_methods,
    reason = "the floor is a bare file by definition, and a bench reads the clock"
)]

pub mod floor;
pub mod hot_paths;
pub mod in_flight;
pub mod machine;
pub mod producers;
pub mod report;
pub mod table;
pub mod walk;
pub mod workplace;
