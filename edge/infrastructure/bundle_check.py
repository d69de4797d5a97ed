"""May what was fetched be installed here? Signatures, trusted keys, files, terms."""

from collections.abc import Callable, Mapping
from pathlib import Path

from edge.infrastructure.plain_folder import read_folder
from edge.infrastructure.trust_files import TrustFiles
from edge.model_bundles.bundle import opened
from edge.model_bundles.errors import TrustMissingError
from edge.model_bundles.trust import check_fresh, check_install
from edge.station.ports import Clock

SignersOf = Callable[[Path, Mapping[str, str]], frozenset[str]]


class InstallCheck:
    """Asks everything that has to hold before a bundle gets its name."""

    def __init__(self, trust: TrustFiles, signers_of: SignersOf, clock: Clock) -> None:
        self._trust = trust
        self._signers_of = signers_of
        self._clock = clock

    def __call__(self, folder: Path) -> None:
        """Pass or refuse.

        Raises:
            BundleError: its code says why not.
        """
        trust = self._trust.newest()
        if trust is None:
            raise TrustMissingError
        check_fresh(trust, self._trust.timestamp(), self._clock.now())
        bundle = opened(read_folder(folder), "signature")
        keys = {key.key_id: key.public_key_pem for key in trust.release_keys}
        signers = self._signers_of(folder, keys)
        check_install(trust, bundle.label, bundle.terms, signers, self._clock.now())
