"""Kinds that the network learned, on rendered cloth of families that it learned and did not.

Two of the nine families and three kinds were kept from the network (see ``left_out``), which is
trained by the code of ``kyndof train base`` on fewer styles. Styles are drawn by another seed than
those of training and taught as a station teaches them, from 24 good crops. Figures that begin with
``own_`` are of the same tiles by a judge of the style's own, from the same crops (``kyndof train
adapt``). ``--styles`` says how many are drawn of each trained family; twice as many are of each new
one. Tiles of 256 px are scored by their highest cells in units of the taught threshold; intervals
are 95 %, styles drawn anew. ``class_accuracy`` is over all known flaws of styles held out in
training, by their cells; ``named_right_ratio`` over what was found here, where unsure ones are
called unknown.

Flaws are drawn until a person can see them (``rendering.visibility``); ``visible_ratio`` is the
share that could be. Figures that begin with ``any_`` are of flaws drawn without that, some of them
too faint to be seen by anybody.
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
    KINDS_KNOWN,
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
    right_share,
    unknown_share,
)
from tests.benchmarks.report import Report, wilson

SEED = 9105
ANY = "any_"


def main() -> int:
    options = options_of(__doc__ or "")
    detector, trained = detector_of(options.work, quick=options.quick)
    folder = work_folder(options.work)
    plan = shortened(AdaptationPlan(base=trained.where), quick=options.quick)
    report = Report(name="known_kinds", seed=SEED)
    tiles: dict[str, list[Tile]] = defaultdict(list)
    for number, family in numbered_families(options.styles, quick=options.quick):
        group = "trained" if family in FAMILIES_KNOWN else "new"
        style = adapted_style(number, family, plan, detector, folder)
        for drawn, least in (("", ROSE), (ANY, 0.0)):
            good = 4 if options.quick else 24
            show = Show(good=good, flawed=16, kinds=KINDS_KNOWN, least_score=least)
            for way, tile in shown(style, show, SEED, detector):
                tiles[f"{way}{drawn}{group}"].append(tile)
        print(group, family, number, flush=True)
    for way in (INSTANT, OWN):
        for group in ("trained", "new"):
            name = f"{way}{group}"
            report.figures |= figures_of(tiles[name], name)
            name = f"{way}{ANY}{group}"
            report.figures |= outline_of(tiles[name], name)
    whole = tiles[f"{INSTANT}trained"] + tiles[f"{INSTANT}new"]
    report.figures["class_accuracy"] = round(trained.named.accuracy_ratio, 3)
    report.figures["class_accuracy_95"] = list(
        wilson(
            round(trained.named.accuracy_ratio * trained.named.flaw_count),
            trained.named.flaw_count,
        )
    )
    report.figures["named_right_ratio"] = round(right_share(whole), 3)
    report.figures["named_right_95"] = interval(whole, right_share)
    report.figures["left_unknown_ratio"] = round(unknown_share(whole), 3)
    report.figures["weakest_kinds"] = weakest(whole)
    report.targets = {
        "trained_auroc": (">=", 0.98),
        "new_auroc": (">=", 0.95),
        "trained_escape_at_3pct": ("<=", 0.10),
        "new_escape_at_3pct": ("<=", 0.20),
        "class_accuracy": (">=", 0.85),
    }
    return report.print()


def outline_of(tiles: list[Tile], group: str) -> dict[str, object]:
    bad = [tile for tile in tiles if tile.kind is not None]
    return {
        f"{group}_auroc": round(auroc(tiles), 3),
        f"{group}_escape_at_3pct": round(escape_at(tiles), 3),
        f"{group}_visible_ratio": round(sum(t.visible for t in bad) / len(bad), 3),
    }


def figures_of(tiles: list[Tile], group: str) -> dict[str, object]:
    good = [tile for tile in tiles if tile.kind is None]
    bad = [tile for tile in tiles if tile.kind is not None]
    return {
        f"{group}_auroc": round(auroc(tiles), 3),
        f"{group}_auroc_95": interval(tiles, auroc),
        f"{group}_escape_at_3pct": round(escape_at(tiles), 3),
        f"{group}_escape_95": interval(tiles, escape_at),
        f"{group}_taught_false_ratio": round(sum(t.alarmed for t in good) / len(good), 3),
        f"{group}_taught_false_95": list(wilson(sum(t.alarmed for t in good), len(good))),
        f"{group}_taught_found_ratio": round(sum(t.alarmed for t in bad) / len(bad), 3),
        f"{group}_taught_found_95": list(wilson(sum(t.alarmed for t in bad), len(bad))),
        f"{group}_located_ratio": round(sum(t.located for t in bad) / len(bad), 3),
        f"{group}_visible_ratio": round(sum(t.visible for t in bad) / len(bad), 3),
        f"{group}_styles": len({tile.style for tile in tiles}),
    }


def weakest(tiles: list[Tile]) -> dict[str, float]:
    """The five kinds that are found least at the taught threshold."""
    found = {kind: [tile.alarmed for tile in tiles if tile.kind == kind] for kind in KINDS_KNOWN}
    shares = {kind: round(sum(known) / len(known), 2) for kind, known in found.items() if known}
    return dict(sorted(shares.items(), key=lambda item: item[1])[:5])


if __name__ == "__main__":
    raise SystemExit(main())
