"""Asks a broker whether it speaks MQTT, without being anybody there."""

import asyncio

# CONNECT, MQTT 3.1.1, clean session, keep-alive 10 s, client id "kyndof-ready", no user.
_CONNECT = b"\x10\x18\x00\x04MQTT\x04\x02\x00\x0a\x00\x0ckyndof-ready"
_CONNACK = 0x20


async def broker_answers(host: str, port: int, patience_s: float = 2) -> bool:
    """Say whether something there answers a CONNECT, be it by a refusal."""
    try:
        async with asyncio.timeout(patience_s):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(_CONNECT)
                answer = await reader.read(4)
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False
    return bool(answer) and answer[0] == _CONNACK
