"""Releases are counted by name at a station, whatever is lost: the fault matrix's row 34."""

from dataclasses import replace
from pathlib import Path

import pytest

from edge.composition import compose_inspection
from edge.infrastructure import counters_file, slots_file
from edge.inspection.standard import DefectStandard, InspectionStandard
from edge.inspection.style_bank import StyleBank
from edge.inspection.teaching import Lesson
from edge.model_bundles.release_counters import BY_NAME
from edge.settings import EdgeSettings
from tests.fakes.desk import Cloths
from tests.fakes.releases import digest_of, make_bundle
from tests.fakes.trial_stand import STYLE, TrialStand

pytestmark = [
    pytest.mark.requirement("ROL"),
    pytest.mark.faults,
    pytest.mark.timeout(180),
]


@pytest.fixture(scope="module")
def cloths() -> Cloths:
    return Cloths()


@pytest.fixture(scope="module")
def bank(cloths) -> bytes:
    pipeline = compose_inspection(EdgeSettings())
    lesson = Lesson(style=STYLE, few=True)
    return pipeline.learn(lesson, [cloths.good() for _ in range(5)]).to_bytes()


@pytest.fixture(scope="module")
def calm(cloths, bank):
    """A garment that the base bundle passes."""
    pipeline = compose_inspection(EdgeSettings())
    stand_in = [cloths.good() for _ in range(6)]
    standard = InspectionStandard(
        style=STYLE,
        spec_version="1",
        points=(),
        stitches=(),
        defects=DefectStandard(minor_below_mm2=4.0, major_from_mm2=25.0),
        checks=frozenset({"defects"}),
    )
    known = StyleBank.from_bytes(bank)
    return next(f for f in stand_in if not pipeline.inspect(f, standard, known).findings)


@pytest.fixture
def stand(tmp_path: Path, bank):
    made = TrialStand(tmp_path / "home", bank)
    yield made
    made.close()


async def committed(stand, calm, folder: Path, generation: int, **terms) -> str:
    one = make_bundle(folder / f"{generation}", version=f"{generation}.0.0", **terms)
    stand.offered(one, generation)
    for _ in range(5):
        await stand.judge(calm)
    return stand.state if stand.state == "COMMITTED" else stand.reason


async def test_each_name_of_a_bundle_has_releases_of_its_own(stand, tmp_path, calm) -> None:
    assert await committed(stand, calm, tmp_path, 1, release_counter=90) == "COMMITTED"
    assert await committed(stand, calm, tmp_path, 2, name="denim", release_counter=2) == "COMMITTED"
    assert await committed(stand, calm, tmp_path, 3, release_counter=89) == "RELEASE_OLDER"
    again = stand.again()
    older = await committed(again, calm, tmp_path, 4, name="denim", release_counter=1)
    assert older == "RELEASE_OLDER"
    assert await committed(again, calm, tmp_path, 5, release_counter=91) == "COMMITTED"
    again.close()


@pytest.mark.parametrize("lost", [("counters",), ("counters.bak",), ("slots",)])
@pytest.mark.parametrize("how", ["gone", "torn"])
async def test_no_lost_file_lets_an_older_release_in(stand, tmp_path, calm, lost, how) -> None:
    assert await committed(stand, calm, tmp_path, 1, release_counter=90) == "COMMITTED"
    assert await committed(stand, calm, tmp_path, 2, name="denim", release_counter=5) == "COMMITTED"
    damage(stand, lost, how)
    again = stand.again()
    assert await committed(again, calm, tmp_path, 3, release_counter=89) == "RELEASE_OLDER"
    older = await committed(again, calm, tmp_path, 4, name="denim", release_counter=4)
    assert older == "RELEASE_OLDER"
    newer = await committed(again, calm, tmp_path, 5, name="denim", release_counter=6)
    assert newer == "COMMITTED"
    again.close()


@pytest.mark.parametrize("how", ["gone", "torn"])
async def test_without_any_numbers_by_name_the_highest_holds_for_all(
    stand, tmp_path, calm, how
) -> None:
    assert await committed(stand, calm, tmp_path, 1, release_counter=90) == "COMMITTED"
    assert await committed(stand, calm, tmp_path, 2, name="denim", release_counter=5) == "COMMITTED"
    damage(stand, ("counters", "counters.bak"), how)
    again = stand.again()
    for generation, name in ((3, "denim"), (4, "linen")):
        refused = await committed(again, calm, tmp_path, generation, name=name, release_counter=89)
        assert refused == "RELEASE_OLDER"
    third = again.again()
    assert (
        await committed(third, calm, tmp_path, 5, name="linen", release_counter=90) == "COMMITTED"
    )
    third.close()


def damage(stand, names, how: str) -> None:
    for name in names:
        file = stand.files.folder / name
        assert file.exists()
        file.unlink() if how == "gone" else file.write_bytes(b"torn")


async def test_a_station_of_the_edition_before_keeps_its_number_for_the_name_that_it_is_of(
    stand, tmp_path, calm
) -> None:
    assert await committed(stand, calm, tmp_path, 1, release_counter=90) == "COMMITTED"
    # As that edition left it: one number, and no word of names.
    as_before(stand)
    again = stand.again()
    assert await committed(again, calm, tmp_path, 2, release_counter=89) == "RELEASE_OLDER"
    newcomer = await committed(again, calm, tmp_path, 3, name="denim", release_counter=1)
    assert newcomer == "COMMITTED"
    again.close()


async def test_a_number_that_no_bundle_here_explains_holds_for_all(stand, tmp_path, calm) -> None:
    as_before(stand, release_counter=90)
    again = stand.again()
    for generation, name in ((1, "cotton"), (2, "denim")):
        refused = await committed(again, calm, tmp_path, generation, name=name, release_counter=89)
        assert refused == "RELEASE_OLDER"
    again.close()


def as_before(stand, **more) -> None:
    file = slots_file.SlotsFile(stand.files.folder / "slots")
    slots = file.load()
    assert BY_NAME in slots.quarantined
    kept = tuple(one for one in slots.quarantined if one != BY_NAME)
    file.keep(replace(slots, quarantined=kept, **more))
    for name in ("counters", "counters.bak"):
        (stand.files.folder / name).unlink(missing_ok=True)


async def test_a_number_that_cannot_be_written_verifies_nothing(
    stand, tmp_path, calm, monkeypatch
) -> None:
    bundle = make_bundle(tmp_path / "one", release_counter=3)
    stand.wish(digest_of(bundle))
    stand.arrive(bundle)

    def full(path, content, mode=0o644):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(counters_file, "write_durably", full)
    with pytest.raises(OSError, match="No space"):
        stand.settle()
    assert stand.state == "DOWNLOADING"
    monkeypatch.undo()
    stand.settle()
    assert stand.state == "SHADOW"
