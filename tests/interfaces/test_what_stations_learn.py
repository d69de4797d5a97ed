"""What people teach at one station reaches the others, and nothing that is wrong does."""

import asyncio
import hashlib
import json
import struct
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from ulid import ULID

from cloud.infrastructure.embedded.postgres import DatabaseUrls
from cloud.inspection.errors import CorrectionInvalidError
from cloud.learning.errors import BankUnknownError, BankWithdrawnError, WithdrawalInvalidError
from cloud.learning.queries import ListCalibrations, ListNamedKinds, ListTaughtBanks
from edge.inspection.prototypes import Prototypes
from tests.fakes.core import OTHER, context_of
from tests.fakes.learning_floor import (
    BUNDLE,
    HOLE,
    LEAD,
    Factory,
    bank_of,
    calibrated,
    factory_over,
    naming,
    numbers,
    taught,
)

pytestmark = [pytest.mark.requirement("DEF", "SYN"), pytest.mark.timeout(90)]


@pytest.fixture
async def factory(database: DatabaseUrls, tmp_path: Path) -> AsyncIterator[Factory]:
    async with factory_over(database, tmp_path) as opened:
        yield opened


async def test_a_kind_named_at_two_stations_at_once_is_known_at_every_station(
    factory: Factory,
) -> None:
    found = [await factory.found(n, at=n % 2) for n in range(4)]
    await factory.settled()
    assert await factory.kinds(1) == []
    await asyncio.gather(
        factory.say(naming(found[0], "작은 구멍"), naming(found[2], "작은 구멍", 1)),
        factory.say(naming(found[1], "작은 구멍"), naming(found[3], "stain", 1), at=1),
    )
    await factory.settled()
    assert await factory.kinds(0) == await factory.kinds(1) == [("작은 구멍",)]
    package = await factory.package(0)
    assert package.learned_kinds.own_count == 2
    (kinds,) = package.learned_kinds.prototypes
    assert Prototypes.from_bytes(kinds).bundle_digest == BUNDLE
    told = Prototypes.from_bytes(kinds).name(np.frombuffer(numbers(shake=99), "<f4"))
    assert told.kind == "작은 구멍"
    assert await factory.kinds(2) == []
    assert await factory.floors[0].disputes() == []


async def test_the_newest_word_on_a_finding_counts_and_one_taken_back_does_not(
    factory: Factory,
) -> None:
    found = [await factory.found(n) for n in range(4)]
    await factory.say(*(naming(one, "hole", n) for n, one in enumerate(found)))
    await factory.settled()
    assert await factory.kinds(1) == [("hole",)]
    await factory.say(naming(found[0], "stain", 10), naming(found[0], "hole", 9))
    await factory.settled()
    assert await factory.kinds(1) == [("hole",)]
    await factory.say(naming(found[1], "", 11))
    await factory.settled()
    assert await factory.kinds(1) == [()]
    await factory.say(naming(found[1], "hole", 12))
    await factory.settled()
    assert await factory.kinds(1) == [("hole",)]
    assert (await factory.package(0)).learned_kinds.own_count == 8


async def test_a_naming_told_twice_is_kept_once(factory: Factory) -> None:
    found = await factory.found(0)
    told = naming(found, "hole")
    await factory.say(told)
    await factory.settled()
    await factory.floors[0].say(told, outbox_id="outbox-restored")
    await factory.settled()
    assert len(await factory.world.rows("SELECT 1 FROM flaw_namings")) == 1
    assert await factory.floors[0].disputes() == []


WRONG = (
    ({"finding_index": 1}, "FINDING_UNKNOWN"),
    ({"finding_index": 2**32 - 1}, "FINDING_UNKNOWN"),
    ({"inspection_id": f"ins_{ULID()}"}, "FINDING_UNKNOWN"),
    ({"description": b"\0" * 191}, "NAMING_INVALID"),
    ({"description": b""}, "NAMING_INVALID"),
    ({"description": b"\0" * 4 * 129}, "NAMING_INVALID"),
    ({"description": struct.pack("<f", float("nan")) * 48}, "NAMING_INVALID"),
    ({"bundle_digest": "cd" * 32}, "NAMING_INVALID"),
    ({"kind": "unknown_anomaly"}, "NAMING_INVALID"),
    ({"kind": "<b>hole</b>"}, "NAMING_INVALID"),
    ({"kind": "x" * 41}, "NAMING_INVALID"),
)


async def test_a_naming_that_cannot_be_is_put_before_a_person_and_teaches_nothing(
    factory: Factory,
) -> None:
    found = [await factory.found(n) for n in range(4)]
    await factory.say(*(naming(one, "hole", n) for n, one in enumerate(found[:3])))
    await factory.settled()
    before = (await factory.package(1)).learned_kinds
    await factory.say(
        *(naming(**{"inspection_id": found[3], "kind": "hole", **wrong}) for wrong, _ in WRONG)
    )
    await factory.settled()
    disputed = await factory.floors[0].disputes()
    assert disputed == [("flaw_named", code) for _, code in reversed(WRONG)]
    assert (await factory.package(1)).learned_kinds == before


async def test_a_description_of_another_length_than_the_others_is_left_out(
    factory: Factory,
) -> None:
    found = [await factory.found(n) for n in range(4)]
    await factory.say(*(naming(one, "hole", n) for n, one in enumerate(found[:3])))
    await factory.say(naming(found[3], "hole", 9, description=numbers(HOLE[:7])))
    await factory.settled()
    (kinds,) = (await factory.package(1)).learned_kinds.prototypes
    assert Prototypes.from_bytes(kinds).means.shape == (1, 48)


async def test_another_organizations_station_names_nothing_here(factory: Factory) -> None:
    found = [await factory.found(n) for n in range(3)]
    await factory.settled()
    await factory.say(*(naming(one, "hole", n) for n, one in enumerate(found)), at=2)
    await factory.settled()
    assert await factory.kinds(0) == await factory.kinds(2) == []
    assert await factory.world.rows("SELECT 1 FROM flaw_namings") == []


async def test_the_newest_bank_of_a_style_reaches_every_station_until_it_is_withdrawn(
    factory: Factory,
) -> None:
    first, second = bank_of(pieces=14), bank_of(pieces=20)
    told = taught(second, 10)
    await factory.say(told)
    await factory.say(taught(first, 5), at=1)
    await factory.settled()
    assert [await factory.bank(n) for n in range(2)] == [(second, [])] * 2
    assert await factory.bank(2) == (b"", [])
    newest, older = await factory.world.core.bus.ask(ListTaughtBanks(), LEAD)
    assert (newest.style, newest.station_name, newest.piece_count) == ("demo-bodice", "CUT-01", 20)
    assert (newest.taught_by, newest.in_use, older.in_use) == ("lead@demo.example", True, False)
    assert newest.size_bytes == len(second)
    with pytest.raises(WithdrawalInvalidError):
        await factory.withdraw(newest.bank_id, " ")
    await factory.withdraw(newest.bank_id, "learned from flawed pieces")
    gone = [hashlib.sha256(second).hexdigest()]
    assert [await factory.bank(n) for n in range(2)] == [(first, gone)] * 2
    with pytest.raises(BankWithdrawnError):
        await factory.withdraw(newest.bank_id, "again")
    with pytest.raises(BankUnknownError):
        await factory.withdraw(f"bnk_{ULID()}", "none")
    await factory.floors[0].say(told, outbox_id="outbox-restored")
    await factory.settled()
    assert await factory.bank(0) == (first, gone)
    assert await factory.floors[0].disputes() == []


async def test_lists_of_what_was_taught_go_on_after_the_page_before(factory: Factory) -> None:
    await factory.say(*(taught(bank_of(pieces=14 + n), n) for n in range(3)))
    made = [f"cal_{ULID()}" for _ in range(3)]
    await factory.say(*(calibrated(one, n) for n, one in enumerate(made)))
    await factory.say(calibrated(made[0], 1), at=1)
    await factory.settled()
    ask = factory.world.core.bus.ask
    whole = await ask(ListTaughtBanks(), LEAD)
    first = await ask(ListTaughtBanks(limit=2), LEAD)
    rest = await ask(ListTaughtBanks(limit=2, before=first[-1].bank_id), LEAD)
    assert (len(first), *first, *rest) == (2, *whole)
    assert [bank.in_use for bank in whole] == [True, False, False]
    assert await ask(ListTaughtBanks(before="bnk_nobody"), LEAD) == ()
    known = await ask(ListCalibrations(), LEAD)
    found, last = [], ""
    while page := await ask(ListCalibrations(limit=1, before=last), LEAD):
        found += page
        last = f"{page[-1].station_id}/{page[-1].calibration_id}"
    assert (len(known), tuple(found)) == (4, known)
    assert [one.newest for one in found].count(True) == 2
    assert await ask(ListCalibrations(before="nothing"), LEAD) == ()


async def test_a_bank_that_is_too_large_damaged_or_another_styles_reaches_nobody(
    factory: Factory,
) -> None:
    good = bank_of()
    wrong = (good[:-1], bytes(10_241), b"", good[:9] + b"x" + good[10:])
    await factory.say(*(taught(one) for one in wrong), taught(bank_of("coat")))
    await factory.say(taught(good, style="../coat"))
    await factory.settled()
    assert await factory.floors[0].disputes() == [("style_taught", "BANK_INVALID")] * 6
    assert await factory.bank(1) == (b"", [])
    await factory.say(taught(good), at=2)
    await factory.settled()
    assert await factory.bank(1) == (b"", [])
    assert await factory.world.rows("SELECT 1 FROM taught_banks") == []


async def test_the_cloud_knows_how_each_station_was_calibrated(factory: Factory) -> None:
    old, new = f"cal_{ULID()}", f"cal_{ULID()}"
    await factory.say(calibrated(old), calibrated(new, 9, check_mm=0.2), calibrated(old, 20))
    await factory.say(calibrated(old, 3), at=1)
    await factory.settled()
    found = await factory.world.core.bus.ask(ListCalibrations(), LEAD)
    assert [(one.station_name, one.calibration_id, one.newest) for one in found] == [
        ("CUT-01", new, True),
        ("CUT-02", old, True),
        ("CUT-01", old, False),
    ]
    assert (found[0].check_mm, found[1].check_mm) == (0.2, None)
    assert (found[0].board.name, found[0].board.square_mm) == ("charuco-a3", 30.0)
    assert found[0].calibrated_by == "lead@demo.example"
    wrong = ({"rms_px": float("nan")}, {"camera_height_mm": -1.0})
    await factory.say(*(calibrated(f"cal_{ULID()}", **one) for one in wrong))
    await factory.say(calibrated("cal_1"))
    await factory.settled()
    codes = [code for _, code in await factory.floors[0].disputes()]
    assert codes == ["CALIBRATION_INVALID", "CALIBRATION_INVALID", "PAYLOAD_INVALID"]
    other = context_of("lead@other.example", organization_id=OTHER)
    assert await factory.world.core.bus.ask(ListCalibrations(), other) == ()


async def test_a_finding_renamed_in_a_correction_is_a_naming_too(factory: Factory) -> None:
    found = [await factory.found(n, description=numbers(shake=n)) for n in range(4)]
    await factory.say(*(naming(one, "hole", n) for n, one in enumerate(found[:2])))
    await factory.settled()
    assert await factory.kinds(1) == [()]
    await factory.rename(found[2], "hole")
    assert await factory.kinds(1) == [("hole",)]
    await factory.rename(found[0], "stain")
    assert await factory.kinds(1) == [()]
    for index, word in ((1, "hole"), (-1, "hole"), (None, "hole"), (0, "<b>"), (0, "")):
        with pytest.raises(CorrectionInvalidError):
            await factory.rename(found[3], word, index)
    # What the station could not describe is called so, and teaches nothing.
    await factory.rename(found[3], "hole")
    assert await factory.kinds(1) == [("hole",)]
    kinds = await factory.world.core.bus.ask(ListNamedKinds(), LEAD)
    assert [(kind.kind, kind.naming_count) for kind in kinds] == [("hole", 3), ("stain", 1)]


async def test_a_description_of_an_impossible_length_costs_only_itself(factory: Factory) -> None:
    inspection_id = await factory.found(0, description=b"\0" * 191)
    await factory.settled()
    assert await factory.floors[0].disputes() == []
    (row,) = await factory.world.rows("SELECT findings FROM inspections")
    assert json.loads(row["findings"])[0]["description"] == ""
    await factory.rename(inspection_id, "hole")
    assert await factory.kinds(1) == [()]
