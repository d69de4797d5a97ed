"""`kyndof bundle`: keys that sign bundles, a signature under a folder, and its release."""

from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from cloud.interfaces.terminal.words import say
from cloud.rollouts.queries import ModelBundleView

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Organization = Annotated[str, typer.Option(help="Short code of the organization.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleKey:
    """A trusted release key; ``here`` says that its private half lies in the folder of keys."""

    key_id: str
    not_after: datetime
    here: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleKeys:
    """The newest version of the trusted keys."""

    version: int
    expires_at: datetime
    threshold: int
    folder: str
    keys: tuple[BundleKey, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestWords:
    """What is written into a manifest; an empty ``label`` leaves name and version as they are."""

    counter: int
    expires_days: int
    latency_ms: float
    memory_mb: int
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A signed folder, by the digest of its manifest."""

    model_digest: str
    key_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleDoors:
    """What composition hands in."""

    keys: Callable[[bool, tuple[str, ...], int], Awaitable[BundleKeys]]
    publish: Callable[[str], Awaitable[int]]
    prepare: Callable[[Path, ManifestWords], Awaitable[None]]
    sign: Callable[[Path, str, bool], Awaitable[Signed]]
    release: Callable[[Path, tuple[str, ...], str], Awaitable[ModelBundleView]]


Run = Callable[[Awaitable[Any]], Any]
Show = Callable[[Any, str, bool], None]


def add_bundles(app: typer.Typer, doors: Callable[[], BundleDoors], run: Run, show: Show) -> None:
    """Add the commands to ``app``; whoever owns the folder of keys may use them."""
    group = typer.Typer(no_args_is_help=True, help="Model bundles: keys, signatures, releases.")
    app.add_typer(group, name="bundle")

    @group.command("keys")
    def keys(
        rotate: Annotated[bool, typer.Option(help="Make a new release key that signs.")] = False,
        retire: Annotated[
            list[str] | None, typer.Option(help="With --rotate: believe this key no more.")
        ] = None,
        threshold: Annotated[
            int, typer.Option(min=0, help="With --rotate: so many keys have to sign a bundle.")
        ] = 0,
        publish: Annotated[
            str, typer.Option(help="Tell the stations of this organization of the newest keys.")
        ] = "",
        as_json: Json = False,
    ) -> None:
        """Show the keys that sign bundles; the first time, make them."""
        found: BundleKeys = run(doors().keys(rotate, tuple(retire or ()), threshold))
        if publish:
            run(doors().publish(publish))
        show(asdict(found), _table(found), as_json)

    _add_signing(group, doors, run, show)


def _add_signing(
    group: typer.Typer, doors: Callable[[], BundleDoors], run: Run, show: Show
) -> None:
    @group.command("prepare")
    def prepare(
        folder: Path,
        counter: Annotated[int, typer.Option(min=1, help="Release counter; it must rise.")],
        expires_days: Annotated[
            int, typer.Option(min=1, help="Nobody begins with it later.")
        ] = 365,
        latency_ms: Annotated[
            float, typer.Option(min=1, help="Longest time of one tile of 512 px.")
        ] = 2000.0,
        memory_mb: Annotated[
            int, typer.Option(min=1, help="What loading and running it may add.")
        ] = 2048,
        label: Annotated[str, typer.Option(help="NAME@VERSION; else as the manifest has it.")] = "",
    ) -> None:
        """Write into the manifest of FOLDER what a release needs, and its files' digests anew."""
        wish = ManifestWords(
            counter=counter,
            expires_days=expires_days,
            latency_ms=latency_ms,
            memory_mb=memory_mb,
            label=label,
        )
        run(doors().prepare(folder, wish))

    @group.command("sign")
    def sign(
        folder: Path,
        key: Annotated[str, typer.Option(help="Sign with this release key; else the newest.")] = "",
        beside: Annotated[
            bool, typer.Option(help="Leave the signatures that are there: several keys sign.")
        ] = False,
        as_json: Json = False,
    ) -> None:
        """Check the manifest of FOLDER and sign every file with a release key."""
        signed: Signed = run(doors().sign(folder, key, beside))
        sentence = say("BUNDLE_SIGNED", digest=signed.model_digest, name=signed.key_id)
        show(asdict(signed), sentence, as_json)

    @group.command("release")
    def release(
        folder: Path,
        signed_by: Annotated[
            list[str],
            typer.Option(help="Login of who signed it, each once; they approve no rollout of it."),
        ],
        organization: Organization = "demo",
        as_json: Json = False,
    ) -> None:
        """Put the signed FOLDER where stations can be sent for it."""
        view: ModelBundleView = run(doors().release(folder, tuple(signed_by), organization))
        sentence = say(
            "BUNDLE_RELEASED", name=view.name, version=view.version, digest=view.model_digest
        )
        show(asdict(view), sentence, as_json)


def _table(found: BundleKeys) -> str:
    lines = [say("BUNDLE_KEYS", version=found.version, folder=found.folder)]
    lines += [
        f"{key.key_id}  {key.not_after:%Y-%m-%d}  {'*' if key.here else ''}".rstrip()
        for key in found.keys
    ]
    return "\n".join(lines)
