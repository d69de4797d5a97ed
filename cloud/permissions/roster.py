"""At which stages a person may finish a step."""

from collections.abc import Iterable
from datetime import datetime

from cloud.permissions.decision import Request, Standing, decide
from cloud.permissions.rabsic import Matrix

FINISH = "finish_step"
OVERRIDE = "override_step_order"


def stages_of(
    login: str, stages: Iterable[str], matrix: Matrix | None, now: datetime
) -> tuple[str, ...]:
    """Return those of ``stages`` at which ``login``, an active person, may finish a step.

    Backups are counted in: a station keeps its roster for days, and the cloud judges again.
    """
    return tuple(stage for stage in stages if _may_finish(login, stage, matrix, now))


def supervises(login: str, matrix: Matrix | None, now: datetime) -> bool:
    """Say whether ``login`` may do at a station what changes its later verdicts.

    Teaching, naming kinds of flaws and calibrating are for those who may override the order of
    steps; a station keeps that for days, as its roster.
    """
    return _may(Request(user=login, action=OVERRIDE, fields={}), matrix, now)


def _may_finish(login: str, stage: str, matrix: Matrix | None, now: datetime) -> bool:
    return _may(Request(user=login, action=FINISH, fields={"stage": stage}), matrix, now)


def _may(request: Request, matrix: Matrix | None, now: datetime) -> bool:
    login = request.user
    alone = Standing(active=frozenset({login}), absent=frozenset(), delegations=(), now=now)
    return decide(request, matrix, alone).allowed
