"""One table from a refusal to what a station hears over gRPC."""

from typing import NoReturn

import grpc
import grpc.aio

from cloud.commands.errors import (
    ApprovalPendingError,
    CommandError,
    CommandUnknownError,
    ConflictError,
    ForbiddenError,
    IdempotencyConflictError,
    NotFoundError,
    PayloadInvalidError,
)
from cloud.rollouts.errors import (
    ModelBundleExpiredError,
    ModelBundleInvalidError,
    ModelBundleOlderError,
    ModelBundleUnknownError,
    RolloutDigestError,
    RolloutError,
    RolloutInvalidError,
    RolloutSelfApprovedError,
    RolloutStageError,
    RolloutStationBusyError,
    RolloutUnknownError,
    ShiftTestInvalidError,
    TrustInvalidError,
)
from cloud.stations.errors import (
    CertificateRevokedError,
    ConfigurationBeyondCameraError,
    ConfigurationCameraLacksError,
    ConfigurationInvalidError,
    ConfigurationProfileError,
    ConfigurationUnknownError,
    DecisionInvalidError,
    DigestMismatchError,
    DisputeResolvedError,
    DisputeUnknownError,
    EpochFencedError,
    EpochUnknownError,
    ExportForeignError,
    ExportInvalidError,
    JoinTokenExpiredError,
    JoinTokenSerialError,
    JoinTokenUnknownError,
    JoinTokenUsedError,
    MediaInvalidError,
    MediaUnknownError,
    ProtocolBrokenError,
    RenewalTooLateError,
    RenewalUnprovenError,
    SequenceGapError,
    SigningRequestInvalidError,
    StationError,
    StationInvalidError,
    StationNameTakenError,
    StationRevokedError,
    StationSilentError,
    StationStageUnknownError,
    StationUnknownError,
)

CODE = grpc.StatusCode
STATUS: dict[type[CommandError], grpc.StatusCode] = {
    CommandError: CODE.UNKNOWN,
    CommandUnknownError: CODE.UNIMPLEMENTED,
    PayloadInvalidError: CODE.INVALID_ARGUMENT,
    ForbiddenError: CODE.PERMISSION_DENIED,
    ApprovalPendingError: CODE.FAILED_PRECONDITION,
    IdempotencyConflictError: CODE.ALREADY_EXISTS,
    NotFoundError: CODE.NOT_FOUND,
    ConflictError: CODE.ABORTED,
    StationError: CODE.FAILED_PRECONDITION,
    StationUnknownError: CODE.PERMISSION_DENIED,
    StationNameTakenError: CODE.ALREADY_EXISTS,
    StationStageUnknownError: CODE.INVALID_ARGUMENT,
    StationInvalidError: CODE.INVALID_ARGUMENT,
    StationRevokedError: CODE.PERMISSION_DENIED,
    CertificateRevokedError: CODE.PERMISSION_DENIED,
    ExportForeignError: CODE.PERMISSION_DENIED,
    ExportInvalidError: CODE.INVALID_ARGUMENT,
    RenewalTooLateError: CODE.FAILED_PRECONDITION,
    RenewalUnprovenError: CODE.PERMISSION_DENIED,
    JoinTokenUnknownError: CODE.PERMISSION_DENIED,
    JoinTokenExpiredError: CODE.PERMISSION_DENIED,
    JoinTokenUsedError: CODE.ALREADY_EXISTS,
    JoinTokenSerialError: CODE.PERMISSION_DENIED,
    SigningRequestInvalidError: CODE.INVALID_ARGUMENT,
    EpochUnknownError: CODE.ABORTED,
    EpochFencedError: CODE.ABORTED,
    SequenceGapError: CODE.FAILED_PRECONDITION,
    DigestMismatchError: CODE.DATA_LOSS,
    StationSilentError: CODE.ABORTED,
    ProtocolBrokenError: CODE.FAILED_PRECONDITION,
    DisputeUnknownError: CODE.NOT_FOUND,
    DisputeResolvedError: CODE.FAILED_PRECONDITION,
    DecisionInvalidError: CODE.INVALID_ARGUMENT,
    ConfigurationInvalidError: CODE.INVALID_ARGUMENT,
    ConfigurationCameraLacksError: CODE.INVALID_ARGUMENT,
    ConfigurationProfileError: CODE.INVALID_ARGUMENT,
    ConfigurationBeyondCameraError: CODE.INVALID_ARGUMENT,
    ConfigurationUnknownError: CODE.NOT_FOUND,
    MediaUnknownError: CODE.NOT_FOUND,
    MediaInvalidError: CODE.INVALID_ARGUMENT,
    RolloutError: CODE.FAILED_PRECONDITION,
    ShiftTestInvalidError: CODE.INVALID_ARGUMENT,
    RolloutInvalidError: CODE.INVALID_ARGUMENT,
    RolloutUnknownError: CODE.NOT_FOUND,
    RolloutStageError: CODE.FAILED_PRECONDITION,
    RolloutStationBusyError: CODE.FAILED_PRECONDITION,
    RolloutSelfApprovedError: CODE.PERMISSION_DENIED,
    RolloutDigestError: CODE.FAILED_PRECONDITION,
    ModelBundleUnknownError: CODE.NOT_FOUND,
    ModelBundleInvalidError: CODE.INVALID_ARGUMENT,
    ModelBundleOlderError: CODE.FAILED_PRECONDITION,
    ModelBundleExpiredError: CODE.FAILED_PRECONDITION,
    TrustInvalidError: CODE.INVALID_ARGUMENT,
}
#: What a station does about a refusal is decided by its code, so it travels beside the text.
CODE_KEY = "kyndof-error-code"
EXPECTED_KEY = "kyndof-expected-seq"


def status_of(error: CommandError) -> grpc.StatusCode:
    """Return the status of an error, by its class or the nearest above it."""
    for kind in type(error).__mro__:
        if kind in STATUS:
            return STATUS[kind]
    return CODE.UNKNOWN


async def refuse(context: grpc.aio.ServicerContext, error: CommandError) -> NoReturn:  # type: ignore[type-arg]
    """End the call with the error's status, code and message."""
    detail = "fenced" if isinstance(error, EpochFencedError) else f"{error.code}: {error.message}"
    trailing: list[tuple[str, str]] = [(CODE_KEY, error.code)]
    if isinstance(error, SequenceGapError):
        trailing.append((EXPECTED_KEY, str(error.details["expected"])))
    await context.abort(status_of(error), detail, tuple(trailing))
