"""Pieces: what goes in comes out, in the layout that the page's script reads."""

from __future__ import annotations

import gzip
import json

import numpy as np
import pytest

from facedissect.report.packing import ALIGNED, as_text, pack, unpack

ARRAYS = {
    "bytes": np.arange(5, dtype=np.uint8),
    "few": np.array([[1, 2], [3, 65535]], np.uint16),
    "many": np.array([1 << 31], np.uint32),
    "small": np.array([-1, 300], np.int16),
    "places": np.array([[-1, 1 << 20]], np.int32),
    "real": np.array([[0.1, np.nan, np.inf]], np.float32),
    "flags": np.array([True, False]),
    "empty": np.zeros((0, 4), np.float32),
}


def test_what_goes_in_comes_out() -> None:
    values, arrays = unpack(pack({"name": "<ü\udcff>", "sizes": [1, 2]}, ARRAYS))
    assert values == {"name": "<ü\udcff>", "sizes": [1, 2]}
    assert list(arrays) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert arrays[name].shape == array.shape
        np.testing.assert_array_equal(arrays[name], array)


def test_big_endian_and_transposed_arrays_are_laid_out_anew() -> None:
    array = np.arange(6, dtype=">f4").reshape(2, 3).T
    np.testing.assert_array_equal(unpack(pack({}, {"a": array}))[1]["a"], array)


def test_every_array_starts_where_the_script_can_look_at_it() -> None:
    data = gzip.decompress(pack({"a": "b"}, ARRAYS))
    length = int.from_bytes(data[:4], "little")
    header = json.loads(data[4 : 4 + length])
    assert all(told["offset"] % ALIGNED == 0 for told in header["arrays"].values())
    start = -(-(4 + length) // ALIGNED) * ALIGNED
    few = header["arrays"]["few"]
    assert data[start + few["offset"] :][:8] == ARRAYS["few"].astype("<u2").tobytes()


def test_the_same_is_packed_alike() -> None:
    assert pack({"a": 1}, ARRAYS) == pack({"a": 1}, ARRAYS)


def test_text_needs_no_escaping() -> None:
    assert not set(as_text(pack({"a": "</script>"}, ARRAYS))) & set("<>&\"'\\\n")


def test_a_type_that_the_script_does_not_know() -> None:
    with pytest.raises(TypeError, match=r"expected an array of .* for a, got <f8"):
        pack({}, {"a": np.zeros(1)})


def test_nan_is_no_json() -> None:
    with pytest.raises(ValueError, match="JSON"):
        pack({"a": float("nan")})
