"""How well a person would see a flaw: a model observer, checked against one that is simulated."""

import cv2
import numpy as np
import pytest

from cloud.infrastructure.training.rendering import ROSE, draw_style, render_sample
from cloud.infrastructure.training.rendering.matching import MatchingObserver

SIDE_PX = 96


def cloth(spread: float, seed: int = 0) -> np.ndarray:
    """Grey cloth (96, 96, 3) uint8 of white noise."""
    noise = np.random.default_rng(seed).normal(110, spread, (SIDE_PX, SIDE_PX, 1))
    return np.repeat(np.clip(np.round(noise), 0, 255), 3, axis=2).astype(np.uint8)


def marked(picture: np.ndarray, depth: float) -> np.ndarray:
    """The picture with a soft dark spot of some 8 px."""
    y, x = np.mgrid[:SIDE_PX, :SIDE_PX] - SIDE_PX / 2
    spot = depth * np.exp(-(x**2 + y**2) / (2 * 4.0**2))
    return np.clip(np.round(picture - spot[..., None]), 0, 255).astype(np.uint8)


def test_what_is_not_there_is_not_seen() -> None:
    good = cloth(6)
    assert MatchingObserver(good).detectability(good) == 0.0


@pytest.mark.requirement("DEF")
def test_a_flaw_shows_by_its_contrast_and_less_on_rough_cloth() -> None:
    even, rough = cloth(5), cloth(20)
    faint, strong = (
        MatchingObserver(even).detectability(marked(even, depth)) for depth in (10, 20)
    )
    assert strong == pytest.approx(2 * faint, rel=0.1)
    assert MatchingObserver(rough).detectability(marked(rough, 20)) < 0.5 * strong


def test_the_detectability_is_what_a_simulated_observer_reaches() -> None:
    """The observer's own template on pictures with and without the spot, its eye written anew."""
    good = cloth(24)
    spot = 110 - cv2.resize(marked(np.full_like(good, 110), 14)[..., 0], None, fx=0.5, fy=0.5,
                            interpolation=cv2.INTER_AREA).astype(float)  # fmt: skip
    periods = np.hypot(*np.meshgrid(np.fft.fftfreq(48), np.fft.fftfreq(48))) * 16
    eye = periods**1.3 * np.exp(-1.3 / 2 * (periods / 4) ** 2)
    template = np.real(np.fft.ifft2(np.fft.fft2(spot) * eye**2))
    heard = []
    for seed in range(300):
        seen = cv2.resize(
            cloth(24, seed + 1)[..., 0], None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA
        )
        heard.append(float((template * seen).sum()))
    simulated = float((template * spot).sum()) / float(np.std(heard))
    expected = MatchingObserver(good).detectability(marked(good, 14))
    assert expected == pytest.approx(simulated, rel=0.25)


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
