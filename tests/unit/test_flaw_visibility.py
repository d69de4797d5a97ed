"""How well a person would see a flaw: a model observer that does not know the threads."""

import cv2
import numpy as np
import pytest

from cloud.infrastructure.training.rendering import ROSE, draw_style, render_sample
from cloud.infrastructure.training.rendering.visibility import Observer

SIDE_PX = 128


def grey(plane: np.ndarray) -> np.ndarray:
    """A plane (H, W) of grey levels as a picture (H, W, 3) uint8."""
    return np.repeat(np.clip(np.round(plane), 0, 255)[..., None], 3, axis=2).astype(np.uint8)


def noise(seed: int, spread: float = 20.0) -> np.ndarray:
    """Cloth (128, 128) of soft noise about a grey of 110."""
    rough = np.random.default_rng(seed).normal(0, 1, (SIDE_PX, SIDE_PX))
    soft = cv2.GaussianBlur(rough, (0, 0), 1.5)
    return 110 + spread * soft / soft.std()


def square(low: int = 44, high: int = 84) -> np.ndarray:
    """A square mask (128, 128) bool."""
    mask = np.zeros((SIDE_PX, SIDE_PX), np.bool_)
    mask[low:high, low:high] = True
    return mask


def grating(angle_deg: float, amplitude: float = 30.0) -> np.ndarray:
    """Threads (128, 128) a quarter of a degree apart, with a little roughness."""
    y, x = np.mgrid[:SIDE_PX, :SIDE_PX]
    turn = np.deg2rad(angle_deg)
    wave = np.cos((x * np.cos(turn) + y * np.sin(turn)) * (2 * np.pi / 8))
    return 110 + amplitude * wave + np.random.default_rng(5).normal(0, 4, (SIDE_PX, SIDE_PX))


@pytest.mark.requirement("DEF")
def test_another_piece_of_the_same_texture_does_not_stand_out() -> None:
    """Many pixels differ, and yet nobody could say where."""
    good, mask = noise(0), square()
    spoiled = np.where(mask, noise(1), good)
    assert np.abs(spoiled - good)[mask].mean() > 15
    assert Observer(grey(good)).detectability(grey(spoiled), mask) < ROSE


@pytest.mark.requirement("DEF")
def test_a_flaw_shows_by_its_contrast_and_less_on_rough_cloth() -> None:
    mask = square(58, 70)
    even, rough = noise(2, 5.0), noise(2, 20.0)
    faint, strong = (
        Observer(grey(even)).detectability(grey(even - depth * mask), mask) for depth in (12, 24)
    )
    assert strong > 1.6 * faint
    assert Observer(grey(rough)).detectability(grey(rough - 24 * mask), mask) < 0.6 * strong


@pytest.mark.requirement("DEF")
@pytest.mark.parametrize("other", [grating(90), grating(0, 5.0)], ids=["turned", "faded"])
def test_threads_that_turn_or_fade_stand_out(other: np.ndarray) -> None:
    good, mask = grating(0), square()
    spoiled = grey(np.where(mask, other, good))
    assert Observer(grey(good)).detectability(spoiled, mask) > ROSE


def test_a_colour_stands_out_where_brightness_does_not_change() -> None:
    good, mask = grey(noise(0, 6.0)), square()
    spoiled = good.astype(float)
    spoiled[mask] += [18.0, 0.0, -18.0 * 0.299 / 0.114]
    tinted = np.clip(np.round(spoiled), 0, 255).astype(np.uint8)
    assert Observer(good).detectability(tinted, mask) > ROSE
    assert Observer(good).detectability(grey(noise(0, 6.0)), mask) == 0.0


def test_nothing_is_seen_where_nothing_is() -> None:
    good = grey(noise(0))
    observer = Observer(good)
    assert observer.detectability(good, square()) == 0.0
    assert observer.detectability(good, np.zeros((SIDE_PX, SIDE_PX), np.bool_)) == 0.0


def test_a_darker_patch_stands_out_by_how_the_same_patch_varies_over_the_cloth() -> None:
    """The template moved over every place of the good cloth, written anew."""
    good, mask = noise(3, 24.0), square(56, 72)
    spoiled = np.where(mask, good - 16, good)
    half = [
        cv2.resize(plane.astype(np.float32), None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        for plane in (good, spoiled, mask.astype(np.float32))
    ]
    pooled = cv2.GaussianBlur(half[2], (0, 0), 1.0)
    around = cv2.GaussianBlur(pooled, (0, 0), np.sqrt(half[2].sum()) / 2)
    template = pooled / pooled.sum() - around / around.sum()
    answers = [
        float((np.roll(template, (row, column), (0, 1)) * half[0]).sum())
        for row in range(64)
        for column in range(64)
    ]
    eye = (0.25 + (0.02 * 110) ** 2) * float((template**2).sum()) + (0.005 * 110) ** 2
    change = float((template * (half[1] - half[0])).sum())
    expected = abs(change) / np.sqrt(np.var(answers) + eye)
    said = Observer(grey(good)).detectability(grey(spoiled), mask)
    assert said == pytest.approx(expected, rel=0.15)


@pytest.mark.parametrize("side_px", [32, 33, 100, 256])
def test_any_size_of_tile_is_looked_at_and_always_alike(side_px: int) -> None:
    generator = np.random.default_rng(7)
    good = generator.integers(60, 160, (side_px, side_px, 3)).astype(np.uint8)
    spoiled, mask = good.copy(), np.zeros((side_px, side_px), np.bool_)
    mask[8:20, 8:20] = True
    spoiled[mask] = 20
    first = Observer(good).detectability(spoiled, mask)
    assert first > 0
    assert first == Observer(good).detectability(spoiled, mask)


@pytest.mark.requirement("DEF")
def test_a_sample_for_eyes_is_drawn_until_it_can_be_seen_and_says_how_well() -> None:
    generator = np.random.default_rng(4)
    style = draw_style(generator, "woven")
    scores = [
        render_sample(style, generator, kind, 128, ROSE).visible_score
        for kind in ("fuzzy_ball", "knot", "stain") * 8
    ]
    assert np.mean([score >= ROSE for score in scores]) > 0.8
    assert render_sample(style, generator, "stain", 128).visible_score == 0.0


@pytest.mark.requirement("DEF")
@pytest.mark.parametrize("kind", ["misweave", "density_bar"])
def test_flaws_of_the_weave_are_drawn_until_they_stand_out(kind: str) -> None:
    scores = []
    for number in range(20):
        generator = np.random.default_rng([11, number])
        style = draw_style(generator, ("woven", "satin")[number % 2])
        scores.append(render_sample(style, generator, kind, 256, ROSE).visible_score)
    assert np.mean([score >= ROSE for score in scores]) >= 0.7


def test_who_asks_for_no_score_gets_the_same_flaws_as_who_does_not_ask() -> None:
    for number, kind in enumerate(("misweave", "density_warp", "blur_patch", "thread_removal")):
        generators = [np.random.default_rng([13, number]) for _ in range(2)]
        one, two = (
            render_sample(draw_style(generator, "woven"), generator, kind, 128, least)
            for generator, least in zip(generators, (None, 0.0), strict=True)
        )
        assert np.array_equal(one.picture, two.picture)
        assert np.array_equal(one.mask, two.mask)
