//! Checks of what the compiler does not see. Each check is a pure function in its own file;
//! `check` reads the tree and gives it to them.

mod arrows;
mod check;
mod defects;
mod glossary;
mod links;
mod machine_paths;
mod markdown;
mod sizes;
mod titles;
mod unsafe_list;
mod violation;

pub(crate) use check::tidy;
