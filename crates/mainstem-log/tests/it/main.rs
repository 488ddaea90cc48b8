//! What the log promises, one file per promise.

#[cfg(test)]
mod appends_are_numbered_and_read_back;
#[cfg(test)]
mod kit;
#[cfg(test)]
mod repair_cuts_only_what_it_showed;
#[cfg(test)]
mod scrubbing_finds_rot;
#[cfg(test)]
mod zeros_ahead_never_meet_data;
