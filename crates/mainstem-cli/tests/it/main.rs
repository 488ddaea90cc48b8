//! The command as people and scripts use it.

#[cfg(test)]
mod a_disk_is_measured;
#[cfg(test)]
mod log_without_a_server;
#[cfg(test)]
mod queue_in_a_directory;
#[cfg(test)]
mod queue_kit;
#[cfg(test)]
mod queue_wrongly_used;
