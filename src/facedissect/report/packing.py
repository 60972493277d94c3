"""Tables and arrays as a page holds them: pieces of bytes that its script unpacks when it needs them.

A piece is gzip of: the header's length (uint32), the header (JSON, padded with spaces), the arrays. Everything is little-endian
and starts at a multiple of 8 bytes, so that the script can look at the arrays where they lie.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

ALIGNED = 8
TYPES = frozenset({"|u1", "<u2", "<u4", "<i2", "<i4", "<f4"})
"""The types of arrays that the script knows."""

LEVEL = 6


def pack(values: Mapping[str, Any], arrays: Mapping[str, np.ndarray] | None = None) -> bytes:
    """A piece of values, which JSON can hold without NaN, and of arrays of one of TYPES, booleans counting as bytes."""
    described, body, offset = {}, [], 0
    for name, array in (arrays or {}).items():
        little = _little(array)
        if little.dtype.str not in TYPES:
            raise TypeError(f"expected an array of {', '.join(sorted(TYPES))} for {name}, got {little.dtype.str}")
        described[name] = {"type": little.dtype.str, "shape": list(little.shape), "offset": offset}
        data = _padded(little.tobytes(), b"\0")
        body.append(data)
        offset += len(data)
    header = json.dumps({"values": dict(values), "arrays": described}, allow_nan=False, separators=(",", ":")).encode()
    length = np.array([len(header)], "<u4").tobytes()
    return gzip.compress(b"".join([_padded(length + header, b" "), *body]), LEVEL, mtime=0)


def unpack(piece: bytes) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The values and the arrays of a piece."""
    data = gzip.decompress(piece)
    length = int(np.frombuffer(data, "<u4", 1)[0])
    header = json.loads(data[4 : 4 + length])
    start = _aligned(4 + length)
    arrays = {
        name: np.frombuffer(data, told["type"], int(np.prod(told["shape"])), start + told["offset"]).reshape(
            told["shape"]
        )
        for name, told in header["arrays"].items()
    }
    return header["values"], arrays


def as_text(piece: bytes) -> str:
    """The bytes in letters that need no escaping in HTML or JavaScript."""
    return base64.b64encode(piece).decode("ascii")


def _little(array: np.ndarray) -> np.ndarray:
    plain = array.view(np.uint8) if array.dtype == np.bool_ else array
    return np.ascontiguousarray(plain, plain.dtype.newbyteorder("<"))


def _aligned(size: int) -> int:
    return -(-size // ALIGNED) * ALIGNED


def _padded(data: bytes, filling: bytes) -> bytes:
    return data.ljust(_aligned(len(data)), filling)
