//! Workloads and floors shared by the benches.
