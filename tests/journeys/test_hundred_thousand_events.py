"""Journal → MQTT → gRPC → PostgreSQL, each process killed: none lost, none doubled."""

from pathlib import Path

import pytest

from tests.journeys.pipeline import Pipeline, number_of

VICTIMS = ("producer", "agent", "broker", "serve", "postgres")


@pytest.mark.requirement("BUF", "MQT", "SYN")
@pytest.mark.timeout(600)
async def test_two_thousand_events_arrive_once_and_in_order_whoever_is_killed(
    tmp_path: Path,
) -> None:
    await _all_arrive(tmp_path / "home", 2_400, within_s=90)


@pytest.mark.soak
@pytest.mark.requirement("BUF", "MQT", "SYN")
@pytest.mark.timeout(3600)
async def test_a_hundred_thousand_events_arrive_once_and_in_order_whoever_is_killed(
    tmp_path: Path,
) -> None:
    await _all_arrive(tmp_path / "home", 100_000, within_s=1500)


async def _all_arrive(home: Path, count: int, within_s: float) -> None:
    async with Pipeline.start(home, count) as pipeline:
        for number, victim in enumerate(VICTIMS, 1):
            await pipeline.until_committed(count * number // (len(VICTIMS) + 2), within_s)
            await pipeline.kill(victim)
        done, doubtful = _told(pipeline.truth)
        while not done or max(done | doubtful) < count:
            await pipeline.until_committed(len(done), within_s)
            done, doubtful = _told(pipeline.truth)
        await pipeline.until_committed(len(done), within_s)
        rows = await pipeline.rows()
    accepted = [row for row in rows if row["standing"] == "accepted"]
    numbers = [number_of(row) for row in accepted]
    assert len(numbers) == len(set(numbers)), "a number came twice"
    assert numbers == sorted(numbers), "the order at the station is not kept"
    assert done <= set(numbers), f"lost: {sorted(done - set(numbers))[:20]}"
    assert set(numbers) <= done | doubtful, "something came that nobody wrote"
    assert len({row["event_id"] for row in accepted}) == len(accepted)
    assert len(done) >= count - 25 * len(VICTIMS)


def _told(truth: Path) -> tuple[set[int], set[int]]:
    """Numbers that were surely committed, and those between begin and a kill."""
    begun: set[int] = set()
    done: set[int] = set()
    if truth.exists():
        for line in truth.read_text("ascii").splitlines():
            words = line.split()
            if len(words) == 3:
                numbers = range(int(words[1]), int(words[2]) + 1)
                (begun if words[0] == "begin" else done).update(numbers)
    return done, begun - done
