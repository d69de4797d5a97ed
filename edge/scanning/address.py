"""Where codes are typed in, as ``KYNDOF_SCANNER`` names it."""

from dataclasses import dataclass
from typing import ClassVar, Literal


class ScannerAddressError(Exception):
    """KYNDOF_SCANNER is none of the known forms."""

    code: ClassVar[str] = "SCANNER_ADDRESS"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScannerAddress:
    """A parsed address."""

    kind: Literal["none", "hid", "serial"]
    target: str = ""
    baud: int = 9600


def parse_scanner(text: str) -> ScannerAddress:
    """Read a scanner's address.

    Raises:
        ScannerAddressError: it is none of the known forms.
    """
    text = text.strip()
    if not text:
        return ScannerAddress(kind="none")
    kind, _, rest = text.partition(":")
    target, _, query = rest.partition("?")
    if kind == "hid" and target:
        return ScannerAddress(kind="hid", target=target)
    baud = query.removeprefix("baud=") or "9600"
    if kind == "serial" and target and baud.isdigit():
        return ScannerAddress(kind="serial", target=target, baud=int(baud))
    raise ScannerAddressError(f"KYNDOF_SCANNER={text!r} is neither hid:PATH nor serial:PATH?baud=N")
