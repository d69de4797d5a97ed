"""What can be wrong with serving the kiosk; read by commands that serve none."""

from typing import ClassVar


class KioskPortTakenError(Exception):
    """The kiosk's address cannot be listened on."""

    code: ClassVar[str] = "KIOSK_PORT_TAKEN"
