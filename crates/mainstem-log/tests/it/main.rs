//! What the log promises, one file per promise.

#[cfg(test)]
mod appends_are_numbered_and_read_back;
#[cfg(test)]
mod kit;
