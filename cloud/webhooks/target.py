"""Where we may send: an address on the open internet, over TLS, without secrets in it."""

import ipaddress
import re

from cloud.webhooks.errors import WebhookTargetRefusedError

LONGEST_COUNT = 2000
_LARGEST_PORT = 65535
#: Only forms that every reader of addresses reads alike.
_FORM = re.compile(
    r"(?P<scheme>[a-z]+)://(?P<who>[^/?#@]*@)?"
    r"(?P<host>[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:(?P<port>[0-9]{1,5}))?"
    r"(?P<rest>[/?][A-Za-z0-9/._~!$&'()*+,;=:@%?-]*)?"
)
#: Addresses that carry another one inside: NAT64, 6to4, Teredo.
_TUNNELS = tuple(
    ipaddress.IPv6Network(text)
    for text in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32")
)


def check_address(text: str) -> bool:
    """Say whether ``text``, an IP address, lies on the open internet."""
    address = ipaddress.ip_address(text)
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        elif any(address in tunnel for tunnel in _TUNNELS):
            return False
    return address.is_global and not address.is_multicast


def check_target(url: str, *, allow_private: bool) -> None:
    """Refuse an address that we would never send to; what its name leads to is judged at sending.

    Raises:
        WebhookTargetRefusedError: ``reason`` says why.
    """
    form = _FORM.fullmatch(url) if len(url) <= LONGEST_COUNT else None
    if form is None or int(form["port"] or 0) > _LARGEST_PORT:
        raise WebhookTargetRefusedError("this is no address", reason="malformed")
    if form["scheme"] != "https" and not (allow_private and form["scheme"] == "http"):
        raise WebhookTargetRefusedError("the address has to begin with https://", reason="scheme")
    if form["who"]:
        raise WebhookTargetRefusedError("the address holds a name or secret", reason="credentials")
    if allow_private:
        return
    host = form["host"].strip("[]").lower().rstrip(".")
    if host == "localhost" or host.endswith((".localhost", ".local", ".internal")):
        raise WebhookTargetRefusedError("the address is a private one", reason="private")
    try:
        is_open = check_address(host)
    except ValueError:
        return  # a name
    if not is_open:
        raise WebhookTargetRefusedError("the address is a private one", reason="private")
