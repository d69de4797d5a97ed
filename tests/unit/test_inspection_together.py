"""Doing things at once: answers in order, errors, tasks within tasks, and the cloth's tiles."""

import functools
import threading

import numpy as np
import pytest

from edge.infrastructure.thread_together import ThreadTogether
from edge.inspection.texture import CELL_PX, Layer, read_tile, windows
from edge.inspection.together import Together, one_by_one


@pytest.mark.parametrize("together", [one_by_one, ThreadTogether()], ids=["one", "two"])
def test_answers_come_in_the_order_of_the_tasks_also_from_tasks_within_tasks(
    together: Together,
) -> None:
    def sum_of(first: int) -> int:
        return sum(together([functools.partial(int, first + more) for more in range(3)]))

    assert together([functools.partial(sum_of, first) for first in range(5)]) == [3, 6, 9, 12, 15]
    assert together([]) == []


def test_two_tasks_run_at_once() -> None:
    meeting = threading.Barrier(2, timeout=5)
    assert sorted(ThreadTogether()([meeting.wait, meeting.wait])) == [0, 1]


@pytest.mark.parametrize("broken", [0, 2])
def test_an_error_is_raised_after_the_others_have_ended(broken: int) -> None:
    done: list[int] = []

    def task(number: int) -> None:
        if number == broken:
            raise ZeroDivisionError
        done.append(number)

    with pytest.raises(ZeroDivisionError):
        ThreadTogether()([functools.partial(task, number) for number in range(3)])
    assert broken not in done


def test_tiles_are_no_larger_than_what_they_have_to_see() -> None:
    cells = np.zeros((150, 200), dtype=bool)
    cells[20:90, 30:92] = True
    found = windows(cells)
    covered = np.zeros(cells.shape, dtype=int)
    for window in found:
        covered[window.core] += 1
        assert window.high % 4 == 0
        assert window.wide % 4 == 0
        assert window.high <= 64
        assert window.wide <= 64
    assert (covered[cells] == 1).all()
    assert sorted(window.high for window in found) == [28, 64]


def test_what_is_no_cloth_takes_the_colour_of_the_cloth() -> None:
    picture = np.full((60, 64, 3), 90, dtype=np.uint8)
    foreign = np.zeros((8, 8), dtype=bool)
    foreign[2:4, 5] = foreign[7, 7] = True
    picture[16:32, 40:48] = 255
    layer = Layer(picture=picture, cells=~foreign, foreign=foreign)
    (window,) = windows(layer.cells)
    tile = read_tile(layer, window)
    assert tile.shape == (1, 8 * CELL_PX, 8 * CELL_PX, 3)
    assert (tile == 90).all()
