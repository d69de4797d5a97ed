"""Why a bundle is not used."""


class BundleError(Exception):
    """Parent of every error of this feature."""

    code = "BUNDLE_REFUSED"


class BundleCorruptError(BundleError):
    """A file of the bundle is missing, unexpected, or not what the manifest says."""

    code = "BUNDLE_CORRUPT"

    def __init__(self, file: str, problem: str) -> None:
        super().__init__(f"bundle file {file}: {problem}")
        self.file = file
        self.problem = problem


class BundleUnsignedError(BundleError):
    """The bundle carries no signature."""

    code = "BUNDLE_UNSIGNED"

    def __init__(self, bundle: str) -> None:
        super().__init__(f"bundle {bundle} carries no signature (model.sig)")
        self.bundle = bundle


class BundleSignatureError(BundleError):
    """The signature does not belong to these files and this key."""

    code = "BUNDLE_SIGNATURE_WRONG"

    def __init__(self, bundle: str, problem: str) -> None:
        super().__init__(f"signature of bundle {bundle} does not hold: {problem}")
        self.bundle = bundle


class BundleKeyMissingError(BundleError):
    """No public key is set to check signatures by."""

    code = "BUNDLE_KEY_MISSING"
    setting = "KYNDOF_INSPECTION__BUNDLE_PUBLIC_KEY"

    def __init__(self, problem: str = "it is empty") -> None:
        super().__init__(
            f"a signed bundle needs the setting {self.setting}, a PEM public key: {problem}"
        )


class SlotsDamagedError(BundleError):
    """What was written down about the bundles here cannot be read; the base bundle decides."""

    code = "BUNDLE_SLOTS_DAMAGED"

    def __init__(self, problem: str) -> None:
        super().__init__(f"the record of this station's bundles is damaged: {problem}")
        self.problem = problem


class TrustMissingError(BundleError):
    """Nobody has told this station yet whose signatures count."""

    code = "TRUST_MISSING"

    def __init__(self) -> None:
        super().__init__("the cloud has not told yet whose signatures count")


class TrustInvalidError(BundleError):
    """A version of the trusted keys that is damaged, out of turn, or not signed by the roots."""

    code = "TRUST_INVALID"

    def __init__(self, problem: str) -> None:
        super().__init__(f"the trusted keys are refused: {problem}")
        self.problem = problem


class TrustExpiredError(BundleError):
    """The trusted keys are too old to install by; what runs goes on."""

    code = "TRUST_EXPIRED"

    def __init__(self, version: int) -> None:
        super().__init__(f"version {version} of the trusted keys has expired")
        self.version = version


class TrustFrozenError(BundleError):
    """It is not certain that the trusted keys known here are the newest."""

    code = "TRUST_FROZEN"

    def __init__(self, problem: str) -> None:
        super().__init__(f"nothing is installed: {problem}")
        self.problem = problem


class BundleSignerRetiredError(BundleError):
    """The key that signed the bundle signs no more."""

    code = "BUNDLE_SIGNER_RETIRED"

    def __init__(self, bundle: str, key_id: str) -> None:
        super().__init__(f"bundle {bundle} is signed by key {key_id}, whose time is over")
        self.bundle = bundle
        self.key_id = key_id


class BundleSignersTooFewError(BundleError):
    """Fewer release keys signed the bundle than are asked for."""

    code = "BUNDLE_SIGNERS_TOO_FEW"

    def __init__(self, bundle: str, given: int, asked: int) -> None:
        super().__init__(f"bundle {bundle} is signed by {given} of {asked} release keys")
        self.bundle = bundle
        self.given = given
        self.asked = asked


class BundleExpiredError(BundleError):
    """The bundle may not be installed any more."""

    code = "BUNDLE_EXPIRED"

    def __init__(self, bundle: str) -> None:
        super().__init__(f"bundle {bundle} may not be installed any more: it has expired")
        self.bundle = bundle


class BundleAbsentError(BundleError):
    """No bundle of this digest lies here."""

    code = "BUNDLE_ABSENT"

    def __init__(self, digest: str) -> None:
        super().__init__(f"no bundle {digest[:12]} lies here")
        self.digest = digest


class DownloadError(BundleError):
    """What the cloud sends as a bundle cannot be one; ``code`` says why."""

    code = "DOWNLOAD_FAILED"

    def __init__(self, problem: str) -> None:
        super().__init__(f"the bundle is not fetched: {problem}")
        self.problem = problem


class DownloadDamagedError(DownloadError):
    """A file list, chunk or file that is not what was announced, again and again."""

    code = "DOWNLOAD_DAMAGED"


class DownloadNameError(DownloadError):
    """A file whose name would lead out of the bundle's folder."""

    code = "DOWNLOAD_NAME_REFUSED"


class DownloadRoomError(DownloadError):
    """The disk has not twice the bundle's size to spare."""

    code = "DOWNLOAD_NO_ROOM"


class SelfTestError(BundleError):
    """The bundle failed in the process where it was tried; ``code`` says how."""

    def __init__(self, code: str, problem: str) -> None:
        super().__init__(f"self-test: {problem}")
        self.code = code
        self.problem = problem


class BundleOutputError(BundleError):
    """A network on trial answered with what is no number."""

    code = "BUNDLE_OUTPUT_NOT_FINITE"

    def __init__(self, network: str) -> None:
        super().__init__(f"{network} answered with what is no number")
        self.network = network
