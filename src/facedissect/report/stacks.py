"""The shares of subgroups in every unit of a layer, stacked, as a small picture: one column a unit."""

from __future__ import annotations

import base64
import io

import numpy as np
from jaxtyping import Float
from matplotlib.colors import to_hex, to_rgb
from PIL import Image

from .drawing import palette

HEIGHT = 100
"""Pixels of a column: one a percent."""


def colours(subgroups: int) -> list[str]:
    """The colour of each subgroup, as `#4477aa`."""
    return [to_hex(colour) for colour in palette(subgroups)]


def stack_uri(shares: Float[np.ndarray, "unit subgroup"], first: int) -> str:
    """A PNG as a data URI: the units by falling share of subgroup `first`, whose band lies at the bottom.

    Args:
        shares: of each unit; they add up to 1, and NaN counts as 0.
        first: a subgroup's place; the others follow upwards in their order.
    """
    order = np.array([first, *(place for place in range(shares.shape[1]) if place != first)], np.uint8)
    known = np.nan_to_num(shares)[:, order]
    edges = known[np.argsort(-known[:, 0], kind="stable")].cumsum(axis=1)
    heights = 1 - (np.arange(HEIGHT) + 0.5) / HEIGHT
    band = (edges[None, :, :-1] <= heights[:, None, None]).sum(axis=2)
    image = Image.fromarray(order[band], "P")
    image.putpalette([round(255 * part) for colour in palette(shares.shape[1]) for part in to_rgb(colour)])
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"
