"""What is refused about bundles and their rollouts."""

from cloud.commands.errors import CommandError


class RolloutError(CommandError):
    """Something about a bundle or its rollout was refused."""

    code = "ROLLOUT_ERROR"


class ShiftTestInvalidError(RolloutError):
    """Shares, bounds or counts of the test for risen rejects cannot be."""

    code = "SHIFT_TEST_INVALID"


class RolloutInvalidError(RolloutError):
    """A rollout names stations, numbers or a stage that cannot be."""

    code = "ROLLOUT_INVALID"


class RolloutUnknownError(RolloutError):
    """The organization has no such rollout."""

    code = "ROLLOUT_UNKNOWN"


class RolloutStageError(RolloutError):
    """The rollout is not at a stage at which this can be done; ``details.stage`` says where."""

    code = "ROLLOUT_STAGE_WRONG"


class RolloutStationBusyError(RolloutError):
    """A station takes part in another open rollout; ``details`` name both."""

    code = "ROLLOUT_STATION_BUSY"


class RolloutSelfApprovedError(RolloutError):
    """Whoever signed the bundle or made the rollout may not approve it."""

    code = "ROLLOUT_SELF_APPROVED"


class RolloutDigestError(RolloutError):
    """The approval names another bundle than the rollout holds."""

    code = "ROLLOUT_DIGEST_DIFFERS"


class ModelBundleUnknownError(RolloutError):
    """The organization has released no such bundle, or none that the asker may have."""

    code = "MODEL_BUNDLE_UNKNOWN"


class ModelBundleInvalidError(RolloutError):
    """The bundle's manifest or files are not what a station would take; ``field`` names where."""

    code = "MODEL_BUNDLE_INVALID"


class ModelBundleOlderError(RolloutError):
    """The release counter does not rise; ``details.newest`` is the last one."""

    code = "MODEL_BUNDLE_OLDER"


class ModelBundleExpiredError(RolloutError):
    """The bundle's time is over: no station would begin with it."""

    code = "MODEL_BUNDLE_EXPIRED"


class TrustInvalidError(RolloutError):
    """A version of the trusted keys is damaged, skips one, or is not signed by its roots."""

    code = "TRUST_INVALID"
