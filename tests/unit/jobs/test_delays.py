"""When a failed job is tried again."""

import numpy as np
import pytest

from cloud.infrastructure.jobs.job_worker import WorkerPace, backoff_of
from cloud.jobs.job import delay_ms


@pytest.mark.requirement("JOB")
@pytest.mark.parametrize(("attempt", "first_ms", "last_ms"), [(1, 2000, 3000), (2, 4000, 6000)])
def test_delays_spread_evenly_between_one_and_one_and_a_half(attempt, first_ms, last_ms) -> None:
    strategy = backoff_of(WorkerPace())
    drawn = np.array([strategy(attempt, "custom", ValueError("JOB_CRASHED: x"), None)
                      for _ in range(4000)])  # fmt: skip
    assert drawn.min() >= first_ms
    assert drawn.max() <= last_ms
    # A uniform distribution has the standard deviation width / √12; each tenth holds a tenth.
    assert drawn.std() == pytest.approx((last_ms - first_ms) / 12**0.5, rel=0.05)
    counts, _ = np.histogram(drawn, bins=10, range=(first_ms, last_ms))
    assert counts.min() > 300
    assert counts.max() < 500


@pytest.mark.requirement("JOB")
def test_a_limit_waits_a_minute_and_refused_credentials_wait_for_nobody() -> None:
    assert delay_ms("JOB_RATE_LIMIT", 1, 1.2) == delay_ms("JOB_RATE_LIMIT", 2, 1.5) == 60_000
    assert delay_ms("JOB_INVALID_AUTH", 1, 1.0) == -1
    assert delay_ms("JOB_CRASHED", 1, 1.0) == 2000
    assert delay_ms("", 2, 1.25) == 5000


@pytest.mark.requirement("JOB")
def test_a_scale_shortens_every_delay_but_not_never() -> None:
    quick = backoff_of(WorkerPace(delay_ratio=0.01), lambda: 1.0)
    assert quick(1, "custom", ValueError("JOB_CRASHED: x"), None) == 20
    assert quick(1, "custom", ValueError("JOB_INVALID_AUTH: x"), None) == -1
