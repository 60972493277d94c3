"""The masks: for every concept the pixels of what was drawn for it, without what hides it.

A part or attribute is cut out by the same distance functions that draw it, at the centre of each pixel. The mask of an
action unit or a quality of the skin is the place where it moves or marks the face: one or two ellipses (places.py).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from .beard import beard_distance, beard_window, goatee_distance, mustache_distance
from .edges import disc
from .eyes import SIDES, brow_distance, brow_windows, eye_distance, eye_windows
from .factors import FaceFactors
from .glasses import frame_distance, glasses_distance, glasses_window
from .mouth import lips_distance, mouth_window
from .nose import nose_outline
from .places import Ellipse, places
from .plane import Window
from .view import View

Mask = NDArray[np.bool_]


def face_masks(view: View, factors: FaceFactors, head: Mask, uncovered: Mask) -> dict[str, Mask]:
    """Concept -> mask (size x size) for every local concept that is present, in the order of the vocabulary.

    `head`: pixels of the head. `uncovered`: pixels without hair before them.
    """
    drawn = _Drawn(view, factors, head, uncovered)
    return {concept: drawn.mask(concept) for concept in factors.concepts}


class _Drawn:
    """Masks of one face; what several concepts share is computed once."""

    def __init__(self, view: View, factors: FaceFactors, head: Mask, uncovered: Mask) -> None:
        self._view = view
        self._factors = factors
        self._uncovered = uncovered
        self._visible = head & uncovered
        self._frameless = self._visible
        if "Eyeglasses" in factors.present:
            window = glasses_window(view)
            self._frameless = self._visible.copy()
            self._frameless[window] &= frame_distance(view, factors, window) <= 0
        self._places = places(view.shape)
        self._known: dict[str, Mask] = {}

    def mask(self, concept: str) -> Mask:
        """The mask of one concept."""
        name = _SAME_PLACE.get(concept, concept)
        if name not in self._known:
            self._known[name] = _RULES[name](self) if name in _RULES else self._discs(self._places[name])
        return self._known[name].copy()

    def _cut(self, *pieces: tuple[Window, np.ndarray], where: Mask | None = None) -> Mask:
        """The pixels of each window where the distance is positive: those of the face before glasses, or of `where`."""
        allowed = self._frameless if where is None else where
        mask = np.zeros_like(allowed)
        for window, distance in pieces:
            mask[window] |= distance > 0
        mask &= allowed
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
        return self._cut((window, eye_distance(self._view, window, SIDES[index])))

    def brow(self, index: int) -> Mask:
        """One brow; 0 is the image's right, the subject's left."""
        window = brow_windows(self._view)[index]
        return self._cut((window, brow_distance(self._view, window, SIDES[index])))

    def both(self, one: str, other: str) -> Mask:
        """The union of two masks."""
        return self.mask(one) | self.mask(other)

    def cheek(self, index: int) -> Mask:
        u, v, ru, rv = self._places["cheek"][0]
        u *= SIDES[index]
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

    def shaven(self) -> Mask:
        """The bare skin where a beard would grow."""
        window = beard_window(self._view)
        return self._cut((window, beard_distance(self._view, window)))

    def grown(self, *distances: Callable[[View, Window], np.ndarray]) -> Mask:
        """Hair of the lower face, which reaches a little over the outline of the head."""
        window = beard_window(self._view)
        return self._cut(*((window, distance(self._view, window)) for distance in distances), where=self._uncovered)

    def glasses(self) -> Mask:
        window = glasses_window(self._view)
        return self._cut((window, glasses_distance(self._view, self._factors, window)), where=self._visible)


_SAME_PLACE: dict[str, str] = {
    "Big_Nose": "nose",
    "Pointy_Nose": "nose",
    "Bushy_Eyebrows": "Arched_Eyebrows",
    "Big_Lips": "mouth",
    "Smiling": "mouth",
    "Mouth_Slightly_Open": "mouth",
    "Wearing_Lipstick": "mouth",
}
"""Concepts with the same mask as another."""

_RULES: dict[str, Callable[[_Drawn], Mask]] = {
    "nose": _Drawn.nose,
    "left_brow": lambda drawn: drawn.brow(0),
    "right_brow": lambda drawn: drawn.brow(1),
    "Arched_Eyebrows": lambda drawn: drawn.both("left_brow", "right_brow"),
    "left_eye": lambda drawn: drawn.eye(0),
    "right_eye": lambda drawn: drawn.eye(1),
    "Narrow_Eyes": lambda drawn: drawn.both("left_eye", "right_eye"),
    "left_cheek": lambda drawn: drawn.cheek(0),
    "right_cheek": lambda drawn: drawn.cheek(1),
    "mouth": _Drawn.mouth,
    "Eyeglasses": _Drawn.glasses,
    "No_Beard": _Drawn.shaven,
    "5_o_Clock_Shadow": lambda drawn: drawn.grown(beard_distance, mustache_distance),
    "Goatee": lambda drawn: drawn.grown(goatee_distance),
    "Mustache": lambda drawn: drawn.grown(mustache_distance),
}
