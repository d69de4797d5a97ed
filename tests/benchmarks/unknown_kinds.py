"""Kinds that the network never saw: found, located, and called unknown.

The network and the styles are those of ``known_kinds``: three kinds and two families were kept from
the network, and each style is taught from 24 good crops as a station teaches it. Figures that begin
with ``own_`` are of the same tiles by a judge of the style's own (``kyndof train adapt``).
Located: the highest cell lies within 4 px of
the flaw's mask. Called unknown: of the flaws found at the taught threshold, those whose strongest
finding carries no kind's name. Intervals are 95 %, styles drawn anew.

Flaws are drawn until a person can see them (``rendering.visibility``); figures that begin with
``any_`` are of flaws drawn without that, some of them too faint to be seen by anybody.
"""

from collections import defaultdict

from cloud.infrastructure.training.adaptation import AdaptationPlan
from cloud.infrastructure.training.rendering import ROSE
from tests.benchmarks.adapted_styles import (
    INSTANT,
    OWN,
    adapted_style,
    numbered_families,
    shortened,
    shown,
)
from tests.benchmarks.left_out import (
    FAMILIES_KNOWN,
    FAMILIES_LEFT_OUT,
    KINDS_LEFT_OUT,
    detector_of,
    options_of,
    work_folder,
)
from tests.benchmarks.rendered_styles import (
    Show,
    Tile,
    auroc,
    escape_at,
    interval,
    unknown_share,
)
from tests.benchmarks.report import Report, wilson

SEED = 9104
ANY = "any_"


def located_share(tiles: list[Tile]) -> float:
    bad = [tile for tile in tiles if tile.kind is not None]
    return sum(tile.located for tile in bad) / max(1, len(bad))


def main() -> int:
    options = options_of(__doc__ or "")
    detector, trained = detector_of(options.work, quick=options.quick)
    folder = work_folder(options.work)
    plan = shortened(AdaptationPlan(base=trained.where), quick=options.quick)
    good, flawed = (4, 3) if options.quick else (24, 15)
    drawn: dict[str, list[Tile]] = defaultdict(list)
    for number, family in numbered_families(options.styles, quick=options.quick):
        style = adapted_style(number, family, plan, detector, folder)
        for name, least in (("", ROSE), (ANY, 0.0)):
            show = Show(good=good, flawed=flawed, kinds=KINDS_LEFT_OUT, least_score=least)
            for way, tile in shown(style, show, SEED, detector):
                drawn[way + name].append(tile)
        print(family, number, flush=True)
    tiles = drawn[INSTANT]
    report = Report(name="unknown_kinds", seed=SEED)
    for way in (INSTANT, OWN):
        report.figures |= {way + key: value for key, value in figures_of(drawn[way]).items()}
        name = way + ANY
        report.figures[f"{name}auroc"] = round(auroc(drawn[name]), 3)
        report.figures[f"{name}located_ratio"] = round(located_share(drawn[name]), 3)
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
