"""What proves a message's sender, and where we never send."""

import hashlib
import hmac
from base64 import b64encode
from datetime import UTC, datetime, timedelta

import pytest

from cloud.webhooks.errors import (
    WebhookExpiredError,
    WebhookSignatureInvalidError,
    WebhookTargetRefusedError,
)
from cloud.webhooks.signature import signed, verify, written
from cloud.webhooks.target import check_target

pytestmark = pytest.mark.requirement("HOK")
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
OLD, NEW = written(b"o" * 32), written(b"n" * 32)
BODY = '{"text": "한글"}'.encode()


def headers(secret: str = NEW, at: datetime = NOW, body: bytes = BODY) -> tuple[str, str, str]:
    return "msg_1", str(int(at.timestamp())), signed(secret, "msg_1", at, body)


def test_the_example_of_the_open_scheme_has_the_signature_that_it_publishes() -> None:
    # Standard Webhooks' own example.
    secret = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    moment = datetime.fromtimestamp(1614265330, UTC)
    body = b'{"test": 2432232314}'
    signature = signed(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", moment, body)
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_signature_covers_identifier_moment_and_body() -> None:
    moment = int(NOW.timestamp())
    wanted = hmac.new(b"n" * 32, f"msg_1.{moment}.".encode() + BODY, hashlib.sha256).digest()
    assert headers()[2] == "v1," + b64encode(wanted).decode()
    verify([NEW], headers(), BODY, NOW)


def test_either_of_two_secrets_is_enough_while_one_is_exchanged() -> None:
    for secret in (OLD, NEW):
        verify([NEW, OLD], headers(secret), BODY, NOW)
    both = f"{headers(OLD)[2]} {headers(NEW)[2]}"
    verify([NEW], (*headers()[:2], both), BODY, NOW)


def test_anything_changed_is_refused() -> None:
    message, moment, signature = headers()
    for wrong in (
        ("msg_2", moment, signature),
        (message, str(int(moment) + 1), signature),
        (message, moment, f"v1,{'A' * 43}="),
        (message, moment, signature.removeprefix("v1,")),
        (message, moment, ""),
        (message, moment, "v1,한글"),
        (message, "한글", signature),
        (message, "١٢٣", signature),
        (message, "9" * 40, signature),
        ("", moment, signature),
        ("한글", moment, signature),
        (message, moment, "v1,x " * 100),
    ):
        with pytest.raises(WebhookSignatureInvalidError):
            verify([NEW], wrong, BODY, NOW)
    with pytest.raises(WebhookSignatureInvalidError):
        verify([NEW], headers(), BODY + b" ", NOW)
    with pytest.raises(WebhookSignatureInvalidError):
        verify([], headers(), BODY, NOW)


def test_five_minutes_either_way_are_the_window() -> None:
    for minutes in (-5, 0, 5):
        verify([NEW], headers(at=NOW + timedelta(minutes=minutes)), BODY, NOW)
    for minutes in (-6, 6, 60 * 24 * 365):
        with pytest.raises(WebhookExpiredError):
            verify([NEW], headers(at=NOW + timedelta(minutes=minutes)), BODY, NOW)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/hook",
        "https://127.0.0.1/",
        "https://10.0.0.1/",
        "https://192.168.0.1:8443/x",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[fd00::1]/",
        "https://[64:ff9b::a00:1]/",
        "https://[2002:7f00:1::]/",
        "https://0.0.0.0/",
        "https://100.64.0.1/",
        "https://224.0.0.1/",
        "https://localhost/",
        "https://db.internal/",
        "https://user:secret@example.com/",
        "https://example.com/#part",
        "https://예시.한국/",
        "https:///",
        "https://exa mple.com/",
        "https://example.com:99999/",
        "https://[::1/",
        "ftp://example.com/",
        "",
        "https://example.com/" + "x" * 2000,
    ],
)
def test_an_address_that_is_private_or_none_is_refused(url: str) -> None:
    with pytest.raises(WebhookTargetRefusedError):
        check_target(url, allow_private=False)


def test_the_open_internet_is_allowed_and_our_own_networks_only_where_set() -> None:
    check_target("https://example.com/hook?x=1", allow_private=False)
    check_target("https://93.184.216.34:8443/hook", allow_private=False)
    check_target("http://127.0.0.1:9000/hook", allow_private=True)
    with pytest.raises(WebhookTargetRefusedError):
        check_target("file:///etc/passwd", allow_private=True)
