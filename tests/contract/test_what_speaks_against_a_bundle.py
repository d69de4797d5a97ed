"""Late failures and people's words halt a rollout, and who answers for it is told."""

import json
from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path

import psycopg
import pytest

from cloud.commands.command import Source
from cloud.events.event import RecordedEvent
from cloud.infrastructure.embedded.postgres import DatabaseUrls
from cloud.infrastructure.signing.bundle_keys import FolderBundleKeys
from cloud.notifications.feed import told_of
from cloud.rollouts.commands import RecordModelReport
from tests.fakes.core import DEMO, context_of
from tests.fakes.intake import intake_over
from tests.fakes.rollouts import Company

pytestmark = [pytest.mark.requirement("ROL"), pytest.mark.timeout(60)]
OLD = "0" * 64
WAVE = "WAVE_100"
FIRST = count(1, 10_000)


@pytest.fixture
async def company(database: DatabaseUrls, tmp_path: Path) -> AsyncIterator[Company]:
    async with intake_over(database, tmp_path) as world:
        keys = FolderBundleKeys(tmp_path / "keys", world.core.clock)
        yield await Company(world=world, keys=keys).ready(3)


async def commit(company: Company, rollout: object, name: str, **more: object) -> None:
    counts: dict[str, object] = {"garments": 400, "rejects": 12, **more}
    await company.says(name, rollout, "COMMITTED", **counts)  # type: ignore[arg-type]


async def judged(
    company: Company, name: str, digest: str, garments: int, overruled: int, rejects: int = 0
) -> None:
    """Let a station's bundle have judged garments, of which people overruled some."""
    superuser = company.world.database.owner.replace("kyndof_owner@", "postgres@")
    async with await psycopg.AsyncConnection.connect(superuser) as connection:
        await connection.execute("SET session_replication_role = replica")
        await connection.execute(
            """WITH made AS (
                 INSERT INTO inspections
                 SELECT %(org)s, 'ins_' || upper(lpad(to_hex(n + %(first)s), 26, '0')), 'pc', 's',
                   'CUT', 'v', 1, %(station)s, 'w', CASE WHEN n <= %(rejects)s THEN 'FAIL'
                   ELSE 'PASS' END, false, '[]', '[]', '[]', 0, 0, 0, 0, '', 'b', %(digest)s, 's',
                   'c', 1, 1, '{}', 1, '', %(now)s, %(now)s
                 FROM generate_series(1, %(garments)s) n RETURNING inspection_id, verdict)
               INSERT INTO inspection_corrections
               SELECT %(org)s, inspection_id, 1,
                 CASE WHEN place > %(overruled)s THEN verdict
                      WHEN verdict = 'PASS' THEN 'FAIL' ELSE 'PASS' END,
                 'looked again', '[]', 'lead@demo.example', %(now)s
               FROM (SELECT *, row_number() OVER (ORDER BY inspection_id) AS place FROM made) m""",
            {
                "org": DEMO, "station": company.stations[name], "digest": digest,
                "garments": garments, "overruled": overruled, "rejects": rejects,
                "now": company.world.core.clock.moment, "first": next(FIRST),
            },
        )  # fmt: skip


async def test_a_committed_station_that_gives_the_bundle_up_halts_a_later_wave(
    company: Company,
) -> None:
    bundle = await company.released()
    rollout = await company.begun(bundle.model_digest)
    canary, second, _ = company.stations
    await company.says(canary, rollout, "SHADOW")
    await commit(company, rollout, canary)
    assert await company.look() == 1
    assert (await company.found(rollout)).stage == WAVE
    await company.here(*company.stations)
    # Its files are damaged: the bundle of before decides, and no trial is spoken of any more.
    station = company.stations[canary]
    gone = RecordModelReport(
        station_id=station, assigned_digest="", rollout_id="", state="", code="",
        running_digest=OLD, garments=0, rejects=0, errors=0, overrides=0, observed_generation=10,
    )  # fmt: skip
    await company.send(gone, context_of(f"station:{station}", source=Source.STATION))
    assert await company.look() == 1
    view = await company.found(rollout)
    assert (view.stage, view.code) == ("ROLLING_BACK", "LATE_FAILURE")
    assert await company.wished([canary, second]) == [OLD, ""]
    audited = await company.world.rows(
        "SELECT metadata::jsonb->'fields' AS fields FROM audit_log"
        " WHERE action = 'advance_rollout' ORDER BY sequence DESC LIMIT 1"
    )
    assert '"reason": "LATE_FAILURE"' in audited[0]["fields"]


async def test_people_who_overrule_a_bundle_halt_it_against_what_is_usual_there(
    company: Company,
) -> None:
    canary, second, third = company.stations
    for name in (canary, second, third):
        await judged(company, name, OLD, 400, 12)
    bundle = await company.released()
    rollout = await company.begun(bundle.model_digest, canary_garments=300)
    assert (rollout.override_baseline_ratio, rollout.trial.override_ratio) == (0.03, 0.1)
    await commit(company, rollout, canary, rejects=10)
    await judged(company, canary, bundle.model_digest, 400, 10, rejects=12)
    assert await company.look() == 1
    view = await company.found(rollout)
    assert view.stage == WAVE
    await company.here(*company.stations)
    # Neither station alone would tell; together they do.
    await commit(company, rollout, second, garments=200)
    for name in (second, third):
        await judged(company, name, bundle.model_digest, 200, 14, rejects=6)
    numbers = (await company.found(rollout)).numbers
    assert numbers is not None
    assert (numbers.overrides, numbers.garments) == (28, 400)
    assert numbers.overrides >= numbers.override_upper_count
    assert await company.look() == 1
    view = await company.found(rollout)
    assert (view.stage, view.code) == ("ROLLING_BACK", "OVERRIDES_RISEN")


async def test_presses_at_the_kiosk_count_as_well(company: Company) -> None:
    bundle = await company.released()
    rollout = await company.begun(bundle.model_digest, canary_garments=300)
    canary = next(iter(company.stations))
    await company.says(canary, rollout, "SHADOW", garments=100, overrides=30)
    assert await company.look() == 0  # the old one decided those
    await company.says(canary, rollout, "TRIAL", garments=100, overrides=30)
    assert await company.look() == 1
    assert (await company.found(rollout)).code == "OVERRIDES_RISEN"


async def test_the_one_who_answers_is_told_of_halt_return_and_end(company: Company) -> None:
    class Positions:
        def holders(self, organization_id, domain, action, letter):
            answers = (domain, action, letter) == ("rollouts", "halt_rollout", "A")
            return ("owner@demo.example",) if answers else ()

    bundle = await company.released()
    rollout = await company.begun(bundle.model_digest)
    canary = next(iter(company.stations))
    await company.says(canary, rollout, "TRIAL")
    await company.says(canary, rollout, "FAILED", code="SELF_TEST_SLOW", generation=10)
    await company.look()
    await company.look()
    rows = await company.world.rows(
        "SELECT sequence, event_id, type, occurred_at, payload FROM events"
        " WHERE type = 'rollout_moved' ORDER BY sequence"
    )
    told = [
        told_of(
            RecordedEvent(
                organization_id=DEMO, **{**dict(row), "payload": json.loads(row["payload"])}
            ),
            Positions(),
        )
        for row in rows
    ]
    assert [one and one.details["next_stage"] for one in told] == [None, "ROLLING_BACK", "HALTED"]
    assert told[1] is not None
    assert (told[1].logins, told[1].details["code"]) == (("owner@demo.example",), "CANARY_FAILED")
