"""Password hashes by argon2id, in threads, a few at a time."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from cloud.organizations.ports import Verified

#: 64 MiB each: two at once bound the memory and leave the processors to others.
AT_ONCE = 2


class Argon2Passwords:
    """Hashes and compares. A hash made with other parameters is renewed when it fits."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher(
            time_cost=3, memory_cost=64 * 1024, parallelism=1, type=Type.ID
        )
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="argon2")
        # Nobody's password: what is compared when there is nobody.
        self._nobody: str | None = None

    async def hash(self, password: str) -> str:
        """Return the hash with its salt and parameters."""
        return await asyncio.get_running_loop().run_in_executor(
            self._threads, self._hasher.hash, password
        )

    async def verify(self, password_hash: str | None, password: str) -> Verified:
        """Compare; without a hash it takes as long and fits never."""
        return await asyncio.get_running_loop().run_in_executor(
            self._threads, self._verify, password_hash, password
        )

    def _verify(self, password_hash: str | None, password: str) -> Verified:
        if self._nobody is None:
            self._nobody = self._hasher.hash("")
        try:
            self._hasher.verify(password_hash or self._nobody, password)
        except (VerificationError, InvalidHashError):
            return Verified(fits=False)
        if password_hash is None:
            return Verified(fits=False)
        old = self._hasher.check_needs_rehash(password_hash)
        return Verified(fits=True, renewed=self._hasher.hash(password) if old else None)
