"""Kinds that the network never saw: found, located, and called unknown.

The network is that of ``known_kinds``: three kinds and two families were kept from it. A style is
taught from 24 good crops as a station teaches it. Located: the highest cell lies within 4 px of the
flaw's mask. Called unknown: of the flaws found at the taught threshold, those whose strongest
finding carries no kind's name. Intervals are 95 %, styles drawn anew.

Flaws are drawn until a person can see them (``rendering.visibility``); figures that begin with
``any_`` are of flaws drawn without that, some of them too faint to be seen by anybody.
"""

from cloud.infrastructure.training.rendering import ROSE
from tests.benchmarks.left_out import (
    FAMILIES_KNOWN,
    FAMILIES_LEFT_OUT,
    KINDS_LEFT_OUT,
    detector_of,
    options_of,
)
from tests.benchmarks.rendered_styles import (
    Show,
    Tile,
    auroc,
    escape_at,
    interval,
    judged_style,
    unknown_share,
)
from tests.benchmarks.report import Report, wilson

SEED = 9104


def located_share(tiles: list[Tile]) -> float:
    return sum(tile.located for tile in tiles) / max(1, len(tiles))


def main() -> int:
    options = options_of(__doc__ or "")
    detector, _ = detector_of(options.work, quick=options.quick)
    families = (*FAMILIES_KNOWN, *FAMILIES_LEFT_OUT)
    each = 1 if options.quick else 4
    drawn: dict[float, list[Tile]] = {ROSE: [], 0.0: []}
    good, flawed = (4, 3) if options.quick else (24, 15)
    for place, family in enumerate(families[:: len(families) - 1] if options.quick else families):
        for turn in range(each):
            for least, known in drawn.items():
                show = Show(good=good, flawed=flawed, kinds=KINDS_LEFT_OUT, least_score=least)
                known += judged_style(each * place + turn, SEED, family, show, detector)
        print(family, flush=True)
    tiles = drawn[ROSE]
    report = Report(name="unknown_kinds", seed=SEED)
    report.figures = figures_of(tiles)
    for name, value in figures_of(drawn[0.0]).items():
        report.figures[f"any_{name}"] = value
    report.figures["per_kind"] = {
        kind: {
            "auroc": round(auroc([t for t in tiles if t.kind in {None, kind}]), 3),
            "located": round(located_share([t for t in tiles if t.kind == kind]), 3),
            "unknown": round(unknown_share([t for t in tiles if t.kind == kind]), 3),
        }
        for kind in KINDS_LEFT_OUT
    }
    report.targets = {
        "auroc": (">=", 0.93),
        "located_ratio": (">=", 0.80),
        "unknown_ratio": (">=", 0.70),
    }
    return report.print()


def figures_of(tiles: list[Tile]) -> dict[str, object]:
    bad = [tile for tile in tiles if tile.kind is not None]
    good = [tile for tile in tiles if tile.kind is None]
    known = [tile for tile in tiles if tile.family in FAMILIES_KNOWN]
    new = [tile for tile in tiles if tile.family in FAMILIES_LEFT_OUT]
    located = sum(tile.located for tile in bad)
    return {
        "auroc": round(auroc(tiles), 3),
        "auroc_95": interval(tiles, auroc),
        "trained_families_auroc": round(auroc(known), 3),
        "new_families_auroc": round(auroc(new), 3),
        "escape_at_3pct": round(escape_at(tiles), 3),
        "located_ratio": round(located / len(bad), 3),
        "located_95": list(wilson(located, len(bad))),
        "unknown_ratio": round(unknown_share(tiles), 3),
        "unknown_95": interval(tiles, unknown_share),
        "taught_false_ratio": round(sum(t.alarmed for t in good) / len(good), 3),
        "taught_found_ratio": round(sum(t.alarmed for t in bad) / len(bad), 3),
        "visible_ratio": round(sum(t.visible for t in bad) / len(bad), 3),
        "styles": len({tile.style for tile in tiles}),
    }


if __name__ == "__main__":
    raise SystemExit(main())
