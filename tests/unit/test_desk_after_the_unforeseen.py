"""A desk whose work ends in what nobody foresaw says so and can be used again."""

from collections.abc import Coroutine, Sequence
from pathlib import Path

import numpy as np
import pytest

from edge.infrastructure.lesson_pictures import LessonPictures
from edge.interfaces.kiosk.teaching_desk import Taught, TeachingDesk, TeachingDoors
from edge.station.inspection_record import Shot


@pytest.mark.requirement("KSK", "DEF")
async def test_teaching_that_stumbles_is_told_and_may_be_tried_again(tmp_path: Path) -> None:
    begun: list[Coroutine[object, object, None]] = []
    taken = iter(range(100))

    async def shot() -> Shot:
        pixels = np.zeros((4, 4, 3), dtype=np.uint8)
        return Shot(pixels=pixels, encoded=bytes([next(taken)]), content_type="image/png")

    async def problems(_pixels: np.ndarray) -> tuple[str, ...]:
        return ()

    async def learn(style: str, pictures: Sequence[str]) -> Taught:
        raise RuntimeError(f"{style}: {len(pictures)} pictures and no memory")

    desk = TeachingDesk(
        TeachingDoors(
            work=begun.append,
            shot=shot,
            problems=problems,
            shelf=LessonPictures(tmp_path / "teaching"),
            learn=learn,
            styles=lambda: ("JK-01",),
        )
    )
    await desk.begin("JK-01")
    for _ in range(14):
        await desk.take()
    await desk.learn()
    assert desk.learning
    with pytest.raises(RuntimeError, match="no memory"):
        await begun.pop()
    told = desk.state()
    assert told is not None
    assert (desk.learning, told["phase"]) == (False, "failed")
    assert told["problem"]
    await desk.take()
    await desk.learn()
    begun.pop().close()
