"""What a key or a token may be used for: names of commands and queries, or groups of them.

``finish_step`` is one act, ``read`` every question that needs no letter, ``production.*`` every
command and restricted question of a domain, ``live`` the stream of events. A scope gives no right:
what is left is still judged by RABSIC.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from cloud.commands.command import Command, Query, command_type
from cloud.organizations.errors import ScopeUnknownError, ScopeWidenedError

READ = "read"
LIVE = "live"
MOST_SCOPES = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """Every word that a scope may be."""

    acts: frozenset[str]
    domains: frozenset[str]

    def knows(self, scope: str) -> bool:
        """Say whether ``scope`` means anything."""
        domain, dot, rest = scope.partition(".")
        in_domain = bool(dot) and rest == "*" and domain in self.domains
        return scope in {READ, LIVE} or scope in self.acts or in_domain


def vocabulary(kinds: Iterable[type[Command] | type[Query]]) -> Vocabulary:
    """Return the words for these commands and queries."""
    known = tuple(kinds)
    return Vocabulary(
        acts=frozenset(command_type(kind) for kind in known),
        domains=frozenset(kind.domain for kind in known if kind.domain),
    )


def covers(scopes: frozenset[str] | None, act: Command | Query) -> bool:
    """Say whether ``scopes`` let this act pass."""
    if scopes is None or command_type(type(act)) in scopes:
        return True
    if isinstance(act, Query) and not act.restricted:
        return READ in scopes
    return bool(act.domain) and f"{act.domain}.*" in scopes


def checked(
    wished: tuple[str, ...] | None, words: Vocabulary, held: frozenset[str] | None
) -> tuple[str, ...] | None:
    """Return the scopes of a new key, sorted; None: not narrowed.

    Raises:
        ScopeUnknownError: a word means nothing, or there is none.
        ScopeWidenedError: who asks does not hold them.
    """
    if wished is None:
        if held is not None:
            raise ScopeWidenedError("a narrowed key makes no wider one", scopes=sorted(held))
        return None
    if not wished or len(wished) > MOST_SCOPES:
        raise ScopeUnknownError(f"1 to {MOST_SCOPES} scopes are needed", scopes=[])
    if strangers := sorted({scope for scope in wished if not words.knows(scope)}):
        raise ScopeUnknownError("there is no such scope", scopes=[one[:80] for one in strangers])
    if held is not None and not set(wished) <= held:
        raise ScopeWidenedError("a narrowed key makes no wider one", scopes=sorted(held))
    return tuple(sorted(set(wished)))
