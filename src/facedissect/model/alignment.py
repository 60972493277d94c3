"""Five-point alignment: the similarity that takes a face's landmarks to the ArcFace template.

Coordinates are (x, y) in pixels, and pixel centres lie at half-integers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ..errors import FaceReadError

ARCFACE_SIZE = 112
# Left and right eye (as seen in the picture), nose tip, left and right mouth corner in a 112 x 112 image, from
# InsightFace (Deng et al., ArcFace, CVPR 2019). Published with pixel centres at integers, hence the half.
ARCFACE_TEMPLATE = 0.5 + np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
)


@dataclass(frozen=True)
class Similarity:
    """x, y -> rotation, uniform scale and shift: z -> factor * z + shift on z = x + iy."""

    factor: complex
    shift: complex

    def __call__(self, points: Float[np.ndarray, "*shape 2"]) -> Float[np.ndarray, "*shape 2"]:
        """The moved points."""
        moved = self.factor * (points[..., 0] + 1j * points[..., 1]) + self.shift
        return np.stack([moved.real, moved.imag], axis=-1)

    def inverse(self) -> Similarity:
        """The way back."""
        return Similarity(1 / self.factor, -self.shift / self.factor)

    @property
    def scale(self) -> float:
        """How much longer a line becomes."""
        return abs(self.factor)

    @property
    def matrix(self) -> Float[np.ndarray, "2 3"]:
        """The same as an affine matrix, for column vectors (x, y, 1)."""
        a, b = self.factor, self.shift
        return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])


def five_points(landmarks: Float[np.ndarray, "68 2"]) -> Float[np.ndarray, "5 2"]:
    """Eye centres, nose tip and mouth corners of 68 landmarks in the iBUG order."""
    return np.stack([landmarks[36:42].mean(0), landmarks[42:48].mean(0), landmarks[30], landmarks[48], landmarks[54]])


def similarity_to_template(
    landmarks: Float[np.ndarray, "68 2"], size: tuple[int, int], margin: float = 0.0
) -> Similarity:
    """The least-squares similarity from a face to the ArcFace template, fitted into `size` (height, width).

    Args:
        landmarks: 68 points in the iBUG order.
        size: of the aligned image in pixels.
        margin: room around the template on every side, as a share of its own size.

    Raises:
        FaceReadError: the landmarks lie in one point or are not finite.
    """
    way_out = "correct the dictionary's landmarks or use --crop none"
    if landmarks.shape != (68, 2) or not np.isfinite(landmarks).all():
        raise FaceReadError(
            f"expected 68 finite landmarks (x, y) for crop=align, got an array of shape {landmarks.shape}; {way_out}"
        )
    height, width = size
    scale = min(size) / (ARCFACE_SIZE * (1 + 2 * margin))
    target = (ARCFACE_TEMPLATE - ARCFACE_SIZE / 2) * scale + [width / 2, height / 2]
    source_z, target_z = (np.asarray(p @ [1, 1j]) for p in (five_points(landmarks.astype(np.float64)), target))
    source_mean, target_mean = complex(source_z.mean()), complex(target_z.mean())
    spread = float((abs(source_z - source_mean) ** 2).sum())
    if spread == 0:
        raise FaceReadError(f"expected landmarks of a face for crop=align, got all of them in one point; {way_out}")
    # Least squares over complex numbers cannot mirror, so this is the similarity of Umeyama (1991) in closed form.
    factor = complex((np.conj(source_z - source_mean) * (target_z - target_mean)).sum()) / spread
    if factor == 0:
        raise FaceReadError(f"expected landmarks of a face for crop=align, got points without any order; {way_out}")
    return Similarity(factor, target_mean - factor * source_mean)
