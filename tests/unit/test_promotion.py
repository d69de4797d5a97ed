"""The gate lets through what is shown to be better, and says why it lets nothing else through."""

from dataclasses import replace

import numpy as np
import pytest

from cloud.learning.promotion import (
    FEWEST_PICTURES,
    Answers,
    Refusal,
    Truth,
    chance_of_losing,
    difference_score,
    weigh_candidate,
)

pytestmark = pytest.mark.requirement("GAT")
COUNT = 1000
FLAWED = np.arange(COUNT) % 2 == 0


def truth_of(count: int = COUNT) -> Truth:
    place = np.arange(count)
    return Truth(
        flawed=place % 2 == 0,
        corrected=place % 5 == 1,
        kind_known=(place % 2 == 0) & (place % 10 != 0),
        new_kind=place % 10 == 0,
    )


def answers_of(wrong: slice, count: int = COUNT, unnamed: int = 100) -> Answers:
    """A network that is wrong on some pictures and right on all others."""
    flawed = np.arange(count) % 2 == 0
    alarmed = flawed.copy()
    alarmed[wrong] = ~alarmed[wrong]
    spread = np.random.default_rng(3).random(count)
    return Answers(
        scores=alarmed + 0.5 * spread,
        alarmed=alarmed,
        kind_right=np.arange(count) >= unnamed,
    )


def test_a_network_that_is_surely_better_is_promoted() -> None:
    found = weigh_candidate(truth_of(), answers_of(slice(0, 100)), answers_of(slice(0, 50)))
    assert found.promoted
    assert (found.won_count, found.lost_count) == (50, 0)
    assert found.figures["accuracy"].gain_ratio == pytest.approx(0.05)


def test_the_same_network_is_not_promoted() -> None:
    answers = answers_of(slice(0, 100))
    assert Refusal.NOT_BETTER in weigh_candidate(truth_of(), answers, answers).refusals


def test_a_gain_that_chance_may_have_made_is_not_enough() -> None:
    before, after = answers_of(slice(0, 60)), answers_of(slice(58, 116))
    found = weigh_candidate(truth_of(), before, after)
    assert Refusal.NOT_BETTER not in found.refusals
    assert Refusal.GAIN_NOT_SHOWN in found.refusals


@pytest.mark.parametrize(
    ("count", "refusal"),
    [(FEWEST_PICTURES - 1, Refusal.TOO_FEW_PICTURES), (0, Refusal.TOO_FEW_PICTURES)],
)
def test_too_few_pictures_prove_nothing(count: int, refusal: Refusal) -> None:
    found = weigh_candidate(
        truth_of(count), answers_of(slice(0, 100), count), answers_of(slice(0, 0), count)
    )
    assert found.refusals == (refusal,)


def test_pictures_of_one_class_prove_nothing() -> None:
    truth = replace(truth_of(), flawed=np.ones(COUNT, bool))
    found = weigh_candidate(truth, answers_of(slice(0, 100)), answers_of(slice(0, 0)))
    assert found.refusals == (Refusal.ONE_CLASS_ONLY,)


def test_an_old_set_of_one_class_proves_nothing() -> None:
    truth = replace(truth_of(), corrected=~FLAWED)
    found = weigh_candidate(truth, answers_of(slice(0, 100)), answers_of(slice(0, 0)))
    assert found.refusals == (Refusal.ONE_CLASS_ONLY,)


def test_scores_that_are_no_numbers_are_refused() -> None:
    after = answers_of(slice(0, 0))
    after.scores[7] = np.nan
    found = weigh_candidate(truth_of(), answers_of(slice(0, 100)), after)
    assert found.refusals == (Refusal.SCORES_INVALID,)


def test_who_forgets_the_old_styles_is_refused_however_good_on_the_corrected_ones() -> None:
    after = answers_of(slice(0, 0))
    old = ~truth_of().corrected
    after.scores[old] = np.roll(after.scores, 1)[old]
    found = weigh_candidate(truth_of(), answers_of(slice(0, 100)), after)
    assert Refusal.FORGETS_OLD_STYLES in found.refusals


def test_who_forgets_the_names_of_kinds_is_refused() -> None:
    before, after = answers_of(slice(0, 100)), answers_of(slice(0, 0), unnamed=130)
    assert weigh_candidate(truth_of(), before, after).refusals == (Refusal.FORGETS_KINDS,)


def test_who_alarms_more_good_pictures_is_refused() -> None:
    before, after = answers_of(slice(0, 100)), answers_of(slice(0, 0))
    before.alarmed[~FLAWED] = False
    after.alarmed[1:40:2] = True
    found = weigh_candidate(truth_of(), before, after)
    assert Refusal.OVERKILL_UP in found.refusals


@pytest.mark.parametrize("new", [False, True])
def test_who_lets_flaws_escape_at_the_same_overkill_is_refused(new: bool) -> None:
    before, after, truth = answers_of(slice(0, 0)), answers_of(slice(0, 0)), truth_of()
    missed = np.flatnonzero(truth.new_kind if new else truth.kind_known)[:20]
    after.scores[missed] = 0.0
    expected = Refusal.ESCAPE_UP_NEW_KINDS if new else Refusal.ESCAPE_UP_KNOWN_KINDS
    assert expected in weigh_candidate(truth, before, after).refusals


def test_the_score_of_a_difference_is_that_of_mcnemar_where_none_is_expected() -> None:
    assert difference_score(30, 14, 400, 0.0) == pytest.approx(16 / np.sqrt(44))


@pytest.mark.parametrize("difference", [-0.1, -0.01, 0.0, 0.01, 0.1])
def test_the_score_of_a_difference_turns_its_sign_with_the_sides(difference: float) -> None:
    one, other = (difference_score(9, 4, 200, difference), difference_score(4, 9, 200, -difference))
    assert one == pytest.approx(-other)


def test_a_difference_scores_the_lower_the_more_is_claimed() -> None:
    scores = [difference_score(9, 4, 200, float(claim)) for claim in np.linspace(-0.2, 0.2, 41)]
    assert scores == sorted(scores, reverse=True)


def test_no_disagreement_is_surely_not_worse_only_when_many_were_asked() -> None:
    few, many = (difference_score(0, 0, count, -0.01) for count in (100, 1000))
    assert few < 1.645 < many


def test_the_chance_of_losing_is_that_of_a_coin() -> None:
    assert chance_of_losing(0, 5) == pytest.approx(1 / 32)
    assert chance_of_losing(0, 0) == 1.0
    assert chance_of_losing(5, 0) == 1.0


@pytest.mark.parametrize("doubtful", [0.2, 0.21])
def test_words_that_point_where_nothing_is_promote_nothing(doubtful: float) -> None:
    before, after = answers_of(slice(0, 100)), answers_of(slice(0, 50))
    found = weigh_candidate(truth_of(), before, after, doubtful)
    assert found.refusals == ((Refusal.WORDS_DOUBTFUL,) if doubtful > 0.2 else ())
