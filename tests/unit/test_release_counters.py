"""No release before the highest of its name comes in, whatever was lost or upgraded."""

import pytest

from edge.model_bundles.release_counters import BY_NAME, ReleaseCounters, reconciled
from edge.model_bundles.trial import Slots

pytestmark = pytest.mark.requirement("ROL")
OLD = "a" * 64
KEPT = ReleaseCounters(station_id="sta_1", by_name={"cotton": 90, "denim": 5})


def slots(counter: int, *quarantined: str, station_id: str = "sta_1") -> Slots:
    return Slots(
        current=OLD, release_counter=counter, quarantined=quarantined, station_id=station_id
    )


def test_each_name_has_a_number_of_its_own_and_none_falls() -> None:
    counters = ReleaseCounters().verified("cotton", 90).verified("denim", 5)
    assert (counters.lowest("cotton"), counters.lowest("denim"), counters.lowest("x")) == (90, 5, 0)
    assert counters.verified("cotton", 89) is counters
    assert counters.highest == 90


def test_a_number_for_all_names_is_the_least_that_any_may_have() -> None:
    counters = ReleaseCounters(of_all=20).verified("denim", 25)
    assert (counters.lowest("cotton"), counters.lowest("denim")) == (20, 25)


def test_another_station_counts_anew_and_one_without_a_name_goes_on() -> None:
    assert KEPT.known_as("sta_1") is KEPT
    assert KEPT.known_as("") is KEPT
    assert KEPT.known_as("sta_2") == ReleaseCounters(station_id="sta_2")
    unnamed = ReleaseCounters(by_name={"cotton": 3})
    assert unnamed.known_as("sta_1").lowest("cotton") == 3


def test_what_was_kept_holds_after_a_start() -> None:
    assert reconciled(KEPT, slots(90, BY_NAME), {}) == KEPT
    # The record is lost: what was verified stays verified.
    assert reconciled(KEPT, None, {}) == KEPT


def test_the_one_number_of_an_earlier_edition_is_of_the_bundle_that_has_it() -> None:
    found = reconciled(None, slots(90), {"cotton": 90, "denim": 5})
    assert (found.lowest("cotton"), found.lowest("denim"), found.lowest("linen")) == (90, 5, 0)


def test_a_number_that_nothing_here_explains_holds_for_all_names() -> None:
    found = reconciled(None, slots(90), {"cotton": 80})
    assert (found.lowest("cotton"), found.lowest("denim")) == (90, 90)


def test_numbers_that_were_kept_and_are_lost_give_way_to_one_for_all_names() -> None:
    found = reconciled(None, slots(90, BY_NAME), {"cotton": 90, "denim": 5})
    assert (found.lowest("cotton"), found.lowest("denim")) == (90, 90)
    # So do those of another station: a cut may have left both records apart.
    strange = ReleaseCounters(station_id="sta_2", by_name={"cotton": 1})
    assert reconciled(strange, slots(90, BY_NAME), {}).lowest("denim") == 90


def test_what_an_earlier_edition_verified_meanwhile_is_taken_up() -> None:
    found = reconciled(KEPT, slots(95, BY_NAME), {"denim": 95})
    assert (found.lowest("cotton"), found.lowest("denim")) == (90, 95)
    unknown = reconciled(KEPT, slots(95, BY_NAME), {"cotton": 90})
    assert (unknown.lowest("cotton"), unknown.lowest("linen")) == (95, 95)
