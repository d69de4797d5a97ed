"""Where bundles lie and who vouches for them."""

from typing import Protocol

from edge.model_bundles.bundle import Bundle


class BundleSource(Protocol):
    """Opens bundles."""

    def base(self) -> Bundle:
        """Open the bundle inside this package.

        Raises:
            BundleCorruptError: a file is not what the code expects.
        """
        ...

    def signed(self, folder: str) -> Bundle:
        """Open a bundle from a folder, after its signature was checked.

        Raises:
            BundleError: unsigned, wrongly signed, no key set, or corrupt.
        """
        ...
