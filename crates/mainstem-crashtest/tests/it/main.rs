//! What the harness finds, and that it can fail.

#[cfg(test)]
mod a_second_writer_is_told_who_is_first;
mod faults;
mod found;
#[cfg(test)]
mod kill_tells_right_from_wrong;
#[cfg(test)]
mod readers_in_the_writer_notice_a_wrong_record;
mod rot;
mod sim;
