//! Streams, seen from outside; one file per behaviour.

mod conformance;
mod errors_say_what_kinesis_says;
mod iterators_begin_where_they_should;
mod iterators_expire_and_survive_a_restart;
mod lists_come_in_pages;
mod model_engine;
mod put_records_fails_record_by_record;
mod reads_end_at_closed_shards;
mod reads_stop_at_their_limits;
mod records_go_to_the_shard_of_their_key;
mod reopened_streams_settle_what_a_crash_left;
mod retention_hides_old_records;
mod streams_change_state_with_the_clock;
mod support;
