"""Both programs log one JSON object a line, with what the caller added."""

import json
import logging
import sys

import pytest

from cloud.infrastructure.telemetry.json_log import JsonLines as CloudLines
from edge.infrastructure.json_log import JsonLines as EdgeLines

both = pytest.mark.parametrize("lines", [CloudLines(), EdgeLines()], ids=["cloud", "edge"])


def record(message: str, **extra: object) -> logging.LogRecord:
    logger = logging.getLogger("kyndof.test")
    return logger.makeRecord(
        logger.name, logging.WARNING, __file__, 1, message, (), None, extra=extra
    )


@both
@pytest.mark.requirement("OBS")
def test_a_line_says_when_how_grave_who_and_what_and_keeps_korean(lines) -> None:
    line = json.loads(lines.format(record("재단 완료", piece_id="pc_1", elapsed_ms=12)))
    assert line.pop("at").endswith("+00:00")
    assert line == {
        "level": "WARNING",
        "logger": "kyndof.test",
        "message": "재단 완료",
        "piece_id": "pc_1",
        "elapsed_ms": 12,
    }


@both
@pytest.mark.requirement("OBS")
def test_an_exception_stays_on_its_line(lines) -> None:
    failed = record("failed")
    try:
        int("two\nlines")
    except ValueError:
        failed.exc_info = sys.exc_info()
    text = lines.format(failed)
    assert "\n" not in text
    assert "ValueError: invalid literal" in json.loads(text)["exception"]
