"""`kyndof shell`: one conversation, begun here or elsewhere, with every command at hand."""

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import WordCompleter
from prompt_toolkit.patch_stdout import patch_stdout

from cloud.interfaces.terminal.remote import Remote, RemoteError
from cloud.interfaces.terminal.tables import show
from cloud.interfaces.terminal.wishes import WishInvalidError, payload_of
from cloud.interfaces.terminal.words import say

_WORDS = ["/sessions", "/open", "/new", "/do", "/ask", "/help", "/quit"]


@dataclass(slots=True)
class Conversation:
    """What the shell does with one line; ``tell`` shows a sentence."""

    remote: Remote
    tell: Callable[[str], None]
    session_id: str = ""

    def open(self, session_id: str) -> None:
        """Go on with a conversation: it moves to the terminal, and its history is shown."""
        self.remote.call("POST", f"/sessions/{session_id}/interface", {"interface": "terminal"})
        found = self.remote.call("GET", f"/sessions/{session_id}")
        self.session_id = session_id
        for entry in found["entries"]:
            self.tell(f"{entry['author'] or entry['role']} · {entry['interface']}: {entry['text']}")

    def line(self, text: str) -> bool:
        """Do what a line says; False ends the shell."""
        word, _, rest = text.strip().partition(" ")
        if word in {"/quit", "/exit"}:
            return False
        try:
            self._done(word, rest, text)
        except (RemoteError, WishInvalidError, ValueError) as error:
            self.tell(str(error))
        return True

    def _done(self, word: str, rest: str, text: str) -> None:
        if word == "/help" or not text.strip():
            self.tell(say("SHELL_HELP"))
        elif word == "/sessions":
            show(self.remote.call("GET", "/sessions"), as_json=False)
        elif word == "/open":
            self.open(rest.strip())
        elif word == "/new":
            self.session_id = self.remote.call("POST", "/sessions", {})["session_id"]
            self.tell(self.session_id)
        elif word in {"/do", "/ask"}:
            self._errand("commands" if word == "/do" else "queries", shlex.split(rest))
        elif not self.session_id:
            self.tell(say("SHELL_NONE"))
        else:
            path = f"/sessions/{self.session_id}/entries"
            self.remote.call("POST", path, {"text": text})

    def _errand(self, kind: str, words: list[str]) -> None:
        found: dict[str, dict[str, Any]] = {e["type"]: e for e in self.remote.catalogue(kind)}
        name = words[0].replace("-", "_") if words else ""
        if name not in found:
            raise WishInvalidError(
                say("TYPE_UNKNOWN", type=name, word="do" if kind == "commands" else "ask")
            )
        answer = self.remote.call("POST", f"/{kind}/{name}", payload_of(found[name], words[1:], ""))
        show(answer, as_json=False)


def run_shell(remote: Remote, session_id: str) -> None:
    """Read lines until the end."""
    conversation = Conversation(remote, print_line)
    remote.call("GET", "/me")
    if session_id:
        conversation.open(session_id)
    prompt: PromptSession[str] = PromptSession(completer=WordCompleter(_WORDS))
    with patch_stdout():
        print_line(say("SHELL_HELP"))
        while True:
            try:
                text = prompt.prompt("kyndof> ")
            except (EOFError, KeyboardInterrupt):
                return
            if not conversation.line(text):
                return


def print_line(text: str) -> None:
    """Show one line."""
    show(text, as_json=False)
