//! What the table of queues says about itself.

use super::peers::OPTIONAL;
use crate::report::{Chart, Page};

pub(crate) static PAGE: Page = Page {
    name: super::KIND,
    title: "Durable queues side by side",
    ours: "the queue of Mainstem",
    promise: "A push returns when the message is on the medium, a receive when its lease is, an \
              acknowledgement when that is.",
    rows: &[
        ("push", "so many threads push one message at a time."),
        (
            "round trip",
            "so many producers, each of which waits until its message is acknowledged before it pushes \
             the next, and as many consumers, which take one message at a time.",
        ),
        (
            "drain",
            "one thread receives and acknowledges in batches what was pushed before.",
        ),
        (
            "reopen",
            "from the opening until the first message is received and acknowledged; SIGKILL hits a \
             process that has pushed 10,000 messages in batches of 100.",
        ),
        (
            "disk",
            "waves of 10,000 messages are pushed and then acknowledged, in batches of 1,000; the end is \
             two seconds after the last acknowledgement.",
        ),
    ],
    goals: &[],
    optional: OPTIONAL,
    charts: &[
        Chart {
            name: "push",
            title: "Durable pushes, messages per second",
            row: "push",
            units: &["messages/s"],
        },
        Chart {
            name: "round-trip",
            title: "Push, receive, acknowledge, messages per second",
            row: "round trip",
            units: &["messages/s"],
        },
    ],
};
