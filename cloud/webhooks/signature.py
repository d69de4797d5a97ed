"""How a message proves its sender: HMAC-SHA256 over identifier, moment and body.

The three headers and the form of a secret are those of the open Standard Webhooks scheme, so that
libraries for it in any language speak with us: ``webhook-id``, ``webhook-timestamp`` in seconds,
``webhook-signature`` as ``v1,<base64>``, several divided by spaces while a secret is exchanged.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterable
from datetime import UTC, datetime

from cloud.webhooks.errors import WebhookExpiredError, WebhookSignatureInvalidError

WINDOW_S = 300
SECRET_BYTES = 32
_PREFIX = "whsec_"
_VERSION = "v1,"
_MESSAGE = re.compile(r"^[A-Za-z0-9_.:-]{1,100}$")
_MOST_SIGNATURES = 10
_LONGEST_TIMESTAMP = 12


def written(secret: bytes) -> str:
    """Return a secret as it is shown once: ``whsec_<base64>``."""
    return _PREFIX + base64.b64encode(secret).decode("ascii")


def key_of(secret: str) -> bytes:
    """Return the key that a shown secret stands for.

    Raises:
        ValueError: it is no secret of ours.
    """
    if not secret.startswith(_PREFIX):
        raise ValueError("a webhook secret begins with whsec_")
    try:
        return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError("a webhook secret is base64") from error


def signed(secret: str, message_id: str, moment: datetime, body: bytes) -> str:
    """Return ``v1,<base64>`` for a message sent at ``moment``."""
    digest = _digest(key_of(secret), message_id, str(int(moment.timestamp())), body)
    return _VERSION + base64.b64encode(digest).decode("ascii")


def verify(
    secrets: Iterable[str], headers: tuple[str, str, str], body: bytes, now: datetime
) -> None:
    """Accept a message whose ``(id, timestamp, signature)`` headers fit one of ``secrets``.

    Every secret is compared with every signature in constant time, whatever fits first.

    Raises:
        WebhookExpiredError: the moment is more than five minutes away from ``now``.
        WebhookSignatureInvalidError: a header is missing or malformed, or nothing fits.
    """
    message_id, timestamp, signatures = headers
    well_formed = timestamp.isascii() and timestamp.isdigit()
    if not (_MESSAGE.match(message_id) and well_formed and len(timestamp) <= _LONGEST_TIMESTAMP):
        raise WebhookSignatureInvalidError(
            "webhook-id or webhook-timestamp is missing or malformed"
        )
    given = [part.removeprefix(_VERSION) for part in signatures.split() if part[:3] == _VERSION]
    if not given or len(given) > _MOST_SIGNATURES:
        raise WebhookSignatureInvalidError("webhook-signature holds no v1 signature")
    fits = False
    for secret in secrets:
        digest = base64.b64encode(_digest(key_of(secret), message_id, timestamp, body))
        for one in given:
            fits |= hmac.compare_digest(digest, one.encode("utf-8", "replace"))
    if not fits:
        raise WebhookSignatureInvalidError("the signature fits no secret of this endpoint")
    # After the signature: a stranger learns nothing about clocks or secrets.
    if abs(now.astimezone(UTC).timestamp() - int(timestamp)) > WINDOW_S:
        raise WebhookExpiredError("the message is older or newer than five minutes")


def _digest(key: bytes, message_id: str, timestamp: str, body: bytes) -> bytes:
    return hmac.new(key, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
