//! The queue, as a program uses it.

#[cfg(test)]
mod a_directory_holds_a_queue_or_something_else;
#[cfg(test)]
mod a_message_is_delivered_until_it_is_acknowledged;
#[cfg(test)]
mod handles_answer_as_they_say;
#[cfg(test)]
mod kit;
#[cfg(test)]
mod limits_hold;
#[cfg(test)]
mod space_comes_back;
#[cfg(test)]
mod those_who_wait_are_woken;
#[cfg(test)]
mod what_was_acknowledged_survives;
