"""A style's own judge: alike in PyTorch and onnxruntime, trained on pasted flaws, carried along."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is the extra `train`")

from cloud.infrastructure.training.adaptation import (  # noqa: E402
    AdaptationPlan,
    Sample,
    adapt,
    bank_share,
)
from cloud.infrastructure.training.bundle_files import heads_of  # noqa: E402
from cloud.infrastructure.training.own_judge import (  # noqa: E402
    OwnJudge,
    detail_of,
    own_judge_graph,
)
from cloud.infrastructure.training.pasted_flaws import paste_flaw  # noqa: E402
from edge.infrastructure.onnx_bundle_folder import OnnxBundleFolders  # noqa: E402
from edge.infrastructure.onnx_defect_detector import OnnxDefectDetector  # noqa: E402
from edge.infrastructure.opencv_pictures import OpenCvScaler  # noqa: E402
from edge.inspection.errors import StyleBankCorruptError  # noqa: E402
from edge.inspection.style_bank import StyleBank  # noqa: E402
from edge.inspection.teaching import Lesson, learn_style  # noqa: E402
from edge.inspection.texture import Cloth, Pyramid, TextureJudge  # noqa: E402

pytestmark = pytest.mark.requirement("DEF")


def weave(seed: int, side: int = 96) -> np.ndarray:
    generator = np.random.default_rng(seed)
    waves = 14 * np.sin(np.arange(side) * 2 * np.pi / 6)
    grain = generator.normal(0, 5, (side, side))
    cloth = np.clip(130 + waves[:, None] + waves[None] + grain, 0, 255)
    return np.repeat(cloth[..., None], 3, axis=2).astype(np.uint8)


def whole(frame: np.ndarray) -> Cloth:
    cells = np.ones((frame.shape[0] // 8, frame.shape[1] // 8), dtype=bool)
    return Cloth(pyramid=Pyramid(frame, OpenCvScaler()), cells=cells, foreign=~cells)


@pytest.fixture(scope="module")
def detector() -> OnnxDefectDetector:
    return OnnxDefectDetector(OnnxBundleFolders("").base(), threads=1)


def test_torch_and_onnxruntime_agree_about_a_styles_own_judge(
    detector: OnnxDefectDetector,
) -> None:
    torch.manual_seed(3)
    judge, generator = OwnJudge(), np.random.default_rng(1)
    tiles = generator.integers(0, 256, (1, 64, 96, 3), dtype=np.uint8)
    departures = generator.normal(0, 2, (1, 8, 12, 24)).astype(np.float32)
    base = generator.normal(-4, 2, (1, 8, 12)).astype(np.float32)
    with torch.no_grad():
        pixels = torch.from_numpy(tiles.astype(np.float32)).permute(0, 3, 1, 2)
        given = (detail_of(pixels), torch.from_numpy(departures), torch.from_numpy(base))
        expected = judge(*given).numpy()
    network = own_judge_graph(judge).SerializeToString(deterministic=True)
    logits = detector.judge_own(network, tiles, departures, base)
    assert float(np.abs(logits - expected).max()) < 0.02  # weights are kept in half precision
    assert network == own_judge_graph(judge).SerializeToString(deterministic=True)
    assert len(network) < 100 * 1024


def test_a_judge_begins_with_the_base_where_it_is_built_alike() -> None:
    known = heads_of(OnnxBundleFolders("").base().files).where
    judge = OwnJudge()
    assert judge.begin_with(known)
    np.testing.assert_array_equal(judge.answer.weight.detach().numpy(), known["answer_w"])
    np.testing.assert_array_equal(judge.entry.weight.detach().numpy()[:, :25], known["entry_w"])
    assert not judge.begin_with({**known, "entry_w": known["entry_w"][:, 1:]})
    assert not judge.begin_with({})


def test_a_pasted_flaw_changes_the_picture_where_its_mask_is() -> None:
    generator, picture, seen = np.random.default_rng(2), weave(0), 0
    for _ in range(40):
        pasted = paste_flaw(generator, picture, [weave(1)])
        if pasted is None:
            continue
        seen += 1
        away = ~(pasted.mask | pasted.near)
        change = np.abs(pasted.picture.astype(int) - picture)
        assert change[away].max(initial=0) <= 6
        assert (change[pasted.mask] > 0).mean() > 0.3
    assert seen > 20


def test_a_style_is_adapted_and_judged_by_its_own_network(detector: OnnxDefectDetector) -> None:
    pieces = [whole(weave(seed)) for seed in range(14)]
    lesson = Lesson(style="twill")
    taught = learn_style(lesson, pieces, detector)
    heard: list[tuple[int, int]] = []
    plan = AdaptationPlan(sample_count=16, step_count=4)
    bank = adapt((taught, lesson), pieces, detector, plan, lambda *done: heard.append(done))
    assert heard[-1] == (20, 20)
    assert bank.scales[0].bank_share_ratio in {0.0, 1.0}
    again = adapt((taught, lesson), pieces, detector, plan, lambda *_: None)
    assert again.to_bytes() == bank.to_bytes()
    carried = StyleBank.from_bytes(bank.to_bytes())
    scores = TextureJudge(detector).score_map(whole(weave(90)), carried.scales, carried.judge)
    assert scores.shape == (12, 12)
    assert np.isfinite(scores).all()


class Told(OwnJudge):
    """A judge that says what lies in the first departure."""

    def forward(self, _detail, departures, _base):
        return departures[..., 0]


def pasted(
    generator: np.random.Generator, flawed: bool, *, distance_tells: bool, piece: int
) -> Sample:
    """A sample that the judge tells half of, and the distance all of or nothing but noise."""
    flaw = np.zeros((6, 6), dtype=bool)
    flaw[2, 2:4] = flawed
    departures = generator.normal(0, 1, (6, 6, 24)).astype(np.float16)
    departures[flaw, 0] += 3
    distances = generator.normal(0, 1, (6, 6)).astype(np.float32)
    if distance_tells:
        distances[flaw] += 8
    else:
        # As the border of a tile does: far from the middle, and good.
        distances[0, :4] += generator.uniform(0, 60)
    return Sample(
        detail=np.zeros((48, 48, 3), dtype=np.float16),
        departures=departures,
        distances=distances,
        logits=np.zeros((6, 6), dtype=np.float32),
        flaw=flaw,
        counted=np.ones((6, 6), dtype=bool),
        piece=piece,
    )


@pytest.mark.parametrize("distance_tells", [True, False])
def test_the_distance_counts_unless_it_hides_pasted_flaws(distance_tells: bool) -> None:
    generator = np.random.default_rng(5)
    samples = [
        pasted(generator, n % 2 == 0, distance_tells=distance_tells, piece=n // 2 % 5)
        for n in range(60)
    ]
    assert bank_share(Told(), samples, 1) == float(distance_tells)


def test_the_distance_stays_where_only_one_of_the_pieces_speaks_against_it() -> None:
    generator = np.random.default_rng(5)
    samples = [
        pasted(generator, n % 2 == 0, distance_tells=n // 2 % 5 > 0, piece=n // 2 % 5)
        for n in range(100)
    ]
    assert bank_share(Told(), samples, 1) == 1.0


@pytest.mark.parametrize("network", [b"no network", b""])
def test_a_network_that_is_none_is_refused(detector: OnnxDefectDetector, network: bytes) -> None:
    tile = np.zeros((1, 32, 32, 3), dtype=np.uint8)
    departures, logits = np.zeros((1, 4, 4, 24), np.float32), np.zeros((1, 4, 4), np.float32)
    with pytest.raises(StyleBankCorruptError, match="its judge"):
        detector.judge_own(network, tile, departures, logits)
