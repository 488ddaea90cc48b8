//! What the log promises, one file per promise.

#[cfg(test)]
mod a_clock_that_was_ahead_hides_nothing_of_today;
#[cfg(test)]
mod a_closed_engine_touches_nothing;
#[cfg(test)]
mod a_data_directory_has_one_engine;
#[cfg(test)]
mod a_group_of_another_life_is_no_part_of_this_one;
#[cfg(test)]
mod a_log_can_be_trimmed_by_its_owner;
#[cfg(test)]
mod a_note_of_a_close_is_believed_once;
#[cfg(test)]
mod a_time_is_looked_up_within_its_second;
#[cfg(test)]
mod an_index_with_a_hole_leaves_a_whole_one;
#[cfg(test)]
mod appends_are_numbered_and_read_back;
#[cfg(test)]
mod crash_of_the_process_and_then_of_the_machine;
#[cfg(test)]
mod crash_while_a_shard_is_removed;
#[cfg(test)]
mod cut_below_its_index_a_segment_is_read_to_its_end;
#[cfg(test)]
mod damage_stays_where_it_is;
#[cfg(test)]
mod faults_poison_only_what_they_must;
#[cfg(test)]
mod full_disk_refuses_and_recovers;
#[cfg(test)]
mod golden_files_stay_as_they_are;
#[cfg(test)]
mod groups_go_through_the_journal;
#[cfg(test)]
mod idle_shards_give_up_their_files;
#[cfg(test)]
mod invariants;
#[cfg(test)]
mod kit;
#[cfg(test)]
mod model;
#[cfg(test)]
mod one_shard_has_one_writer;
#[cfg(test)]
mod one_thread_leads_many_shards;
#[cfg(test)]
mod only_what_nobody_vouches_for_is_cut;
#[cfg(test)]
mod readers_writers_and_retention_run_together;
#[cfg(test)]
mod repair_can_be_stopped_anywhere;
#[cfg(test)]
mod repair_cuts_only_what_it_showed;
#[cfg(test)]
mod retention_keeps_to_a_clock_it_can_believe;
#[cfg(test)]
mod scrubbing_finds_rot;
#[cfg(test)]
mod waiting_appends_always_end;
#[cfg(test)]
mod wakers_and_hooks_cannot_hang_a_shard;
#[cfg(test)]
mod workload;
#[cfg(test)]
mod zeros_ahead_never_meet_data;
