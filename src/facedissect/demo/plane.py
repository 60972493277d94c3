"""The arrays that the drawing works on: one number for each pixel of the image or of a window in it."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Plane: TypeAlias = NDArray[np.floating[Any]]
"""Height x width, or 3 x height x width for colours; float32 wherever it comes from the pixel grid."""
Window: TypeAlias = tuple[slice, slice]
"""Rows and columns of the image."""
EVERYWHERE: Window = (slice(None), slice(None))
