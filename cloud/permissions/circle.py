"""Those around an act: the Consulted are asked before it, the Informed are told after it."""

from cloud.commands.command import Command, command_type
from cloud.commands.ports import Permission, UnitOfWork
from cloud.permissions.authorizer import fields_of
from cloud.permissions.events import PersonConsulted, PersonInformed
from cloud.permissions.rabsic import Letter


def resource_of(command: Command) -> str:
    """Return the first identifier that the command names; empty when it names none."""
    fields = fields_of(command)
    named = (
        value for name, value in fields.items() if name.endswith("_id") and isinstance(value, str)
    )
    return next(named, "")


class RabsicCircle:
    """Records one event for each person; the notification service delivers them."""

    def ask(self, command: Command, permission: Permission, unit: UnitOfWork) -> None:
        """Record that the Consulted are asked about an act that does not wait for them."""
        for login in permission.consulted:
            unit.record(
                PersonConsulted(
                    login=login,
                    letter=Letter.CONSULTED.value,
                    action=command_type(type(command)),
                    domain=command.domain,
                    by=unit.context.user,
                    resource=resource_of(command),
                    approval_id="",
                    answer_by=unit.clock.now(),
                )
            )

    def tell(self, command: Command, permission: Permission, unit: UnitOfWork) -> None:
        """Record that the Informed are told of an act that was carried out."""
        for login in permission.informed:
            unit.record(
                PersonInformed(
                    login=login,
                    letter=Letter.INFORMED.value,
                    action=command_type(type(command)),
                    domain=command.domain,
                    by=unit.context.user,
                    resource=resource_of(command),
                )
            )
