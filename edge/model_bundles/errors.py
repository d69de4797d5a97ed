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
