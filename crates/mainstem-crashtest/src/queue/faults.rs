//! The plans of which every call is made to fail.

use super::Plan;

/// A plan that makes calls of every kind that a queue makes: files begun, deleted and carried forward
/// from, the state written down, orderly closes.
pub const EVERYTHING: &str = "77: pa10 p10d1 b3 g0.2 x0 g1.2 a1 p900 p900 t0 p900 p900 g0.9 n1 e1 A g1.9 A u \
    p900 p900w2000 p900 g0.5 g1.5 A w31000 u g2.1 a0 u r p10d1 d0 g0.3 t0 w31000 g0.9 g1.9 A u c r p5 g0.1";

/// A short plan, for when there is little time.
pub const SHORT: &str =
    "78: p10d1 b2 g0.2 t0 n1 p900 p900 p900 p900 x1 g1.9 g0.9 A u r p5d1 g0.9 A d0 g0.1 c";

/// Returns `count` plans: the short one, the one that does everything, and random ones without kills and
/// full disks. With failing calls, those would have no history that could be told apart.
///
/// # Errors
/// If one of the first two cannot be read.
pub fn plans(count: usize, steps: usize) -> Result<Vec<Plan>, String> {
    let fixed = [SHORT, EVERYTHING].iter().map(|text| text.parse());
    let random = (0..).map(|number| Ok(Plan::random(number * 4, steps)));
    fixed.chain(random).take(count).collect()
}
