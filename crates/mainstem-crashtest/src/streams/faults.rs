//! The plans of which every call is made to fail.

use super::Plan;

/// A plan that makes calls of every kind that streams make: creation and deletion, rolls, retention,
/// idle files closed and opened, an orderly close.
pub const EVERYTHING: &str = "77: A+2 p100 A.p900 A&p10,q20,r30,s40 B+1 p100 B.q900 B.r900 B.s900 B.t900 \
    A! A=48 p3600000 m A.p900 A.t900 A=24 p31000 m r A.p200 p90000000 m B- p100 m B+2 p100 B.p9 A- p150 \
    C+1 c r p100 C.p5 A.q1 m";

/// A short plan, for when there is little time.
pub const SHORT: &str =
    "78: A+1 p100 A.p900 A&p10,q20 A=25 B+1 A.p900 p100 B.p9 A- p100 m A+1 r p100 A.q5";

/// Returns `count` plans: the short one, the one that does everything, and random ones without kills,
/// full disks, and a clock that jumps or ticks. With failing calls, those would have no history that could
/// be told apart.
///
/// # Errors
/// If one of the first two cannot be read.
pub fn plans(count: usize, steps: usize) -> Result<Vec<Plan>, String> {
    let fixed = [SHORT, EVERYTHING].iter().map(|text| text.parse());
    let seeds = (0..)
        .map(|number| number * 4)
        .filter(|seed| matches!(seed % 16, 0 | 4));
    let random = seeds.map(|seed| Ok(Plan::random(seed, steps)));
    fixed.chain(random).take(count).collect()
}
