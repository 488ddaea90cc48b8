//! The operating system behind the traits.

mod clock;
mod entropy;
mod fs;
mod limits;
mod map;
mod volume;

pub(crate) use clock::RealClock;
pub(crate) use entropy::RealRandom;
pub(crate) use fs::RealFs;
pub use limits::raise_open_files_limit;
pub(crate) use map::Mapping;
