"""Retraining learns from corrections, gives the same again, and writes only what is promoted."""

import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is the extra `train`")

from cloud.infrastructure.training.base_training import BasePlan, shown  # noqa: E402
from cloud.infrastructure.training.bundle_files import (  # noqa: E402
    Heads,
    bundle_files,
    heads_of,
    read_bundle,
    write_bundle,
)
from cloud.infrastructure.training.candidate_files import version_of, write_candidate  # noqa: E402
from cloud.infrastructure.training.candidate_trial import doubtful_ratio  # noqa: E402
from cloud.infrastructure.training.corrections import (  # noqa: E402
    CELLS,
    UNNAMED,
    Corrections,
    StyleWithoutGoodError,
)
from cloud.infrastructure.training.golden_bank import CHANNELS  # noqa: E402
from cloud.infrastructure.training.network import (  # noqa: E402
    folded,
    head_of,
    what_head,
    where_head,
)
from cloud.infrastructure.training.rendering import KINDS  # noqa: E402
from cloud.infrastructure.training.retraining import (  # noqa: E402
    Retrained,
    RetrainPlan,
    is_held_out,
    named_kinds,
    remembered,
    retrain,
    split,
)
from cloud.learning.promotion import Refusal, Weighed  # noqa: E402
from edge.inspection.prototypes import Prototypes, describe_flaw  # noqa: E402

pytestmark = pytest.mark.requirement("TRN", "GAT")
PLAN = RetrainPlan(
    base=BasePlan(seed=5, style_count=4), replay_style_count=2, old_style_count=2, epoch_count=2
)
DIGEST = "d" * 64


@cache
def heads() -> Heads:
    torch.manual_seed(2)
    torch.set_num_threads(1)
    where, what = where_head(), what_head(len(KINDS))
    seen = torch.from_numpy(
        np.random.default_rng(4).normal(0, 2, (2, 20, 36, CHANNELS)).astype(np.float32)
    )
    for head in (where, what):
        head.train()
        head(seen)
    return Heads(where=folded(where.eval()), what=folded(what.eval()), confidence_ratio=0.5)


def corrections() -> Corrections:
    """Two styles with good tiles, a new kind that shows in one direction, and a nameless flaw."""
    words = np.array(([""] * 12 + ["moth_hole"] * 8 + [UNNAMED] * 2) * 2, dtype="U64")
    departures = np.random.default_rng(3).normal(size=(len(words), CELLS, CELLS, CHANNELS))
    masks = np.zeros(departures.shape[:3], bool)
    masks[words != "", 8:12, 8:12] = True
    departures[words == "moth_hole", 8:12, 8:12, 5] += 8
    return Corrections(
        bundle_digest=DIGEST,
        styles=np.repeat(["blouse", "coat"], len(words) // 2),
        pieces=np.array([f"P{number // 2}" for number in range(len(words))], dtype="U64"),
        words=words,
        departures=departures.astype(np.float16),
        masks=masks,
    )


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Retrained]:
    folder = tmp_path_factory.mktemp("retrained")
    return folder, retrain(heads(), corrections(), PLAN, folder, lambda done, total: None)


@pytest.mark.parametrize("which", ["where", "what"])
def test_a_head_comes_back_from_its_weights(which: str) -> None:
    weights = heads().where if which == "where" else heads().what
    assert weights is not None
    for name, kept in folded(head_of(weights)).items():
        np.testing.assert_allclose(kept, weights[name], rtol=1e-5, atol=1e-7)


def test_a_piece_is_wholly_learned_from_or_wholly_held_out() -> None:
    whole = corrections()
    learned, held_out = split(whole)
    pieces = [
        {f"{s}/{p}" for s, p in zip(part.styles, part.pieces, strict=True)}
        for part in (learned, held_out)
    ]
    assert not pieces[0] & pieces[1]
    assert len(learned) + len(held_out) == len(whole)
    assert len(held_out)


def test_the_where_head_learns_and_the_what_head_stays(once: tuple[Path, Retrained]) -> None:
    found, before = once[1].heads, heads()
    assert any(not np.array_equal(found.where[name], before.where[name]) for name in found.where)
    assert found.what is not None
    assert before.what is not None
    for name, weight in before.what.items():
        np.testing.assert_array_equal(found.what[name], weight)


def test_a_kind_that_people_named_is_a_prototype(once: tuple[Path, Retrained]) -> None:
    assert set(once[1].prototypes.kinds) - {UNNAMED} == {"moth_hole"}
    told = corrections().part(np.flatnonzero(corrections().words == "moth_hole"))
    named = [
        once[1].prototypes.name(describe_flaw(departures.astype(np.float32), mask)).kind
        for departures, mask in zip(told.departures, told.masks, strict=True)
    ]
    assert named.count("moth_hole") > 0.3 * len(named)


def test_a_kind_that_people_named_takes_few_flaws_of_others(
    once: tuple[Path, Retrained],
) -> None:
    memory = remembered(PLAN, once[0], lambda done: None)
    flaws = memory.replay.part(np.flatnonzero(memory.replay.masks.any(axis=(1, 2))))
    named = [
        once[1].prototypes.name(describe_flaw(departures.astype(np.float32), mask)).kind
        for departures, mask in zip(flaws.departures, flaws.masks, strict=True)
    ]
    assert len(named) >= 10
    assert named.count("moth_hole") <= 0.2 * len(named)


def test_a_kind_that_the_network_knows_is_left_to_it(once: tuple[Path, Retrained]) -> None:
    said = corrections()
    said.words[said.words == "moth_hole"] = "hole"
    plan, memory = PLAN, remembered(PLAN, once[0], lambda done: None)
    assert named_kinds(said, shown(plan.base, memory.replay), KINDS).kinds == ()


def test_too_few_held_out_pictures_promote_nothing(once: tuple[Path, Retrained]) -> None:
    assert once[1].weighed.refusals == (Refusal.TOO_FEW_PICTURES,)


def test_the_same_corrections_give_the_same_weights(once: tuple[Path, Retrained]) -> None:
    told: list[tuple[int, int]] = []
    again = retrain(heads(), corrections(), PLAN, once[0], lambda *done: told.append(done))
    for name, weight in once[1].heads.where.items():
        np.testing.assert_array_equal(again.heads.where[name], weight)
    assert told[-1][0] == told[-1][1]
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_a_style_that_keeps_no_good_tile_to_learn_from_is_refused(tmp_path: Path) -> None:
    whole = corrections()
    good = (whole.styles == "coat") & (whole.words == "")
    names = (f"G{number}" for number in range(1000))
    held_out = (name for name in names if is_held_out("coat", name))
    whole.pieces[good] = [next(held_out) for _ in range(int(good.sum()))]
    with pytest.raises(StyleWithoutGoodError):
        retrain(heads(), whole, PLAN, tmp_path, lambda done, total: None)


def promoted(prototypes: Prototypes) -> Retrained:
    weighed = Weighed(
        refusals=(), figures={}, picture_count=400, won_count=9, lost_count=1, shown_score=3.0
    )
    return Retrained(
        heads=heads(), prototypes=prototypes, weighed=weighed, learned_count=30, held_out_count=9
    )


def test_a_promoted_candidate_is_a_bundle_with_a_version_of_its_own(
    once: tuple[Path, Retrained], tmp_path: Path
) -> None:
    before = bundle_files(heads(), "card")
    written = write_candidate(tmp_path, promoted(once[1].prototypes), PLAN, before)
    assert written.bundle is not None
    files = read_bundle(written.bundle)
    manifest = json.loads(files["manifest.json"])
    assert manifest["version"].startswith("2.1.0+")
    for name, weight in heads().where.items():
        np.testing.assert_allclose(heads_of(files).where[name], weight, atol=1e-6)
    kinds = Prototypes.from_bytes((tmp_path / "kinds.prototypes").read_bytes())
    assert "moth_hole" in kinds.kinds
    assert kinds.bundle_digest == written.digest


def test_a_version_goes_on_from_that_of_the_bundle_before() -> None:
    where = heads().where
    again = version_of(where, version_of(where, "3.0.0"))
    assert again == version_of(where, "3.0.0")
    assert again.startswith("3.0.0+")


def test_a_refused_candidate_leaves_no_bundle_not_even_an_earlier_one(
    once: tuple[Path, Retrained], tmp_path: Path
) -> None:
    before, good = bundle_files(heads(), "card"), promoted(once[1].prototypes)
    write_candidate(tmp_path, good, PLAN, before)
    bad = replace(good, weighed=replace(good.weighed, refusals=(Refusal.NOT_BETTER,)))
    assert write_candidate(tmp_path, bad, PLAN, before).bundle is None
    assert not (tmp_path / "candidate").exists()
    assert not (tmp_path / "kinds.prototypes").exists()
    report = json.loads((tmp_path / "gate.json").read_text(encoding="utf-8"))
    assert (report["promoted"], report["refusals"]) == (False, ["NOT_BETTER"])


@pytest.mark.parametrize("how", ["changed", "cut", "absent", "other"])
def test_a_bundle_that_is_not_its_manifest_is_not_read(tmp_path: Path, how: str) -> None:
    write_bundle(tmp_path, heads(), "card")
    if how == "changed":
        (tmp_path / "card.md").write_text("another", encoding="utf-8")
    elif how == "cut":
        data = (tmp_path / "manifest.json").read_bytes()
        (tmp_path / "manifest.json").write_bytes(data[:40])
    elif how == "absent":
        (tmp_path / "judges.onnx").unlink()
    else:
        (tmp_path / "manifest.json").write_text("[]", encoding="utf-8")
    with pytest.raises((OSError, ValueError)):
        read_bundle(tmp_path)


def test_places_where_nothing_stands_out_make_words_doubtful() -> None:
    said = corrections()
    clean = doubtful_ratio(heads(), said.part(np.flatnonzero(said.words == "moth_hole")))
    said.masks[said.flawed] = np.roll(said.masks[said.flawed], 9, axis=(1, 2))
    assert clean < 0.2 < doubtful_ratio(heads(), said)
