"""What people at the kiosk see of a bundle on trial, and say about it."""

from types import SimpleNamespace

import pytest

from edge.infrastructure.bundle_notices import BundleNotices
from edge.interfaces.kiosk.view import state_json
from edge.model_bundles.trial import OWN_RULES, Slots, Tally, Trial, TrialState
from edge.station.bundle_line import BundleLine
from edge.station.errors import BadgeMissingError, NothingToDisputeError
from tests.fakes.workstation import Clock, Stand

pytestmark = pytest.mark.requirement("ROL", "KSK")
ON_TRIAL = BundleLine(
    deciding="cotton@3", state="TRIAL", candidate="cotton@3", garments_count=4, asked_count=20
)


async def judged(stand: Stand, piece: int = 3) -> Stand:
    await stand.begun(piece)
    await stand.station.act("finish")
    await stand.settled()
    return stand


@pytest.fixture
async def stand():
    stand = await Stand().ready()
    stand.said = []
    stand.station.overrule = lambda: stand.said.append(1)
    stand.station.bundle_line = ON_TRIAL
    return stand


async def test_a_trials_verdict_may_be_overruled_once_and_stands(stand) -> None:
    await judged(stand)
    assert state_json(stand.station, language="ko", unsent=0)["disputable"]
    facts = list(stand.types())
    await stand.station.act("dispute")
    assert stand.said == [1]
    assert (stand.station.state.phase, stand.types()) == ("verdict", facts)
    assert not state_json(stand.station, language="ko", unsent=0)["disputable"]
    with pytest.raises(NothingToDisputeError):
        await stand.station.act("dispute")
    assert stand.said == [1]


async def test_nothing_is_overruled_without_a_trial_a_verdict_or_a_person(stand) -> None:
    with pytest.raises(BadgeMissingError):
        await stand.station.act("dispute")
    await stand.begun()
    with pytest.raises(NothingToDisputeError):
        await stand.station.act("dispute")
    stand.station.bundle_line = BundleLine(deciding="base@2")
    await stand.station.act("finish")
    await stand.settled()
    with pytest.raises(NothingToDisputeError):
        await stand.station.act("dispute")
    assert stand.said == []


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (BundleLine(deciding="base@2"), {"ko": "검사 모델 base@2", "en": "Model base@2"}),
        (
            ON_TRIAL,
            {"ko": "검사 모델 cotton@3 시험 중 4/20", "en": "Model cotton@3 on trial 4/20"},
        ),
        (None, None),
    ],
)
async def test_one_quiet_line_says_what_judges(stand, line, words) -> None:
    stand.station.bundle_line = line
    assert state_json(stand.station, language="ko", unsent=0)["bundle"] == words


def bench_at(state: TrialState, reason: str = ""):
    """A bench whose candidate is in ``state``."""
    trial = Trial(
        digest="b" * 64,
        release_counter=3,
        generation=1,
        rollout_id="rol_1",
        state=state,
        rules=OWN_RULES,
        tally=Tally(since=Clock().now(), garments=4),
        reason=reason,
    )
    old = SimpleNamespace(bundle=SimpleNamespace(label="base@2"))
    new = SimpleNamespace(bundle=SimpleNamespace(label="cotton@3"))
    return SimpleNamespace(
        slots=Slots(current="a" * 64, trial=trial),
        deciding=new if state is TrialState.TRIAL else old,
        beside=lambda: new if state is TrialState.SHADOW else None,
        on_trial=lambda: new if state is TrialState.TRIAL else None,
    )


async def test_a_bundle_that_was_taken_back_raises_an_alarm_until_the_next_comes() -> None:
    stand = await Stand().ready()
    bench = bench_at(TrialState.TRIAL)
    notices = BundleNotices(bench, stand.station)
    await notices.look()
    assert stand.station.bundle_line == ON_TRIAL
    bench.slots = bench_at(TrialState.ROLLED_BACK, "REJECTS_RISEN").slots
    await notices.look()
    (alarm,) = [one for one in stand.station.alarms.standing() if one.code.startswith("bundle")]
    assert (alarm.code, alarm.detail) == ("bundle_rolled_back", "REJECTS_RISEN")
    assert stand.station.bundle_line.state == ""
    bench.slots = bench_at(TrialState.SHADOW).slots
    await notices.look()
    assert "bundle_rolled_back" not in stand.station.alarms.codes()
    bench.slots = bench_at(TrialState.ROLLED_BACK, "SUPERSEDED").slots
    await notices.look()
    assert "bundle_rolled_back" not in stand.station.alarms.codes()
