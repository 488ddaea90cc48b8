//! The queue, as a program uses it.

mod a_message_is_delivered_until_it_is_acknowledged;
mod kit;
mod what_was_acknowledged_survives;
