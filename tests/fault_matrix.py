"""What goes wrong, what must hold all the same, and which tests show it.

Tiers: ``P`` with every commit (`make test` and `make faults`, reduced counts), ``N`` by
`make soak`, ``H`` on real hardware. A row that no test shows says what is ``missing``; these texts
only shrink.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultRow:
    """One fault: ``tests`` are ids as pytest takes them, relative to ``tests/``."""

    fault: str
    holds: str
    tier: str = "P"
    tests: tuple[str, ...] = ()
    missing: str = ""


_KILLS = "journeys/test_kills.py::test_whoever_is_killed_no_promised_event_is_lost_or_doubled"
_PIPELINE = (
    "journeys/test_hundred_thousand_events.py"
    "::test_two_thousand_events_arrive_once_and_in_order_whoever_is_killed"
)
_MANY_KILLS = "journeys/test_kills.py::test_fifty_kills_of_each_lose_and_double_nothing"
_NETWORK = "contract/test_bad_network.py::test_"
_LINES = (
    "journeys/test_slow_and_broken_lines.py"
    "::test_a_slow_and_then_a_half_open_line_to_the_cloud_lose_nothing"
)
_STORE = "contract/test_outbox_store.py::test_"
_SPOOL = "contract/test_spool_journal.py::test_"
_UPLINK = "contract/test_outbox_uplink.py::test_"
_SYNC = "interfaces/test_event_sync.py::test_"
_ENROL = "interfaces/test_enrolment.py::test_"
_ROTATION = "interfaces/test_certificate_rotation.py::test_"
_IDENTITY = "interfaces/test_identity_faults.py::test_"
_TRIAL = "unit/test_bundle_trial.py::test_"
_ROLLOUT = "unit/test_rollout.py::test_"
_FETCH = "contract/test_bundle_download.py::test_"
_STATION = "contract/test_bundle_trial_at_station.py::test_"
_COUNTERS = "contract/test_release_counters_at_station.py::test_"
_LIVES = "contract/test_bundle_trial_kills.py::test_"
_FLEET = "contract/test_rollouts_on_postgres.py::test_"
_WISHES = "contract/test_bundle_rollout_by_agent.py::test_"

ROWS: dict[int, FaultRow] = {
    1: FaultRow(
        fault="kill -9 of the agent",
        holds="nothing lost, nothing doubled",
        tests=(
            _PIPELINE,
            _KILLS,
            _MANY_KILLS,
            f"{_NETWORK}an_agent_killed_at_any_moment_stores_each_event_once",
        ),
    ),
    2: FaultRow(
        fault="kill -9 of a producer in the middle of a publish",
        holds="what was stored is there; the spool sends again",
        tests=(
            _PIPELINE,
            _KILLS,
            _MANY_KILLS,
            f"{_SPOOL}every_committed_event_survives_kill_9_and_pairs_stay_whole",
        ),
    ),
    3: FaultRow(
        fault="kill -9 of the broker under load",
        holds="nothing lost, whatever the broker had acknowledged",
        tests=(
            _PIPELINE,
            _KILLS,
            _MANY_KILLS,
            "contract/test_outbox_kills.py::test_the_broker_is_killed_under_load",
            "contract/test_mqtt_producer.py::test_a_broker_killed_in_the_middle_loses_nothing",
        ),
    ),
    4: FaultRow(
        fault="kill -9 of the cloud while a backlog drains",
        holds="nothing lost, nothing doubled",
        tests=(_PIPELINE, _KILLS, _MANY_KILLS),
    ),
    5: FaultRow(
        fault="kill -9 of a PostgreSQL backend and of the whole server",
        holds="the cursor is the end of the log; no acknowledgement without a commit",
        tests=(_PIPELINE, _KILLS, _MANY_KILLS),
    ),
    6: FaultRow(
        fault="power cut while SQLite writes",
        holds="no promised row lost, quick_check ok",
        tests=(
            "contract/test_power_cuts.py::test_no_promised_event_is_lost_by_a_power_cut",
            "contract/test_power_cuts.py::test_thousands_of_power_cuts_lose_nothing",
        ),
    ),
    7: FaultRow(
        fault="power cut while files are swapped",
        holds="the old one or the new one, whole",
        tests=(
            "contract/test_power_cuts.py::test_files_are_the_old_ones_or_the_new_ones_after_a_power_cut",
            "contract/test_power_cuts.py::test_thousands_of_power_cuts_lose_nothing",
        ),
    ),
    8: FaultRow(
        fault="power cut of a whole station",
        holds="boots to inspecting; nothing promised is lost",
        tier="N",
        tests=(
            "journeys/test_power_cuts_of_a_station.py"
            "::test_whenever_the_plug_is_pulled_the_station_comes_back_and_nothing_promised_is_lost",
        ),
    ),
    9: FaultRow(
        fault="real power cuts by a relay",
        holds="nothing lost, no step by hand",
        tier="H",
        missing="needs a station and a relay",
    ),
    10: FaultRow(
        fault="the disk fails a flush (EIO)",
        holds="no promise for what is not durable; an alarm; it goes on afterwards",
        tests=("contract/test_power_cuts.py::test_a_flush_that_fails_is_no_promise",),
    ),
    11: FaultRow(
        fault="the disk is full in the middle of a commit (ENOSPC)",
        holds="nothing damaged, producers keep theirs, all drains when there is room",
        tests=(
            "contract/test_power_cuts.py::test_writes_that_find_no_room_damage_nothing",
            f"{_SPOOL}a_disk_that_takes_no_more_bytes_keeps_what_was_committed",
        ),
    ),
    12: FaultRow(
        fault="another program fills the disk to the last byte",
        holds="the ballast makes room to trim and is put back",
        tests=(
            f"{_STORE}a_disk_that_is_really_full_is_recovered_by_the_ballast",
            f"{_SPOOL}a_spent_ballast_is_told_until_there_is_room_to_put_it_back",
        ),
    ),
    13: FaultRow(
        fault="a bit flips in outbox, log, picture or bundle",
        holds="noticed before it is sent or loaded; put aside, a gap on record, it goes on",
        tests=(
            f"{_STORE}a_damaged_file_is_moved_aside_and_a_new_outbox_begins",
            f"{_STORE}what_can_be_read_of_a_damaged_outbox_is_taken_over_in_order",
            f"{_UPLINK}an_event_changed_on_the_disk_is_skipped_with_a_gap",
            f"{_UPLINK}a_bit_flipped_anywhere_in_a_row_is_noticed_and_kept_for_whoever_looks",
            f"{_SPOOL}a_bit_flipped_in_a_spooled_event_is_set_aside_and_the_rest_goes_on",
            "contract/test_outbox_media.py::test_a_damaged_file_is_never_sent",
            "contract/test_outbox_packages.py::test_a_package_damaged_on_the_disk_is_fetched_again",
            f"{_STATION}a_folder_changed_after_its_check_is_not_loaded_and_is_taken_away",
            f"{_STATION}a_damaged_deciding_bundle_gives_way_to_the_one_before",
        ),
    ),
    14: FaultRow(
        fault="the outbox is deleted, or restored from an old copy",
        holds="a new epoch; the cloud keeps both",
        tests=(
            f"{_UPLINK}an_outbox_restored_from_an_old_copy_becomes_a_new_one",
            f"{_SYNC}an_event_that_comes_again_under_a_new_epoch_counts_once",
            "contract/test_mqtt_producer.py::test_a_spool_set_back_goes_on_under_a_new_name",
            f"{_IDENTITY}an_outbox_that_was_deleted_or_set_back_loses_and_doubles_nothing",
        ),
    ),
    15: FaultRow(
        fault="two clones of a station at once",
        holds="one of them is accepted; an alarm",
        tests=(
            f"{_SYNC}of_two_outboxes_with_one_certificate_the_newer_stays",
            f"{_IDENTITY}of_two_copies_of_a_station_one_is_let_in_and_it_is_told_within_ten_seconds",
            f"{_IDENTITY}two_copies_of_one_disk_are_found_out",
        ),
    ),
    16: FaultRow(
        fault="a half-open line",
        holds="noticed, resumed, nothing lost",
        tests=(
            _LINES,
            f"{_NETWORK}a_half_open_line_to_the_broker_is_noticed_and_the_old_half_thrown_out",
            f"{_UPLINK}a_cloud_that_falls_silent_is_left",
        ),
    ),
    17: FaultRow(
        fault="a slow line with jitter",
        holds="it only takes longer; how long is a figure of the benchmark uplink",
        tests=(_LINES,),
    ),
    18: FaultRow(
        fault="a line that is up three seconds and down two",
        holds="progress whenever it is up; few connects, few events sent twice",
        tests=(
            "journeys/test_slow_and_broken_lines.py::test_a_flapping_line_gets_on_whenever_it_is_up",
            "journeys/test_slow_and_broken_lines.py::test_ten_minutes_of_flapping_get_everything_across",
            f"{_NETWORK}a_line_that_is_cut_again_and_again_gets_everything_across",
        ),
    ),
    19: FaultRow(
        fault="a backlog of a week",
        holds="the present comes through while it drains; memory stays flat",
        tier="N",
        tests=("journeys/test_slow_and_broken_lines.py::test_the_present_overtakes_a_million",),
    ),
    20: FaultRow(
        fault="a slow cloud: the log is locked",
        holds="what is under way stays bounded, nothing is lost, no storm of connects",
        tests=(
            f"{_SYNC}a_log_that_is_locked_shrinks_the_credit_before_anything_is_acknowledged",
            f"{_UPLINK}never_more_is_under_way_than_the_cloud_allows",
            "journeys/test_slow_and_broken_lines.py::test_a_cloud_whose_log_is_locked_is_waited_for",
        ),
    ),
    21: FaultRow(
        fault="two hundred stations come back at once",
        holds="all are served; how soon and how evenly is the benchmark fleet_reconnect",
        tier="N",
        tests=("journeys/test_slow_and_broken_lines.py::test_a_whole_fleet_comes_back_at_once",),
    ),
    22: FaultRow(
        fault="poison: events nobody can read, unknown schemas, ten megabytes",
        holds="among the dead letters or refused; the stream goes on",
        tests=(
            f"{_SYNC}an_event_that_nobody_can_read_stops_nothing",
            "interfaces/test_fuzzed_stations.py::test_ten_thousand_wrong_frames_are_refused_with_a_code_and_write_nothing",
            f"{_UPLINK}rejected_events_are_kept_and_do_not_stop_the_stream",
            "contract/test_flooded_agent.py::test_ten_megabytes_are_refused_and_harm_nothing",
        ),
    ),
    23: FaultRow(
        fault="batches come twice, out of order, or again from the past",
        holds="rows unchanged, counted",
        tests=(
            f"{_SYNC}a_replayed_batch_changes_nothing_and_is_counted",
            f"{_SYNC}missing_events_are_asked_for",
            "contract/test_outbox_kills.py::test_a_replayed_event_is_stored_and_sent_once",
        ),
    ),
    24: FaultRow(
        fault="an acknowledgement is lost after the commit",
        holds="what is sent again is dropped by the cursor",
        tests=(f"{_UPLINK}a_lost_acknowledgement_leads_to_no_second_copy",),
    ),
    25: FaultRow(
        fault="the cloud is restored to an hour ago",
        holds="the station feeds it again from what it keeps",
        tier="N",
        tests=(
            f"{_UPLINK}a_cloud_set_back_is_fed_again_from_what_is_kept",
            f"{_UPLINK}a_cloud_set_back_too_far_gets_a_gap_and_what_is_left",
        ),
    ),
    26: FaultRow(
        fault="the clock stands at 1970, jumps, goes back",
        holds="the order is the same; TLS works from the floor of the clock; the error"
        " that is told of an event's time is true",
        tests=(
            f"{_IDENTITY}whatever_the_clock_says_order_stays_and_the_cloud_is_reached",
            f"{_SYNC}a_clock_a_day_ahead_changes_no_order",
            "unit/test_boot_clock.py::test_the_true_moment_lies_within_the_error_however_unlike_the_ways",
        ),
    ),
    27: FaultRow(
        fault="a certificate ended while the station was off",
        holds="renewed by the old key; after too long by a token",
        tests=(f"{_IDENTITY}an_agent_off_for_45_days_comes_back_alone_and_after_100_by_a_token",),
    ),
    28: FaultRow(
        fault="a crash at each step of a rotation",
        holds="always a usable pair, no event lost",
        tests=(
            f"{_IDENTITY}a_rotation_killed_at_any_point_leaves_a_pair_that_opens_the_door",
            f"{_IDENTITY}nothing_is_lost_while_the_agent_dies_and_its_certificate_is_renewed",
        ),
    ),
    29: FaultRow(
        fault="a join token used twice, late, by the wrong device, by many at once",
        holds="one certificate",
        tests=(
            f"{_ENROL}of_twenty_devices_with_one_token_one_gets_in",
            f"{_IDENTITY}of_a_hundred_devices_with_one_token_one_gets_in",
            f"{_ENROL}a_second_key_with_the_same_token_is_refused_and_on_record",
            f"{_ENROL}unknown_foreign_and_late_tokens_are_refused",
        ),
    ),
    30: FaultRow(
        fault="a station is revoked",
        holds="its stream is closed within seconds and stays closed",
        tests=(
            f"{_SYNC}a_revoked_station_is_sent_away_and_stays_out",
            f"{_IDENTITY}a_revoked_station_is_out_within_ten_seconds_and_is_given_nothing_more",
            "contract/test_outbox_enrolment.py::test_a_revoked_station_says_why_it_is_refused",
        ),
    ),
    31: FaultRow(
        fault="the authority is rolled over",
        holds="no station is shut out meanwhile",
        tier="N",
        tests=(
            "interfaces/test_authority_rollover.py::test_a_new_authority_takes_over_and_no_station_is_away_for_five_seconds",
        ),
    ),
    32: FaultRow(
        fault="a bundle's download is cut, slow, wrong",
        holds="resumed by chunk; never installed unless whole",
        tests=(
            f"{_FETCH}a_download_cut_anywhere_goes_on_with_at_most_one_chunk_again",
            f"{_FETCH}a_chunk_that_is_wrong_once_is_fetched_again",
            f"{_FETCH}a_chunk_that_is_always_wrong_is_refused",
            f"{_FETCH}a_bundle_that_ends_too_early_is_refused",
            f"{_FETCH}silence_and_a_byte_now_and_then_end_an_attempt",
            f"{_FETCH}a_list_of_files_that_cannot_be_is_refused",
            f"{_FETCH}too_little_room_is_said_before_anything_is_fetched",
        ),
    ),
    33: FaultRow(
        fault="a bundle signed wrongly, stripped, enlarged, leading outside its folder",
        holds="refused with its reason; the old one runs",
        tests=(
            f"{_FETCH}no_signature_or_one_by_a_stranger_is_refused",
            f"{_FETCH}a_retired_key_signs_no_more",
            f"{_FETCH}two_signatures_are_needed_where_two_are_asked_for",
            f"{_FETCH}what_has_expired_is_not_installed",
            f"{_FETCH}a_stripped_or_an_added_file_is_refused",
            f"{_FETCH}a_name_that_leads_elsewhere_is_refused",
            f"{_FETCH}a_link_planted_in_an_installed_bundle_is_found",
            f"{_WISHES}a_refused_bundle_is_reported_with_its_reason_and_fetched_once",
        ),
    ),
    34: FaultRow(
        fault="downgrade, freeze, mix and match",
        holds="refused and told",
        tests=(
            f"{_TRIAL}an_older_release_is_refused_unless_it_is_allowed_by_name",
            f"{_STATION}an_older_release_is_refused_unless_the_newer_one_allows_it_by_name",
            f"{_COUNTERS}no_lost_file_lets_an_older_release_in",
            f"{_COUNTERS}without_any_numbers_by_name_the_highest_holds_for_all",
            f"{_FETCH}what_has_expired_is_not_installed",
            f"{_FETCH}files_of_two_bundles_are_no_bundle",
            f"{_FETCH}a_file_changed_together_with_its_manifest_is_refused",
            f"{_FETCH}trusted_keys_change_hands_only_by_those_trusted_before",
            f"{_FETCH}keys_that_may_be_outdated_install_nothing",
            f"{_FETCH}an_older_word_on_the_newest_keys_and_a_forged_one_are_refused",
        ),
    ),
    35: FaultRow(
        fault="killed in every state of a rollout",
        holds="ends in committed or rolled back",
        tests=(
            f"{_TRIAL}whatever_happens_one_whole_bundle_decides_and_the_way_ends",
            f"{_LIVES}a_good_bundle_is_committed_whenever_the_station_is_killed",
            f"{_LIVES}a_bad_bundle_is_taken_back_whenever_the_station_is_killed",
        ),
    ),
    36: FaultRow(
        fault="bad bundles: crashing, greedy, slow, not a number, all-reject, all-pass",
        holds="never decide a garment, or are rolled back in their trial",
        tests=(
            f"{_TRIAL}an_all_rejecting_bundle_never_decides_a_garment",
            f"{_STATION}a_bad_network_fails_in_its_own_process",
            f"{_STATION}whatever_ends_the_child_fails_the_bundle",
            f"{_STATION}a_station_lives_through_a_bundle_that_kills_its_child",
            f"{_STATION}a_network_that_fails_on_trial_loses_no_garment",
            f"{_STATION}an_all_rejecting_bundle_decides_no_garment",
            f"{_STATION}an_all_rejecting_bundle_that_skipped_the_shadow_is_taken_back",
            f"{_STATION}an_all_passing_bundle_is_found_by_what_the_old_one_rejects",
            f"{_STATION}an_all_passing_bundle_on_trial_is_taken_back_when_people_overrule_it",
            f"{_FLEET}three_points_more_rejects_halt_the_canary_and_everybody_goes_back",
        ),
    ),
    37: FaultRow(
        fault="a good bundle is tried two hundred times",
        holds="rarely halted; the benchmark rollout_simulation says how rarely",
        tier="N",
        tests=("unit/test_rollout_standing.py::test_of_two_hundred_equal_bundles_few_are_halted",),
    ),
    38: FaultRow(
        fault="a station falls silent during a wave",
        holds="counts as failed at its deadline; the rollout does not hang",
        tests=(
            f"{_ROLLOUT}who_is_there_and_silent_past_the_deadline_has_failed_and_who_is_away_has_not",
            f"{_FLEET}a_station_that_is_there_and_silent_at_its_deadline_has_failed",
            f"{_FLEET}a_station_that_is_away_is_not_judged_and_gets_its_time_when_it_is_back",
        ),
    ),
    39: FaultRow(
        fault="the report after a commit is lost",
        holds="no rollback; told later",
        tests=(
            f"{_WISHES}a_wished_bundle_is_fetched_tried_and_reported_committed",
            f"{_FLEET}a_report_that_comes_late_counts_and_an_older_one_does_not",
        ),
    ),
    40: FaultRow(
        fault="three quick restarts outside a rollout",
        holds="still the committed bundle",
        tests=(
            f"{_TRIAL}the_second_restart_ends_a_trial_and_restarts_elsewhere_end_nothing",
            f"{_STATION}power_cycles_outside_a_rollout_change_nothing",
        ),
    ),
    41: FaultRow(
        fault="pictures fill their bound and a rollback is needed",
        holds="the rollback works",
        tests=(
            f"{_STATION}going_back_needs_no_room",
            f"{_STATION}going_back_does_not_wait_for_a_disk_that_takes_nothing",
        ),
    ),
    42: FaultRow(
        fault="a flood of thirty thousand messages a second",
        holds="memory stays bounded; the station's own events get through",
        tests=(
            "contract/test_flooded_agent.py::test_a_flood_neither_fills_the_memory_nor_drowns_events",
        ),
    ),
    43: FaultRow(
        fault="a newer aiomqtt, grpcio or protobuf",
        holds="rows 1 to 6 hold",
        tier="N",
        missing="versions are pinned in constraints.txt; whoever raises one runs make faults",
    ),
    44: FaultRow(
        fault="station and cloud some versions apart",
        holds="everything above holds",
        tier="N",
        tests=(
            f"{_SYNC}what_a_later_station_says_more_is_passed_over",
            "architecture/test_wire_contract_is_clean_and_only_grows.py"
            "::test_nothing_that_was_released_changes_its_meaning",
        ),
        missing="suites against an older release: there is one released version so far",
    ),
}
