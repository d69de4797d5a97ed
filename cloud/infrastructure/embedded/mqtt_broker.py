"""The floor's broker of the embedded default: amqtt, with users and topics of their own.

It keeps nothing: a producer keeps its event until the sync agent says that it is stored. What
amqtt 0.12 lacks is not needed by the protocol: no session outlives its connection, no message
that was not acknowledged is sent again.
"""

import asyncio
import errno
import hmac
import logging
import socket
from collections.abc import Mapping

from amqtt.adapters import ReaderAdapter, WriterAdapter
from amqtt.broker import Broker
from amqtt.contexts import Action, BrokerConfig, ListenerConfig
from amqtt.errors import BrokerError
from amqtt.mqtt.protocol.broker_handler import BrokerProtocolHandler
from amqtt.session import Session

LOG = logging.getLogger("kyndof.broker")
#: What every station may hear of the others.
SHARED_FILTERS = frozenset({"v1/+/evt/events"})
_ADMITTED = "kyndof.admitted"


class MqttBrokerError(Exception):
    """The embedded broker cannot serve."""

    code = "MQTT_BROKER_ERROR"


class MqttPortTakenError(MqttBrokerError):
    """Another program listens on the broker's port."""

    code = "MQTT_PORT_TAKEN"


class _FloorBroker(Broker):  # type: ignore[misc] # amqtt carries no types
    """amqtt with the floor's rules.

    The rules stand in the broker itself, not in plug-ins: amqtt asks its plug-ins for every
    subscription of every message through new tasks, and a client that subscribes in the meantime
    breaks that loop and the message with it. Without a pause inside the loop neither happens.
    """

    def __init__(self, config: BrokerConfig, users: Mapping[str, str]) -> None:
        super().__init__(config)
        self._users = dict(users)

    async def _authenticate(self, session: Session, _: ListenerConfig) -> bool:
        username, password = session.username or "", session.password or ""
        known = self._users.get(username, "")
        matches = hmac.compare_digest(known.encode(), password.encode())
        if known and matches:
            session.attributes[_ADMITTED] = True
            return True
        LOG.warning("login refused", extra={"username": username})
        return False

    async def _handle_client_session(
        self,
        reader: ReaderAdapter,
        writer: WriterAdapter,
        client_session: Session,
        handler: BrokerProtocolHandler,
        *where: object,
    ) -> None:
        """Serve a client, and forget one that was refused: amqtt would keep it for ever."""
        try:
            await super()._handle_client_session(reader, writer, client_session, handler, *where)
        finally:
            client_id = client_session.client_id
            _, holder = self._sessions.get(client_id, (None, None))
            if holder is handler and not client_session.attributes.get(_ADMITTED):
                del self._sessions[client_id]

    async def _publish_retained_messages_for_subscription(
        self, subscription: tuple[str, int], session: Session
    ) -> None:
        """Tell what is retained to who subscribed; amqtt tells it to whoever connects.

        It walks over everybody's filters then, and breaks the newcomer's session when one is
        added meanwhile; without a pause in that walk this cannot happen.
        """
        holders = self._subscriptions.get(subscription[0], [])
        if any(holder.client_id == session.client_id for holder, _ in holders):
            await super()._publish_retained_messages_for_subscription(subscription, session)

    async def _topic_filtering(self, session: Session, topic: str, action: Action) -> bool:
        return may(session.username or "", topic, action)


def may(username: str, topic: str, action: Action) -> bool:
    """Say whether a user may publish on a topic, subscribe to a filter, or receive a message."""
    levels = topic.split("/")
    own = len(levels) > 2 and levels[0] == "v1" and levels[1] == username
    if action is Action.PUBLISH:
        return own
    if action is Action.SUBSCRIBE:
        return own or topic in SHARED_FILTERS
    return own or (len(levels) == 4 and levels[0] == "v1" and levels[2:] == ["evt", "events"])


def _require_free(host: str, port: int) -> None:
    """Raise before amqtt does, which would log a traceback instead of a sentence."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno not in {errno.EADDRINUSE, errno.EACCES, errno.EADDRNOTAVAIL}:
                raise
            raise MqttPortTakenError(
                f"The MQTT broker cannot listen on {host}:{port} ({error.strerror});"
                " choose another port with KYNDOF_MQTT__PORT."
            ) from error


async def run_broker(
    host: str, port: int, users: Mapping[str, str], ready: asyncio.Event | None = None
) -> None:
    """Serve until cancelled.

    Args:
        host: address to listen on.
        port: TCP port to listen on.
        users: password by user name; a user is a station and owns ``v1/<user>/…``.
        ready: set once the port listens.

    Raises:
        MqttPortTakenError: the port is not free.
        MqttBrokerError: the broker could not start.
    """
    logging.getLogger("amqtt").setLevel(logging.ERROR)
    logging.getLogger("transitions").setLevel(logging.ERROR)
    _require_free(host, port)
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    config = BrokerConfig(listeners={"default": ListenerConfig(bind=address)}, plugins={})
    broker = _FloorBroker(config, users)
    try:
        await broker.start()
    except BrokerError as error:
        raise MqttBrokerError(str(error)) from error
    LOG.info("broker listens", extra={"address": address})
    if ready is not None:
        ready.set()
    try:
        await asyncio.Event().wait()
    finally:
        await broker.shutdown()
