"""What people taught the stations: banks of styles, kinds of flaws, calibrations."""

from dataclasses import dataclass

from fastapi import APIRouter

from cloud.commands.bus import CommandBus
from cloud.interfaces.rest_api.access import Asker
from cloud.interfaces.rest_api.pages import Paged
from cloud.learning.commands import WithdrawBank
from cloud.learning.queries import (
    CalibrationView,
    ListCalibrations,
    ListNamedKinds,
    ListTaughtBanks,
    NamedKindView,
    TaughtBankView,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawalRequest:
    """Why a bank shall count no more."""

    reason: str


def router(bus: CommandBus) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["learning"])

    @routes.get("/taught-banks")
    async def banks(context: Asker, turn: Paged) -> list[TaughtBankView]:
        """Return which styles are taught, where, by whom and when, newest first."""
        query = ListTaughtBanks(limit=turn.one_more, before=turn.after)
        found = await bus.ask(query, context)
        return turn.begun(found, lambda bank: bank.bank_id)

    @routes.post("/taught-banks/{bank_id}/withdrawal")
    async def withdraw(bank_id: str, body: WithdrawalRequest, context: Asker) -> TaughtBankView:
        """Let a taught bank count nowhere any more."""
        withdrawn: TaughtBankView = await bus.send(
            WithdrawBank(bank_id=bank_id, reason=body.reason), context
        )
        return withdrawn

    @routes.get("/named-kinds")
    async def kinds(context: Asker, turn: Paged) -> list[NamedKindView]:
        """Return which kinds of flaws people named, and how often."""
        found = await bus.ask(ListNamedKinds(), context)
        return turn.page(found, lambda kind: f"{kind.kind}/{kind.bundle_digest}")

    @routes.get("/calibrations")
    async def calibrations(
        context: Asker, turn: Paged, station_id: str = ""
    ) -> list[CalibrationView]:
        """Return how the stations were calibrated, newest first; of one station where asked."""
        query = ListCalibrations(station_id=station_id, limit=turn.one_more, before=turn.after)
        found = await bus.ask(query, context)
        return turn.begun(found, "{0.station_id}/{0.calibration_id}".format)

    return routes
