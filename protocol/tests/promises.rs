//! The nine promises and the tests of this crate that hold them. A promise that needs a disk, a socket or a page is
//! held by further tests elsewhere; this table names what the state machine alone can show.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;

/// Number, promise, and `file::test` for each test that would fail if it were broken.
const PROMISES: &[(u8, &str, &[&str])] = &[
    (
        1,
        "acknowledged means durable",
        &[
            "nothing_leaves_before_it_is_durable::an_award_is_neither_acknowledged_nor_served_before_its_append",
            "nothing_leaves_before_it_is_durable::a_received_segment_is_neither_confirmed_nor_passed_on_before_its_append",
            "nothing_leaves_before_it_is_durable::a_retry_is_acknowledged_only_once_the_first_try_is_durable",
        ],
    ),
    (
        2,
        "no overspend, ever",
        &[
            "arbitrary_schedules_keep_the_promises::nobody_overspends_and_all_converge",
            "awards_above_a_threshold_want_two_people::approvals_written_apart_are_one_award_and_nobody_overspends",
            "points_expire_when_a_person_says_so::nobody_overspends_when_nodes_let_points_expire_apart",
            "commands_are_judged::grants_go_to_nodes_that_will_hear_of_them",
            "restored_nodes_stay_frozen::a_restored_node_awards_but_neither_spends_nor_grants_nor_reverses",
            "hostile_peers_do_no_harm::reversals_of_nothing_of_reversals_and_a_second_time_move_no_points",
        ],
    ),
    (
        3,
        "entries are immutable, retries count once",
        &[
            "foreign_changes_are_refused::overwriting_and_deleting_cannot_be_said_whichever_bits_of_a_body_are_turned",
            "commands_are_judged::a_retry_is_already_and_a_number_is_not_used_twice",
            "commands_are_judged::a_retry_after_a_crash_is_already",
            "commands_are_judged::of_two_clerks_who_entered_one_slip_apart_each_can_take_his_back",
            "restored_nodes_stay_frozen::a_slip_entered_again_after_a_restore_counts_once_when_the_lost_one_returns",
        ],
    ),
    (
        4,
        "nobody writes outside their scope",
        &[
            "access_is_enforced::a_village_cannot_write_another_villages_ledger",
            "access_is_enforced::a_village_cannot_write_the_townships_documents",
            "access_is_enforced::a_merchant_cannot_award_nor_a_village_redeem_at_its_counter",
            "access_is_enforced::a_relay_that_alters_a_byte_is_refused_and_the_original_still_arrives",
            "access_is_enforced::other_authors_data_flows_while_one_is_quarantined",
            "forks_and_clones_are_noticed::a_peers_word_alone_sets_nobody_aside",
        ],
    ),
    (
        5,
        "nobody reads outside their scope",
        &[
            "access_is_enforced::a_node_does_not_take_what_it_may_not_read",
            "access_is_enforced::a_revoked_node_that_connects_is_shown_the_door_and_told_nothing",
            "two_replicas_reconcile::what_was_written_apart_meets_after_a_reconnect",
        ],
    ),
    (
        6,
        "convergence",
        &[
            "any_order_gives_one_state::heads_and_sums_do_not_depend_on_the_order_of_delivery",
            "any_order_gives_one_state::registers_show_the_same_facts_in_any_order",
            "many_documents_converge::both_sides_end_equal_and_know_it_and_nothing_is_sent_twice",
            "many_documents_converge::what_is_written_during_the_comparison_arrives",
            "arbitrary_schedules_keep_the_promises::nobody_overspends_and_all_converge",
        ],
    ),
    (
        7,
        "a restored, cloned or confused node poisons nobody",
        &[
            "forks_and_clones_are_noticed::a_fork_is_noticed_at_its_number_in_whatever_order_segments_come",
            "forks_and_clones_are_noticed::a_clone_is_noticed_through_the_township_and_stops_spending",
            "forks_and_clones_are_noticed::marks_that_differ_bring_the_proof_to_both_sides",
            "restored_nodes_stay_frozen::it_stays_frozen_while_a_single_lost_entry_is_missing",
            "hostile_peers_do_no_harm::an_author_who_uses_up_operation_numbers_locks_nobody_out_of_a_shared_document",
        ],
    ),
    (
        8,
        "bounded",
        &[
            "hostile_bodies_are_bounded::a_bomb_stops_at_the_cap",
            "hostile_bodies_are_bounded::two_bytes_that_spell_a_kilobyte_again_and_again_stop_at_the_cap",
            "hostile_bodies_are_bounded::counts_beyond_the_limits_are_refused_unread",
            "hostile_peers_do_no_harm::a_peer_that_names_without_end_is_cut_off",
            "hostile_peers_do_no_harm::claims_of_the_largest_numbers_overflow_nothing",
        ],
    ),
    (
        9,
        "every figure names its horizon",
        &[
            "hostile_peers_do_no_harm::claims_of_the_largest_numbers_overflow_nothing",
            "many_documents_converge::both_sides_end_equal_and_know_it_and_nothing_is_sent_twice",
        ],
    ),
];

#[test]
fn every_promise_has_tests_that_exist() {
    assert_eq!(PROMISES.iter().map(|(number, ..)| *number).collect::<Vec<_>>(), (1..=9).collect::<Vec<_>>());
    for (number, promise, tests) in PROMISES {
        assert!(!tests.is_empty(), "promise {number}, {promise}");
        for test in *tests {
            let (file, name) = test.split_once("::").unwrap();
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(file).with_extension("rs");
            let source = read(&path);
            assert!(source.contains(&format!("fn {name}(")), "promise {number}, {promise}: no test {test}");
        }
    }
}

fn read(path: &Path) -> String {
    #[allow(clippy::disallowed_methods, reason = "reads the sources of the tests, as they were built")]
    fs::read_to_string(path).unwrap()
}
