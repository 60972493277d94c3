"""The chances of one face, and the noise of its drawing."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from facedissect.demo.draws import Draws
from facedissect.demo.noise import Noise


def test_choices_follow_their_weights() -> None:
    counts = Counter(Draws(seed).choice("clothing", ["a", "b", "c"], [1.0, 0.0, 3.0]) for seed in range(800))
    assert counts["b"] == 0
    assert counts["c"] / 800 == pytest.approx(0.75, abs=0.06)


def test_normal_numbers_have_their_mean_and_stay_in_range() -> None:
    numbers = [Draws(seed).normal("yaw", 2.0, 5.0, -8.0, 12.0) for seed in range(800)]
    assert np.mean(numbers) == pytest.approx(2.0, abs=0.6)
    assert min(numbers) >= -8.0
    assert max(numbers) <= 12.0


def test_each_factor_has_its_own_number() -> None:
    draws = Draws(1)
    assert draws.uniform("yaw", 0.0, 1.0) == draws.uniform("yaw", 0.0, 1.0) != draws.uniform("pitch", 0.0, 1.0)


@pytest.mark.parametrize("grain", ["pores", "fine", "mottled", "patches", "clouds", "curls"])
def test_noise_has_zero_mean_and_unit_deviation_over_many_faces(grain: str) -> None:
    cuttings = np.stack([Noise(64, seed).image(grain) for seed in range(60)])  # type: ignore[arg-type]
    assert abs(cuttings.mean()) < 0.5
    assert cuttings.std() == pytest.approx(1.0, abs=0.35)


def test_noise_differs_between_faces_and_uses() -> None:
    assert not np.array_equal(Noise(64, 1).image("fine"), Noise(64, 2).image("fine"))
    assert not np.array_equal(Noise(64, 1).image("fine", 0), Noise(64, 1).image("fine", 1))


def test_coarse_noise_is_the_same_pattern_at_every_size() -> None:
    small, large = Noise(64, 5).image("patches"), Noise(256, 5).image("patches")
    assert np.corrcoef(small.ravel(), large[2::4, 2::4].ravel())[0, 1] > 0.95


def test_strands_repeat_and_neighbours_differ() -> None:
    noise = Noise(64, 3)
    positions = np.arange(0, 400, dtype=np.float32)
    strands = noise.strands(positions)
    assert np.array_equal(strands, noise.strands(positions + 1024.0))
    assert abs(np.corrcoef(strands[:-1], strands[1:])[0, 1]) < 0.9
