//! What the harness finds, and that it can fail.

#[cfg(test)]
mod a_second_writer_is_told_who_is_first;
#[cfg(test)]
mod defects;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod found;
#[cfg(test)]
mod history;
#[cfg(test)]
mod kill_tells_right_from_wrong;
#[cfg(test)]
mod queue;
#[cfg(test)]
mod readers_in_the_writer_notice_a_wrong_record;
#[cfg(test)]
mod rot;
#[cfg(test)]
mod sim;
mod streams;
