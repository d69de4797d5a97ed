"""The least that makes a message durable: paho, one INSERT, one flushed commit, then the PUBACKs.

    python -m tests.simulators.bare_ingest PORT USER PASSWORD FILE

Same batches as the agent, same PRAGMAs; no events are read, numbered, chained or told apart.
"""

import os
import queue
import sqlite3
import sys

from kyndof_wire.sync.v1.sync_pb2 import Stored
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from edge.infrastructure.mqtt_agent import DRAIN_COUNT, DRAIN_S


def serve(port: int, user: str, password: str, file: str) -> None:
    db = sqlite3.connect(file, isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL").fetchall()
    db.execute("PRAGMA synchronous = FULL")
    db.execute("CREATE TABLE events (body BLOB NOT NULL)")
    waiting: queue.SimpleQueue[MQTTMessage] = queue.SimpleQueue()
    client = Client(CallbackAPIVersion.VERSION2, manual_ack=True)
    client.username_pw_set(user, password)
    client.on_message = lambda _client, _data, message: waiting.put(message)
    client.on_connect = lambda *_: client.subscribe(f"v1/{user}/evt/+", qos=1)
    client.on_subscribe = lambda *_: print("broker connected", flush=True)
    client.connect("127.0.0.1", port)
    client.loop_start()
    count = 0
    while True:
        batch = [waiting.get()]
        while len(batch) < DRAIN_COUNT:
            try:
                batch.append(waiting.get(timeout=DRAIN_S))
            except queue.Empty:
                break
        db.execute("BEGIN IMMEDIATE")
        db.executemany("INSERT INTO events VALUES (?)", [(message.payload,) for message in batch])
        db.execute("COMMIT")
        for message in batch:
            client.ack(message.mid, message.qos)
        count += len(batch)
        stored = Stored(producer_id="bare", pseq=count).SerializeToString()
        client.publish(f"v1/{user}/stored/bare", stored)


if __name__ == "__main__":
    try:
        serve(int(sys.argv[1]), *sys.argv[2:5])
    except KeyboardInterrupt:
        os._exit(0)
