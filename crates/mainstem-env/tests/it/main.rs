//! The behaviours of the real and the simulated world, one file each.

#[cfg(test)]
mod disk_space_is_finite;
#[cfg(test)]
mod failed_sync_is_final;
#[cfg(test)]
mod faults_strike_when_ordered;
#[cfg(test)]
mod names_last_once_their_directory_is_synced;
#[cfg(test)]
mod power_loss_finds_planted_bugs;
#[cfg(test)]
mod power_loss_keeps_what_was_synced;
#[cfg(test)]
mod published_bytes_are_guarded;
#[cfg(test)]
mod real_files_do_what_the_traits_say;
#[cfg(test)]
mod same_seed_makes_the_same_world;
#[cfg(test)]
mod simulated_files_behave_like_files;
