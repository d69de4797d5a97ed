"""The embedded broker as a process of its own, so that a test can kill it: PORT USER=PASSWORD…"""

import asyncio
import sys

from cloud.infrastructure.embedded.mqtt_broker import run_broker

if __name__ == "__main__":
    users = dict(pair.split("=", 1) for pair in sys.argv[2:])
    asyncio.run(run_broker("127.0.0.1", int(sys.argv[1]), users))
