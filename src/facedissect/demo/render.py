"""From factors to pixels: the layers from back to front, light, and the camera."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import SettingsError
from .background import background
from .beard import paint_beard
from .body import paint_clothes, paint_ears, paint_neck
from .canvas import Canvas
from .colour import hair_colour, scaled, skin_colour
from .edges import clamp
from .eyes import paint_brows, paint_eyes
from .factors import FaceFactors
from .glasses import paint_glasses
from .hair import hair_of, paint_back, paint_front
from .landmarks import face_box, landmarks
from .light import light_up
from .masks import face_masks
from .mouth import paint_mouth
from .noise import Noise
from .pose import Pose
from .shape import face_shape
from .skin import paint_nostrils, paint_skin
from .view import View
from .wrinkles import paint_wrinkles

Box = tuple[float, float, float, float]

DRAWING = 1
"""Number of the drawing: raised whenever the same factors give other pixels than before."""
SMALLEST_SIDE = 32
"""Pixels; smaller images show no features."""
_BROW_DARKER = 0.62
"""Brows and beards are darker than the hair of the head."""
_BROW_GREYS_LATER = 0.6
"""Brows have this share of the head's grey hair."""


@dataclass(frozen=True, kw_only=True)
class DrawnFace:
    """A drawn face with all that is known about it.

    Attributes:
        image: RGB, uint8 (size x size x 3).
        masks: local concept -> bool (size x size), for the concepts that are present, in the order of the vocabulary.
        landmarks: 68 points (x, y) in pixels in the iBUG order, float32; pixel centres lie at half-integers.
        box: left, top, right, bottom of the face in pixels.
    """

    image: NDArray[np.uint8]
    masks: dict[str, NDArray[np.bool_]]
    landmarks: NDArray[np.float32]
    box: Box


def draw_face(factors: FaceFactors, size: int = 128) -> DrawnFace:
    """Draw a face as a square image of `size` pixels a side. The same factors and size give the same bytes.

    Raises:
        SettingsError: the size is smaller than SMALLEST_SIDE.
    """
    if size < SMALLEST_SIDE:
        raise SettingsError(f"expected an image of at least {SMALLEST_SIDE} pixels a side, got {size}")
    view = View(face_shape(factors), factors.scene, size)
    canvas = Canvas(size)
    scene_noise = Noise(size, factors.scene.scene_seed)
    head, uncovered = _paint(canvas, view, factors, scene_noise)
    points = landmarks(view)
    return DrawnFace(
        image=_photograph(canvas, view, factors, scene_noise),
        masks=face_masks(view, factors, head, uncovered),
        landmarks=points,
        box=face_box(points, view),
    )


def locate_face(factors: FaceFactors, size: int = 128) -> tuple[NDArray[np.float32], Box]:
    """The landmarks and the box that `draw_face` would give, without drawing."""
    pose = Pose(face_shape(factors), factors.scene, size)
    points = landmarks(pose)
    return points, face_box(points, pose)


def _paint(
    canvas: Canvas, view: View, factors: FaceFactors, scene_noise: Noise
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Paint all layers from back to front; returns which pixels are the head's and which are not covered by hair."""
    who = factors.identity
    noise = Noise(view.size, who.texture_seed)
    skin = skin_colour(who, view.shape.old)
    hair_tone = hair_colour(who, who.hair_grey)
    brow_tone = scaled(hair_colour(who, who.hair_grey * _BROW_GREYS_LATER), _BROW_DARKER)
    beard_tone = scaled(hair_colour(who, who.hair_grey), _BROW_DARKER)
    hair = hair_of(view, factors, noise)
    if hair is not None:
        paint_back(canvas, view, hair, hair_tone)
    paint_neck(canvas, view, skin)
    paint_clothes(canvas, view, factors, scene_noise)
    paint_ears(canvas, view, factors, skin)
    head = paint_skin(canvas, view, factors, skin, noise)
    paint_wrinkles(canvas, view, factors, noise)
    paint_nostrils(canvas, view, skin)
    paint_eyes(canvas, view, factors, skin)
    paint_mouth(canvas, view, factors, skin, noise)
    paint_beard(canvas, view, factors, beard_tone, noise)
    paint_brows(canvas, view, factors, brow_tone, noise)
    if "Eyeglasses" in factors.present:
        paint_glasses(canvas, view, factors)
    uncovered = np.ones((view.size, view.size), np.bool_)
    if hair is not None:
        paint_front(canvas, view, hair, hair_tone, noise)
        uncovered[hair.window] = hair.front < 0.5
    return head > 0.5, uncovered


def _photograph(canvas: Canvas, view: View, factors: FaceFactors, noise: Noise) -> NDArray[np.uint8]:
    """Light, background, the camera's tone curve and noise."""
    scene = factors.scene
    light = light_up(canvas, scene, view.unit)
    light += background(scene, view.size, noise) * (1.0 - canvas.cover)
    stored = np.sqrt(light / (light * 0.28 + 0.80))
    stored *= 255.0
    if scene.noise > 0:
        stored += noise.image("pores", 1) * scene.noise
    return np.ascontiguousarray(clamp(stored, 0.0, 255.0).astype(np.uint8).transpose(1, 2, 0))
