//! The commit core, the budget and the durable mark under every interleaving of a few threads.
//!
//! `cargo xtask loom` runs them; without `--cfg mainstem_loom` there is nothing here.

#![cfg(mainstem_loom)]

use mainstem_log::models;

#[test]
fn two_blocking_appends() {
    models::two_blocking_appends();
}

#[test]
fn the_lead_is_handed_over() {
    models::the_lead_is_handed_over();
}

#[test]
fn a_blocking_and_an_asynchronous_append() {
    models::a_blocking_and_an_asynchronous_append();
}

#[test]
fn a_failed_commit_wakes_everyone() {
    models::a_failed_commit_wakes_everyone();
}

#[test]
fn a_refused_commit_leaves_no_gap() {
    models::a_refused_commit_leaves_no_gap();
}

#[test]
fn closing_settles_what_was_taken() {
    models::closing_settles_what_was_taken();
}

#[test]
fn no_wake_up_of_a_follower_is_lost() {
    models::no_wake_up_of_a_follower_is_lost();
}

#[test]
fn a_follower_is_told_of_the_end() {
    models::a_follower_is_told_of_the_end();
}

#[test]
fn room_that_is_given_back_is_found() {
    models::room_that_is_given_back_is_found();
}

#[test]
fn a_full_budget_is_shared() {
    models::a_full_budget_is_shared();
}
