//! The operating system behind the traits.

mod clock;
mod entropy;
mod fs;
mod map;
mod volume;

pub(crate) use clock::RealClock;
pub(crate) use entropy::RealRandom;
pub(crate) use fs::RealFs;
pub(crate) use map::Mapping;
