"""What webhooks refuse."""

from cloud.commands.errors import CommandError, NotFoundError


class WebhooksError(CommandError):
    """Any refusal of this feature."""

    code = "WEBHOOKS_ERROR"


class WebhookEndpointUnknownError(NotFoundError):
    """There is no such open endpoint."""

    code = "WEBHOOK_ENDPOINT_UNKNOWN"


class WebhookSignatureInvalidError(WebhooksError):
    """The message does not prove its sender."""

    code = "WEBHOOK_SIGNATURE_INVALID"


class WebhookSecretMissingError(WebhooksError):
    """No secret holds for this endpoint or subscription; a new one is to be made."""

    code = "WEBHOOK_SECRET_MISSING"


class WebhookExpiredError(WebhooksError):
    """The message's moment is too far from now."""

    code = "WEBHOOK_EXPIRED"


class WebhookReplayedError(WebhooksError):
    """The message was taken before."""

    code = "WEBHOOK_REPLAYED"


class WebhookBodyInvalidError(WebhooksError):
    """The body is no JSON object, or too large."""

    code = "WEBHOOK_BODY_INVALID"


class WebhookTargetRefusedError(WebhooksError):
    """We do not send to this address."""

    code = "WEBHOOK_TARGET_REFUSED"


class WebhookSubscriptionUnknownError(NotFoundError):
    """There is no such subscription."""

    code = "WEBHOOK_SUBSCRIPTION_UNKNOWN"


class WebhookSubscriptionInvalidError(WebhooksError):
    """No events are named, or one is none."""

    code = "WEBHOOK_SUBSCRIPTION_INVALID"


class WebhookDeliveryUnknownError(NotFoundError):
    """There is no such delivery."""

    code = "WEBHOOK_DELIVERY_UNKNOWN"
