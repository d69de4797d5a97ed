"""The door for other systems' messages: proven first, and only then is anything written."""

from typing import Annotated

from fastapi import APIRouter, Header, Path, Request

from cloud.commands.bus import CommandBus
from cloud.commands.command import CommandContext, Source
from cloud.interfaces.webhooks.ports import EndpointOwners
from cloud.webhooks.commands import ReceiveWebhook
from cloud.webhooks.errors import WebhookBodyInvalidError, WebhookEndpointUnknownError
from cloud.webhooks.queries import CheckWebhook, WebhookAcceptance

LARGEST_BYTES = 256 * 1024
EndpointId = Annotated[str, Path(pattern="^whe_[0-9A-HJKMNP-TV-Z]{26}$")]


def router(bus: CommandBus, owners: EndpointOwners) -> APIRouter:
    """Return the route."""
    routes = APIRouter(tags=["webhooks"])

    @routes.post(
        "/hooks/{endpoint_id}",
        status_code=202,
        response_model=WebhookAcceptance,
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": {"type": "object"}}},
            }
        },
    )
    async def receive(
        endpoint_id: EndpointId,
        request: Request,
        message_id: Annotated[str, Header(alias="webhook-id")] = "",
        timestamp: Annotated[str, Header(alias="webhook-timestamp")] = "",
        signature: Annotated[str, Header(alias="webhook-signature")] = "",
    ) -> WebhookAcceptance:
        """Take one signed message; the same one is taken once."""
        owner = await owners.owner_of(endpoint_id)
        if owner is None:
            raise WebhookEndpointUnknownError(f"no endpoint {endpoint_id}", endpoint_id=endpoint_id)
        command = ReceiveWebhook(
            endpoint_id=endpoint_id,
            message_id=message_id,
            timestamp=timestamp,
            signature=signature,
            body=await _body(request),
        )
        context = CommandContext(
            organization_id=owner,
            user="system",
            source=Source.WEBHOOK,
            trace_id=getattr(request.state, "request_id", ""),
        )
        # A stranger's message is refused by a question: it leaves no row, not even of its refusal.
        await bus.ask(_question(command), context)
        taken: WebhookAcceptance = await bus.send(command, context)
        return taken

    return routes


async def _body(request: Request) -> bytes:
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > LARGEST_BYTES:
        raise _too_large()
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > LARGEST_BYTES:
            raise _too_large()
    return body


def _too_large() -> WebhookBodyInvalidError:
    return WebhookBodyInvalidError("the body is too large", largest_bytes=LARGEST_BYTES)


def _question(command: ReceiveWebhook) -> CheckWebhook:
    return CheckWebhook(
        endpoint_id=command.endpoint_id,
        message_id=command.message_id,
        timestamp=command.timestamp,
        signature=command.signature,
        body=command.body,
    )
