//! Streams, seen from outside; one file per behaviour.

#[cfg(test)]
mod a_failing_disk_loses_no_record;
#[cfg(test)]
mod concurrent_callers_see_one_order;
#[cfg(test)]
mod conformance;
#[cfg(test)]
mod errors_say_what_kinesis_says;
#[cfg(test)]
mod iterators_begin_where_they_should;
#[cfg(test)]
mod iterators_expire_and_survive_a_restart;
#[cfg(test)]
mod lists_come_in_pages;
#[cfg(test)]
mod model_engine;
#[cfg(test)]
#[cfg(test)]
mod put_records_fails_record_by_record;
#[cfg(test)]
mod reads_agree_with_a_list;
#[cfg(test)]
mod reads_end_at_closed_shards;
#[cfg(test)]
mod reads_stop_at_their_limits;
#[cfg(test)]
mod records_go_to_the_shard_of_their_key;
#[cfg(test)]
mod reopened_streams_settle_what_a_crash_left;
#[cfg(test)]
mod retention_hides_old_records;
#[cfg(test)]
mod streams_change_state_with_the_clock;
#[cfg(test)]
mod support;
