"""The masks: for every concept the pixels of what was drawn for it, without what hides it.

A part or attribute is cut out by the same distance functions that draw it, at the centre of each pixel. An action unit or a quality of the skin
is the place where it moves or marks the face: one or two ellipses in face coordinates.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from .beard import beard_distance, beard_window, goatee_distance, mustache_distance
from .canvas import Window
from .edges import disc
from .eyes import brow_distance, brow_windows, eye_distance, eye_windows
from .factors import FaceFactors
from .glasses import frame_distance, glasses_distance, glasses_window
from .mouth import lips_distance, mouth_window
from .relief import nose_outline
from .shape import FaceShape
from .view import View

Mask = NDArray[np.bool_]
Ellipse = tuple[float, float, float, float]
"""Middle (u, v) and radii in face coordinates; mirrored unless the middle is at u = 0."""


def face_masks(view: View, factors: FaceFactors, visible: Mask) -> dict[str, Mask]:
    """Concept -> mask (size x size) for every local concept that is present, in the order of the vocabulary.

    `visible`: pixels of the head that hair does not hide.
    """
    drawn = _Drawn(view, factors, visible)
    return {concept: drawn.mask(concept) for concept in factors.concepts}


class _Drawn:
    """Masks of one face; what several concepts share is computed once."""

    def __init__(self, view: View, factors: FaceFactors, visible: Mask) -> None:
        self._view = view
        self._factors = factors
        self._lens_free = visible
        self._visible = visible
        if "Eyeglasses" in factors.present:
            window = glasses_window(view)
            self._lens_free = visible.copy()
            self._lens_free[window] &= frame_distance(view, factors, window) <= 0
        self._ellipses = _ellipses(view.shape)

    def mask(self, concept: str) -> Mask:
        """The mask of one concept."""
        rule = _RULES.get(concept)
        if rule is not None:
            return rule(self)
        return self._discs(self._ellipses[concept])

    def _cut(self, *pieces: tuple[Window, np.ndarray], behind_glasses: bool = True) -> Mask:
        """The visible pixels of each window where the distance is positive."""
        visible = self._lens_free if behind_glasses else self._visible
        mask = np.zeros_like(visible)
        for window, distance in pieces:
            mask[window] |= distance > 0
        mask &= visible
        return mask

    def _discs(self, ellipses: tuple[Ellipse, ...]) -> Mask:
        view = self._view
        both = [(side * u, v, ru, rv) for u, v, ru, rv in ellipses for side in ((1, -1) if u else (1,))]
        windows = view.windows((u - ru, v - rv, u + ru, v + rv) for u, v, ru, rv in both)
        return self._cut(
            *(
                (w, disc(view.u[w], view.v[w], (u, v), (ru, rv)))
                for (u, v, ru, rv), w in zip(both, windows, strict=True)
            )
        )

    def eye(self, index: int) -> Mask:
        """Between the lids of one eye; 0 is the image's right, the subject's left."""
        window = eye_windows(self._view)[index]
        return self._cut((window, eye_distance(self._view, window, (1.0, -1.0)[index])))

    def eyes(self) -> Mask:
        return self.eye(0) | self.eye(1)

    def brow(self, index: int) -> Mask:
        """One brow; 0 is the image's right, the subject's left."""
        window = brow_windows(self._view)[index]
        return self._cut((window, brow_distance(self._view, window, (1.0, -1.0)[index])))

    def brows(self) -> Mask:
        return self.brow(0) | self.brow(1)

    def cheek(self, index: int) -> Mask:
        u, v, ru, rv = self._ellipses["cheek"][0]
        u *= (1.0, -1.0)[index]
        window = self._view.window(u - ru, v - rv, u + ru, v + rv)
        return self._cut((window, disc(self._view.u[window], self._view.v[window], (u, v), (ru, rv))))

    def nose(self) -> Mask:
        nose = self._view.shape.nose
        reach = nose.wing_width * 1.1
        window = self._view.window(-reach, nose.root, reach, nose.base + 0.05)
        return self._cut((window, nose_outline(nose, self._view.u[window], self._view.v[window])))

    def mouth(self) -> Mask:
        window = mouth_window(self._view)
        return self._cut((window, lips_distance(self._view, window)))

    def lower_face(self, *distances: Callable[[View, Window], np.ndarray]) -> Mask:
        window = beard_window(self._view)
        return self._cut(*((window, distance(self._view, window)) for distance in distances))

    def glasses(self) -> Mask:
        window = glasses_window(self._view)
        return self._cut((window, glasses_distance(self._view, self._factors, window)), behind_glasses=False)


_RULES: dict[str, Callable[[_Drawn], Mask]] = {
    "nose": _Drawn.nose,
    "Big_Nose": _Drawn.nose,
    "Pointy_Nose": _Drawn.nose,
    "left_brow": lambda drawn: drawn.brow(0),
    "right_brow": lambda drawn: drawn.brow(1),
    "Arched_Eyebrows": _Drawn.brows,
    "Bushy_Eyebrows": _Drawn.brows,
    "left_eye": lambda drawn: drawn.eye(0),
    "right_eye": lambda drawn: drawn.eye(1),
    "Narrow_Eyes": _Drawn.eyes,
    "left_cheek": lambda drawn: drawn.cheek(0),
    "right_cheek": lambda drawn: drawn.cheek(1),
    "mouth": _Drawn.mouth,
    "Big_Lips": _Drawn.mouth,
    "Smiling": _Drawn.mouth,
    "Mouth_Slightly_Open": _Drawn.mouth,
    "Wearing_Lipstick": _Drawn.mouth,
    "Eyeglasses": _Drawn.glasses,
    "No_Beard": lambda drawn: drawn.lower_face(beard_distance),
    "5_o_Clock_Shadow": lambda drawn: drawn.lower_face(beard_distance, mustache_distance),
    "Goatee": lambda drawn: drawn.lower_face(goatee_distance),
    "Mustache": lambda drawn: drawn.lower_face(mustache_distance),
}


def _ellipses(shape: FaceShape) -> dict[str, tuple[Ellipse, ...]]:
    """Where action units move the face, and the qualities that have no edge of their own."""
    eye, brow, nose, mouth, skull = shape.eye, shape.brow, shape.nose, shape.mouth, shape.skull
    corner_v = mouth.v + mouth.corner
    cheek_v = (eye.v + mouth.v) * 0.5 + 0.02
    chin_v = skull.bottom - 0.14
    low_lip = mouth.v + mouth.open_down + mouth.lower
    middle = mouth.v + (mouth.open_down - mouth.open_up) * 0.5
    return {
        "cheek": ((eye.u + 0.07, cheek_v, 0.17, 0.15),),
        "Rosy_Cheeks": ((eye.u + 0.07, cheek_v, 0.165, 0.135),),
        "High_Cheekbones": ((0.43, eye.v + 0.20, 0.17, 0.12),),
        "Bags_Under_Eyes": ((eye.u, eye.v + eye.lower + 0.055, eye.half_width, 0.06),),
        "Double_Chin": ((0.0, skull.bottom - 0.11, 0.36, 0.10),),
        "AU_1": ((brow.u * 0.52, brow.v - brow.inner * 0.5 - 0.05, 0.15, 0.15),),
        "AU_2": ((brow.u + brow.half_length * 0.55, brow.v - brow.outer * 0.5 - 0.04, 0.15, 0.14),),
        "AU_4": ((0.0, brow.v, brow.u + 0.02, 0.11),),
        "AU_5": ((eye.u, eye.v - eye.upper * 0.9, eye.half_width * 1.05, 0.065),),
        "AU_6": ((eye.u + 0.09, eye.v + eye.lower + 0.075, 0.20, 0.11),),
        "AU_9": ((0.0, nose.root + 0.20 * (nose.base - nose.root), 0.15, 0.15),),
        "AU_12": ((mouth.half_width + 0.01, corner_v - 0.03, 0.11, 0.12),),
        "AU_15": ((mouth.half_width, corner_v + 0.05, 0.09, 0.12),),
        "AU_17": ((0.0, (low_lip + chin_v) * 0.5 + 0.02, 0.20, 0.13),),
        "AU_20": ((mouth.half_width + 0.02, mouth.v, 0.12, 0.13),),
        "AU_25": ((0.0, middle, mouth.half_width * 0.9, mouth.open_down + 0.06),),
        "AU_26": ((0.0, (low_lip + skull.bottom) * 0.5 - 0.02, 0.30, (skull.bottom - low_lip) * 0.5 + 0.04),),
    }
