"""Bytes that are no message: refused like everything else, before anybody looks at them."""

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
import grpc.aio
from google.protobuf.message import DecodeError

from cloud.commands.errors import PayloadInvalidError
from cloud.interfaces.edge_intake.status import refuse

Behaviour = Callable[[Any, Any], Any]


class _Unreadable:
    """Stands where a message should be."""


class RefuseUnreadable(grpc.aio.ServerInterceptor):
    """Answers bytes that cannot be read with a code; grpc itself tells its own class names."""

    async def intercept_service(
        self,
        continuation: Callable[[Any], Awaitable[Any]],
        handler_call_details: Any,  # noqa: ANN401  grpc's own shape
    ) -> Any:  # noqa: ANN401
        """Return the method's handler with a reader that never raises."""
        handler = await continuation(handler_call_details)
        if handler is None or handler.request_deserializer is None:
            return handler
        reader, writer = _reader(handler.request_deserializer), handler.response_serializer
        if handler.request_streaming and handler.response_streaming:
            wrapped = _streamed(handler.stream_stream)
            return grpc.stream_stream_rpc_method_handler(wrapped, reader, writer)
        if handler.request_streaming:
            wrapped = _streamed(handler.stream_unary)
            return grpc.stream_unary_rpc_method_handler(wrapped, reader, writer)
        if handler.response_streaming:
            wrapped = _single(handler.unary_stream)
            return grpc.unary_stream_rpc_method_handler(wrapped, reader, writer)
        return grpc.unary_unary_rpc_method_handler(_single(handler.unary_unary), reader, writer)


def _reader(read: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    def carefully(content: bytes) -> Any:  # noqa: ANN401  a message, or none
        try:
            return read(content)
        except (DecodeError, ValueError):
            return _Unreadable()

    return carefully


def _single(behaviour: Behaviour) -> Behaviour:
    async def answer(request: Any, context: Any) -> Any:  # noqa: ANN401  messages
        if isinstance(request, _Unreadable):
            await refuse(context, _refusal())
        return await _carried_out(behaviour, request, context)

    return answer


def _streamed(behaviour: Behaviour) -> Behaviour:
    async def answer(requests: Any, context: Any) -> Any:  # noqa: ANN401  messages
        return await _carried_out(behaviour, _readable(requests, context), context)

    return answer


async def _readable(requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:  # noqa: ANN401
    async for request in requests:
        if isinstance(request, _Unreadable):
            await refuse(context, _refusal())
        yield request


async def _carried_out(behaviour: Behaviour, request: Any, context: Any) -> Any:  # noqa: ANN401
    if inspect.isasyncgenfunction(behaviour):
        async for response in behaviour(request, context):
            await context.write(response)
        return None
    return await behaviour(request, context)


def _refusal() -> PayloadInvalidError:
    return PayloadInvalidError("these bytes are no message of this call")
