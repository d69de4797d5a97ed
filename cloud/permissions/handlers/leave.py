"""Who is away, and who is back."""

from cloud.commands.errors import NotFoundError
from cloud.commands.ports import UnitOfWork
from cloud.permissions.absence import Absence
from cloud.permissions.commands import EndAbsence, RecordAbsence
from cloud.permissions.errors import AbsenceUnknownError
from cloud.permissions.events import AbsenceEnded, AbsenceRecorded
from cloud.permissions.ports import StandingStore
from cloud.permissions.queries import AbsenceView


async def record_absence(command: RecordAbsence, unit: UnitOfWork) -> AbsenceView:
    """Note a person's leave; raises NotFoundError."""
    store = unit.store(StandingStore)
    presence = await store.presence([command.login], unit.clock.now())
    if command.login not in presence.active:
        raise NotFoundError("no such person in this organization", login=command.login)
    absence = Absence(
        login=command.login,
        begins_at=command.begins_at,
        ends_at=command.ends_at,
        reason=command.reason,
    )
    absence_id = unit.ids.new("abs")
    await store.add_absence(absence_id, absence)
    unit.record(
        AbsenceRecorded(login=command.login, begins_at=command.begins_at, ends_at=command.ends_at)
    )
    return AbsenceView(
        absence_id=absence_id,
        login=absence.login,
        begins_at=absence.begins_at,
        ends_at=absence.ends_at,
        reason=absence.reason,
    )


async def end_absence(command: EndAbsence, unit: UnitOfWork) -> None:
    """Note that a person is back; raises AbsenceUnknownError."""
    login = await unit.store(StandingStore).end_absence(command.absence_id, unit.clock.now())
    if login is None:
        raise AbsenceUnknownError("no such leave that is not over", absence_id=command.absence_id)
    unit.record(AbsenceEnded(absence_id=command.absence_id, login=login))
