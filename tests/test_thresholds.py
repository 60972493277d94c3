from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from facedissect.errors import OutputError
from facedissect.thresholds import TopValues


def streamed(maps: np.ndarray, quantile: float, method: str = "linear", batch: int = 3) -> np.ndarray:
    images, units, height, width = maps.shape
    total = images * height * width
    top = TopValues.for_quantile(units, total, quantile, method)
    for start in range(0, images, batch):
        top.update(torch.from_numpy(maps[start : start + batch]))
    return top.result(total, quantile, method).values


def per_unit(maps: np.ndarray) -> np.ndarray:
    return maps.transpose(1, 0, 2, 3).reshape(maps.shape[1], -1).astype(np.float64)


@pytest.mark.parametrize("quantile", [0.5, 0.9, 0.95, 0.995, 0.9999])
def test_equals_numpy_quantile(quantile: float) -> None:
    maps = np.random.default_rng(0).standard_normal((17, 5, 6, 7)).astype(np.float32)
    maps[:, 2] = np.maximum(maps[:, 2], 0)  # many ties at zero
    expected = np.quantile(per_unit(maps), quantile, axis=1, method="linear")
    np.testing.assert_allclose(streamed(maps, quantile), expected, rtol=1e-6)


@settings(deadline=None, max_examples=60)
@given(
    images=st.integers(1, 9),
    side=st.integers(1, 4),
    quantile=st.floats(0.01, 0.999),
    batch=st.integers(1, 9),
    seed=st.integers(0, 1000),
)
def test_any_stream_equals_numpy_quantile(images: int, side: int, quantile: float, batch: int, seed: int) -> None:
    maps = np.random.default_rng(seed).integers(-3, 4, (images, 3, side, side)).astype(np.float32)
    expected = np.quantile(per_unit(maps), quantile, axis=1, method="linear")
    np.testing.assert_allclose(streamed(maps, quantile, batch=batch), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("quantile", [0.95, 0.995])
def test_published_method_is_hazen_at_the_sketchs_last_probability(quantile: float) -> None:
    maps = np.random.default_rng(1).standard_normal((40, 3, 5, 5)).astype(np.float32)
    probability = int(1000 * quantile - 1) / 999
    expected = np.quantile(per_unit(maps), probability, axis=1, method="hazen")
    np.testing.assert_allclose(streamed(maps, quantile, "published"), expected, rtol=1e-6)


def test_shards_merge_to_the_same_bits() -> None:
    maps = torch.randn(21, 4, 6, 6, generator=torch.Generator().manual_seed(0))
    total = 21 * 36
    whole = TopValues.for_quantile(4, total, 0.9, "linear")
    whole.update(maps)
    merged = TopValues.for_quantile(4, total, 0.9, "linear")
    for shard in range(7):
        part = TopValues.for_quantile(4, total, 0.9, "linear")
        part.update(maps[shard::7])
        merged.merge(part)
    np.testing.assert_array_equal(merged.result(total, 0.9, "linear").values, whole.result(total, 0.9, "linear").values)


def test_a_unit_with_nan_does_not_disturb_the_others() -> None:
    maps = np.random.default_rng(2).standard_normal((10, 3, 4, 4)).astype(np.float32)
    expected = streamed(maps, 0.9)
    maps[4, 1, 2, 2] = np.nan
    values = streamed(maps, 0.9)
    assert np.isnan(values[1]) or np.isfinite(values[1])
    np.testing.assert_array_equal(values[[0, 2]], expected[[0, 2]])


def test_merging_another_size_is_refused() -> None:
    with pytest.raises(OutputError, match="expected top values of 3 units x 10 to merge, got 3 x 11"):
        TopValues(3, 10).merge(TopValues(3, 11))


def test_too_few_values_are_refused() -> None:
    top = TopValues.for_quantile(2, 100, 0.9, "linear")
    top.update(torch.zeros(1, 2, 2, 2))
    with pytest.raises(OutputError, match="expected at least 11 values"):
        top.result(100, 0.9, "linear")
