"""Drawn faces: reproducible, of any size, with a mask for every concept, each of which shows."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import binary_dilation

import facedissect.demo
from facedissect.demo import PASSING, TRAITS, DrawnFace, FaceFactors, Scene, draw_face, locate_face, sample_factors
from facedissect.errors import SettingsError

LEAST_CHANGE = 4.0
"""Grey levels by which a concept changes the pixels of its mask at least, averaged over them and four faces."""
LEAST_SHARE = {"AU_9": 0.25, "AU_26": 0.3, "Double_Chin": 0.3}
"""Share of all change that lies within 6 pixels of the mask; 0.4 for the others. A wrinkled nose lifts its wings, too, a dropping
jaw opens the mouth, and a double chin widens the jaw."""


def digest(face: DrawnFace) -> str:
    total = hashlib.sha256(face.image.tobytes() + face.landmarks.tobytes())
    for concept, mask in face.masks.items():
        total.update(concept.encode() + np.packbits(mask).tobytes())
    return total.hexdigest()


def test_the_same_factors_give_the_same_bytes_in_another_process_too() -> None:
    factors = sample_factors(12)
    here = digest(draw_face(factors))
    assert here == digest(draw_face(sample_factors(12)))
    package = Path(facedissect.demo.__file__).parent.parent
    code = (
        f"import sys, types; package = types.ModuleType('facedissect'); package.__path__ = [{str(package)!r}]\n"
        "sys.modules['facedissect'] = package  # without its __init__, which imports torch\n"
        "import hashlib; from facedissect.demo import draw_face, sample_factors\n"
        "print(hashlib.sha256(draw_face(sample_factors(12)).image.tobytes()).hexdigest())"
    )
    env = {"PYTHONHASHSEED": "3", "PYTHONPATH": ":".join(sys.path)}
    there = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env)
    assert there.stdout.strip() == hashlib.sha256(draw_face(factors).image.tobytes()).hexdigest()


def test_drawing_leaves_nothing_behind_for_the_next_face() -> None:
    one, other = sample_factors(1), sample_factors(2)
    first = digest(draw_face(one))
    draw_face(other)
    draw_face(one, 64)
    assert digest(draw_face(one)) == first


@pytest.mark.parametrize("size", [32, 100, 128, 224])
def test_any_size_from_32_pixels_on_is_drawn(size: int) -> None:
    factors = sample_factors(8)
    face = draw_face(factors, size)
    assert face.image.shape == (size, size, 3)
    assert face.image.dtype == np.uint8
    assert face.landmarks.shape == (68, 2)
    assert tuple(face.masks) == factors.concepts
    assert all(mask.shape == (size, size) and mask.dtype == bool for mask in face.masks.values())


def test_a_size_below_32_is_refused() -> None:
    with pytest.raises(SettingsError, match="at least 32 pixels a side, got 31"):
        draw_face(FaceFactors(), 31)


def test_sizes_agree() -> None:
    factors = replace(sample_factors(3), scene=replace(sample_factors(3).scene, noise=0.0))
    small, large = draw_face(factors, 112), draw_face(factors, 224)
    assert np.allclose(small.landmarks * 2, large.landmarks, atol=1e-3)
    halved = large.image.reshape(112, 2, 112, 2, 3).mean((1, 3))
    assert np.abs(halved - small.image).mean() < 8.0


def test_every_mask_has_pixels_inside_the_box_whatever_the_pose(turned: list[tuple[FaceFactors, DrawnFace]]) -> None:
    for factors, face in turned:
        size = face.image.shape[0]
        left, top, right, bottom = face.box
        rows, columns = np.mgrid[:size, :size] + 0.5
        inside = (columns > left) & (columns < right) & (rows > top) & (rows < bottom)
        assert tuple(face.masks) == factors.concepts
        for concept, mask in face.masks.items():
            assert mask.any(), (concept, factors)
            assert (mask & inside).sum() >= 0.98 * mask.sum(), (concept, factors)


def test_left_is_the_subjects_left(turned: list[tuple[FaceFactors, DrawnFace]]) -> None:
    for _, face in turned:
        for part in ("eye", "brow", "cheek"):
            left, right = (np.argwhere(face.masks[f"{side}_{part}"])[:, 1].mean() for side in ("left", "right"))
            assert left > right


def test_parts_do_not_overlap(turned: list[tuple[FaceFactors, DrawnFace]]) -> None:
    parts = ("nose", "left_brow", "right_brow", "left_eye", "right_eye", "mouth")
    for factors, face in turned:
        total = sum(face.masks[part].astype(int) for part in parts)
        assert total.max() == 1, factors


def test_beards_leave_the_lips_out(turned: list[tuple[FaceFactors, DrawnFace]]) -> None:
    beards = {"No_Beard", "5_o_Clock_Shadow", "Goatee", "Mustache"}
    for _, face in turned:
        for concept in beards.intersection(face.masks):
            assert not (face.masks[concept] & face.masks["mouth"]).any()


def test_frames_of_glasses_hide_what_is_behind_them() -> None:
    factors = sample_factors(5, Eyeglasses=True, yaw=0.0, pitch=0.0)
    bare = sample_factors(5, Eyeglasses=False, yaw=0.0, pitch=0.0)
    framed, free = draw_face(factors).masks, draw_face(bare).masks
    hidden = sum(
        (free[name] & ~framed[name]).sum() for name in ("nose", "left_eye", "right_eye", "left_brow", "right_brow")
    )
    assert hidden > 0
    assert not any((framed[name] & ~free[name]).any() for name in free)


@pytest.mark.parametrize("concept", [*TRAITS, *PASSING])
def test_every_concept_shows_and_mostly_where_its_mask_is(
    concept: str, pair_of: Callable[[FaceFactors, str], tuple[FaceFactors, FaceFactors]]
) -> None:
    changes, shares = [], []
    for seed in range(4):
        factors = sample_factors(seed, age=34.0, gender="Male" if concept in TRAITS[:4] else "Female")
        without, with_concept = pair_of(factors, concept)
        before, after = draw_face(without), draw_face(with_concept)
        difference = np.abs(before.image.astype(int) - after.image).mean(2)
        mask = after.masks[concept]
        assert concept not in before.masks
        changes.append(difference[mask].mean())
        shares.append(difference[binary_dilation(mask, iterations=6)].sum() / difference.sum())
    assert np.mean(changes) > LEAST_CHANGE, changes
    assert np.mean(shares) > LEAST_SHARE.get(concept, 0.4), shares


def test_skin_tones_light_and_age_show() -> None:
    def brightness(**fixed: object) -> float:
        face = draw_face(sample_factors(2, background_light=0.5, **fixed))
        return float(face.image[face.masks["left_cheek"] | face.masks["right_cheek"]].mean())

    assert brightness(typology_angle=60.0, ethnicity="white") > 1.8 * brightness(
        typology_angle=-55.0, ethnicity="black"
    )
    assert brightness(light_strength=1.4) > brightness(light_strength=0.6) + 20
    young, old = (draw_face(sample_factors(2, age=age)).image.astype(int) for age in (22.0, 85.0))
    assert np.abs(young - old).mean() > 5


def test_light_from_the_left_lights_the_left() -> None:
    for seed in range(4):
        sides = []
        for azimuth in (-65.0, 65.0):
            face = draw_face(sample_factors(seed, light_azimuth=azimuth, yaw=0.0, roll=0.0))
            left, right = (face.image[face.masks[f"{side}_cheek"]].mean() for side in ("right", "left"))
            sides.append(left - right)
        assert sides[0] > 5 > -5 > sides[1]


def test_faces_are_shaded_and_not_flat() -> None:
    for seed in range(6):
        face = draw_face(sample_factors(seed, noise=0.0, Eyeglasses=False, **{"5_o_Clock_Shadow": False}))
        cheeks = face.image[face.masks["left_cheek"] | face.masks["right_cheek"]]
        assert len(np.unique(cheeks, axis=0)) > 0.5 * len(cheeks)
        assert cheeks.std(0).min() > 3


def test_an_identity_stays_itself_and_another_is_another() -> None:
    """Frontal faces of one person under one light differ less than those of two people, around the eyes and nose."""
    scene = Scene()
    people = [sample_factors(seed, gender="Male", age=30.0, ethnicity="white").identity for seed in range(6)]
    faces = [draw_face(FaceFactors(identity=who, scene=scene)).image.astype(int) for who in people]
    moved = [draw_face(FaceFactors(identity=who, scene=replace(scene, yaw=2.0))).image.astype(int) for who in people]
    own = np.mean([np.abs(a - b).mean() for a, b in zip(faces, moved, strict=True)])
    other = np.mean([np.abs(a - b).mean() for i, a in enumerate(faces) for b in faces[i + 1 :]])
    assert other > 2 * own


def test_landmarks_and_box_are_known_without_drawing() -> None:
    for seed in range(5):
        factors = sample_factors(seed)
        face = draw_face(factors, 96)
        points, box = locate_face(factors, 96)
        assert np.array_equal(points, face.landmarks)
        assert box == face.box
