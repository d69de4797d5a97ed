"""What `kyndof-edge status` says to a person."""

from collections.abc import Iterator, Mapping
from typing import Any

_MB = 1_000_000


def status_lines(status: Mapping[str, Any], texts: Mapping[str, str]) -> list[str]:
    """Return one line for each part of the station."""
    return [
        *_identity(status["identity"], texts),
        *_link(status.get("link"), texts),
        *_events(status["events"], texts),
        texts["STATUS.refused"].format(refused=status["refused"], rejected=status["rejected"]),
        _disk(status["disk"], texts),
        _clock(status["clock"], texts),
        *_work(status, texts),
        *_errors(status["errors"], texts),
    ]


def _identity(identity: Mapping[str, Any] | None, texts: Mapping[str, str]) -> Iterator[str]:
    if identity is None:
        yield texts["NOT_ENROLLED"]
        return
    yield texts["STATUS.identity"].format(**identity)
    key = "STATUS.certificate" if identity["certificate_days_left"] > 0 else "STATUS.ended"
    yield texts[key].format(**identity)


def _link(link: Mapping[str, Any] | None, texts: Mapping[str, str]) -> Iterator[str]:
    if link is None:
        yield texts["STATUS.no_agent"]
        return
    yield texts["STATUS.link_up" if link["cloud"] else "STATUS.link_down"].format(**link)


def is_unbalanced(status: Mapping[str, Any]) -> bool:
    """Say whether events are unaccounted for."""
    return bool(status["events"]["unaccounted"])


def _events(events: Mapping[str, Any], texts: Mapping[str, str]) -> Iterator[str]:
    spooled = events["spooled"]
    known = texts["STATUS.spool_unknown"] if spooled is None else spooled
    yield texts["STATUS.events"].format(**{**events, "spooled": known})
    if events["spool"] is not None:
        yield texts["STATUS.spool"].format(**events["spool"])
    if events["unaccounted"]:
        yield texts["STATUS.unaccounted"].format(**events)


def _disk(disk: Mapping[str, Any], texts: Mapping[str, str]) -> str:
    return texts["STATUS.disk"].format(
        level=disk["level"],
        free_mb=disk["free_bytes"] // _MB,
        outbox_mb=disk["outbox_bytes"] // _MB,
        media_mb=disk["media_bytes"] // _MB,
    )


def _clock(clock: Mapping[str, Any], texts: Mapping[str, str]) -> str:
    if clock["behind"]:
        return texts["STATUS.clock_behind"].format(**clock)
    return texts["STATUS.clock_synced" if clock["synced"] else "STATUS.clock"].format(**clock)


def _work(status: Mapping[str, Any], texts: Mapping[str, str]) -> Iterator[str]:
    package = status.get("work_package") or {}
    yield texts["STATUS.package"].format(digest=str(package.get("work_digest", ""))[:12] or "-")
    configuration = status.get("configuration") or {}
    yield texts["STATUS.configuration"].format(
        digest=str(configuration.get("digest", ""))[:12] or "-",
        refusal=configuration.get("refusal") or "-",
    )
    bundle = status.get("bundle") or {}
    yield texts["STATUS.bundle"].format(digest=str(bundle.get("current", ""))[:12] or "base")


def _errors(errors: list[Mapping[str, Any]], texts: Mapping[str, str]) -> Iterator[str]:
    if errors:
        yield texts["STATUS.errors"]
    for line in errors:
        what = " ".join(str(line[key]) for key in ("alarm", "message", "reason") if key in line)
        yield f"  {str(line.get('at', ''))[:19]} {what}"
