"""Settings that are wrong: one sentence that names the setting, never a dump."""

import socket
from pathlib import Path

import pytest

from cloud.infrastructure.embedded.free_ports import Door, PortNotFreeError, require_free
from cloud.settings import SettingInvalidError as CloudSettingInvalidError
from cloud.settings import read_settings as read_cloud_settings
from edge.settings import SettingInvalidError as EdgeSettingInvalidError
from edge.settings import read_settings as read_edge_settings

pytestmark = pytest.mark.requirement("TER")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KYNDOF_HOME", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("KYNDOF_HTTP__PORT", "abc"),
        ("KYNDOF_GRPC__ENROLMENT_PORT", "99999"),
        ("KYNDOF_LOG_LEVEL", "LOUD"),
        ("KYNDOF_DATABASE_URL_FILE", "/nowhere/at/all"),
    ],
)
def test_a_wrong_setting_of_the_cloud_is_named_in_one_line(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(CloudSettingInvalidError) as refusal:
        read_cloud_settings()
    sentence = str(refusal.value)
    assert sentence.startswith(f"{name}: ")
    assert "\n" not in sentence


def test_a_setting_that_is_no_json_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KYNDOF_STATIONS__KIOSK_PORTS", "{bad")
    with pytest.raises(CloudSettingInvalidError, match="KYNDOF_STATIONS"):
        read_cloud_settings()


def test_a_settings_file_that_cannot_be_read_is_named_with_the_line(home: Path) -> None:
    (home / "kyndof.toml").write_text("log_level = \n", encoding="utf-8")
    with pytest.raises(CloudSettingInvalidError, match=r"kyndof\.toml: .*line 1"):
        read_cloud_settings()


@pytest.mark.parametrize(
    ("name", "value"), [("KYNDOF_KIOSK__PORT", "abc"), ("KYNDOF_STATION", "한글")]
)
def test_a_wrong_setting_of_a_station_is_named_in_one_line(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(EdgeSettingInvalidError, match=f"^{name}: "):
        read_edge_settings()


@pytest.mark.parametrize(
    "url",
    [
        "127.0.0.1:18830",
        "mqtt://127.0.0.1:abc",
        "mqtt://127.0.0.1:0",
        "mqtt://127.0.0.1:99999",
        "mqtt://",
        "mqtt://[::1",
        "mqtts://broker:8883",
        "mqtt://broker/topic",
        "mqtt://someone:secret@broker",
    ],
)
def test_an_address_that_is_no_brokers_is_refused_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("KYNDOF_MQTT__URL", url)
    with pytest.raises(EdgeSettingInvalidError, match=r"^KYNDOF_MQTT__URL: ") as refusal:
        read_edge_settings()
    assert "\n" not in str(refusal.value)
    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize("url", ["mqtt://127.0.0.1:18830", "mqtt://[::1]:1883", "mqtt://broker/"])
def test_a_brokers_address_is_taken(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("KYNDOF_MQTT__URL", url)
    assert read_edge_settings().mqtt.url == url


async def test_a_taken_port_is_told_with_its_setting() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        door = Door(host="127.0.0.1", port=port, setting="KYNDOF_MQTT__PORT")
        with pytest.raises(PortNotFreeError, match=f"127.0.0.1:{port} .*KYNDOF_MQTT__PORT"):
            await require_free([door])
    await require_free([door])


async def test_two_settings_with_one_port_are_both_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
    doors = [Door(host="127.0.0.1", port=port, setting=name) for name in ("KYNDOF_A", "KYNDOF_B")]
    with pytest.raises(PortNotFreeError, match="KYNDOF_A and KYNDOF_B"):
        await require_free(doors)
