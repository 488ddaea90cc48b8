//! What the table of logs says about itself, and what ours should reach.

use super::peers::{FLOOR, OPTIONAL, SEQUENTIAL, WRITTEN_FLOOR};
use crate::report::{Chart, Goal, Limit, Page};

pub(crate) static PAGE: Page = Page {
    name: super::KIND,
    title: "Durable logs side by side",
    ours: "the log of Mainstem",
    promise: "An append returns when its records are on the medium.",
    rows: &[
        ("append", "so many threads append one record at a time."),
        (
            "batch",
            "one thread appends 500 records at a time, all or none.",
        ),
        (
            "replay warm",
            "one thread reads all records from the oldest on; the log is open, and was read once before.",
        ),
        (
            "replay cold",
            "the log is closed and its pages are dropped from the cache; from the opening until all records \
             were read.",
        ),
        (
            "point read",
            "one thread reads records at random numbers, one at a time; all is in memory.",
        ),
        (
            "reopen",
            "from the opening until the newest record was read; SIGKILL hits a process amid appends of one \
             record, after 1,000 of them.",
        ),
    ],
    goals: GOALS,
    optional: OPTIONAL,
    charts: &[
        Chart {
            name: "append",
            title: "Durable appends, records per second (logarithmic)",
            row: "append",
            units: &["records/s"],
        },
        Chart {
            name: "latency",
            title: "Durable appends, latency in µs (logarithmic, less is better)",
            row: "append",
            units: &["p50 µs", "p99 µs"],
        },
        Chart {
            name: "batch",
            title: "Durable batches of 500 × 1 KiB (logarithmic)",
            row: "batch",
            units: &["MiB/s"],
        },
        Chart {
            name: "replay-warm",
            title: "Reading all records, in memory, MiB/s (logarithmic)",
            row: "replay warm",
            units: &["MiB/s"],
        },
        Chart {
            name: "replay-cold",
            title: "Opening and reading all records, from the disk, MiB/s (logarithmic)",
            row: "replay cold",
            units: &["MiB/s"],
        },
        Chart {
            name: "read",
            title: "Reading one record, in memory, µs (logarithmic, less is better)",
            row: "point read",
            units: &["p50 µs", "p99 µs"],
        },
        Chart {
            name: "reopen",
            title: "Opening until the newest record is read, ms (logarithmic, less is better)",
            row: "reopen",
            units: &["ms after a close", "ms after SIGKILL"],
        },
    ],
};

/// Cases of appends begin with their number of threads.
const GOALS: &[Goal] = &[
    Goal {
        row: "append",
        case: "1 ×",
        unit: "p50 µs",
        limit: Limit::AtMost(1.15, FLOOR),
    },
    Goal {
        row: "append",
        case: "16 ×",
        unit: "records/s",
        limit: Limit::AtLeast(0.9, FLOOR),
    },
    Goal {
        row: "append",
        case: "256 ×",
        unit: "records/s",
        limit: Limit::AtLeast(0.9, FLOOR),
    },
    Goal {
        row: "append",
        case: "16 ×",
        unit: "records/s",
        limit: Limit::First,
    },
    Goal {
        row: "append",
        case: "256 ×",
        unit: "records/s",
        limit: Limit::First,
    },
    Goal {
        row: "append",
        case: "16 ×",
        unit: "records/s",
        limit: Limit::AtLeast(0.8, WRITTEN_FLOOR),
    },
    Goal {
        row: "append",
        case: "256 ×",
        unit: "records/s",
        limit: Limit::AtLeast(0.8, WRITTEN_FLOOR),
    },
    Goal {
        row: "append",
        case: "256 ×",
        unit: "p99 µs",
        limit: Limit::AtMost(1.3, FLOOR),
    },
    Goal {
        row: "batch",
        case: "",
        unit: "MiB/s",
        limit: Limit::AtLeast(0.9, FLOOR),
    },
    Goal {
        row: "replay warm",
        case: "",
        unit: "MiB/s",
        limit: Limit::AtLeast(0.8, FLOOR),
    },
    Goal {
        row: "replay cold",
        case: "",
        unit: "MiB/s",
        limit: Limit::AtLeast(0.9, SEQUENTIAL),
    },
    Goal {
        row: "point read",
        case: "",
        unit: "p50 µs",
        limit: Limit::Below(2.0),
    },
    Goal {
        row: "reopen",
        case: "",
        unit: "ms after SIGKILL",
        limit: Limit::Below(20.0),
    },
];
