"""Tries a bundle in a process of its own, which may crash, hang or want all memory."""

import json
import logging
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from edge.model_bundles.errors import SelfTestError

_LOG = logging.getLogger(__name__)
LONGEST_S = 120.0
_LARGEST_ANSWER = 4_096
_COMMAND = (sys.executable, "-m", "edge.infrastructure.bundle_child")
_KEPT = ("PATH", "PYTHONPATH", "LANG", "LD_LIBRARY_PATH")


class BundleSelfTest:
    """Starts the child, waits, and takes any end but a good answer for a failed test."""

    def __init__(
        self,
        environment: Mapping[str, str],
        threads: int,
        longest_s: float = LONGEST_S,
        command: Sequence[str] = _COMMAND,
    ) -> None:
        self._environment = {k: v for k, v in environment.items() if k in _KEPT}
        self._threads = threads
        self._longest_s = longest_s
        self._command = tuple(command)

    def run(self, folder: Path, digest: str) -> None:
        """Try a bundle; returns when it passed.

        Raises:
            SelfTestError: it did not; the code says how.
        """
        command = [*self._command, str(folder), digest, str(self._threads)]
        try:
            done = subprocess.run(  # noqa: S603 - our own interpreter and module
                command,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                timeout=self._longest_s,
                start_new_session=True,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise SelfTestError("SELF_TEST_TIMEOUT", f"over {self._longest_s:.0f} s") from error
        except OSError as error:
            raise SelfTestError("SELF_TEST_NOT_STARTED", str(error)) from error
        answer = _answer(done.stdout)
        if done.returncode != 0 or answer is None:
            raise SelfTestError("SELF_TEST_CRASHED", f"its process ended with {done.returncode}")
        if answer.get("code") != "":
            raise SelfTestError(str(answer.get("code"))[:64], str(answer.get("problem"))[:300])
        _LOG.info("bundle passed its self-test", extra={"digest": digest} | answer)


def _answer(output: bytes) -> dict[str, object] | None:
    try:
        answer = json.loads(output[-_LARGEST_ANSWER:])
    except ValueError:
        return None
    return answer if isinstance(answer, dict) else None
