from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from facedissect.errors import FaceReadError, SettingsError
from facedissect.experiments.planted_faces import (
    CELLS,
    PREPROCESS,
    PROBE,
    TIES,
    TRAINING,
    PlantedFaces,
    Portion,
    Tie,
    cell_factors,
    check_faces,
    draw_portion,
    draw_probe_portion,
    holds,
    planted,
    portions,
    probe_of,
)

EYEGLASSES, SMILE = TIES["eyeglasses-gender"], TIES["skin_tone-smile"]


def numbered(faces: int) -> PlantedFaces:
    """A pool as of `portions`, whose images say which face each is."""
    counts = [faces // 2 if target == concept else faces // 4 for target, concept in CELLS]
    target, concept = np.repeat(np.array(CELLS), counts, axis=0).T
    images = np.arange(len(target), dtype=np.int64)[:, None, None, None]
    return PlantedFaces(images=np.broadcast_to(images, (len(target), 1, 1, 3)), target=target, concept=concept)


def names(faces: PlantedFaces) -> set[int]:
    return set(faces.images[:, 0, 0, 0].tolist())


@pytest.mark.parametrize("strength", [0.5, 0.7, 0.9, 1.0])
def test_the_tie_holds_for_the_share_asked_for_in_each_half(strength: float) -> None:
    chosen = planted(numbered(200), 200, strength, seed=3)
    assert len(names(chosen)) == len(chosen) == 200
    assert chosen.target.sum() == 100
    for half in (chosen.target, ~chosen.target):
        assert chosen.congruent[half].sum() == round(100 * strength)


def test_the_choice_follows_from_the_seed_and_stronger_ties_keep_the_congruent_faces() -> None:
    pool = numbered(200)
    weak, again = (planted(pool, 200, 0.7, seed=3) for _ in range(2))
    np.testing.assert_array_equal(weak.images, again.images)
    assert names(weak) != names(planted(pool, 200, 0.7, seed=4))
    strong = planted(pool, 200, 0.9, seed=3)
    tied = np.flatnonzero(weak.congruent)
    assert names(weak.chosen(tied)) < names(strong)


@pytest.mark.parametrize("tie", TIES.values(), ids=TIES)
def test_each_cell_has_its_labels_and_nothing_else_goes_with_them(tie: Tie) -> None:
    factors = {cell: [cell_factors(tie, 5, TRAINING, cell, number) for number in range(200)] for cell in range(4)}
    for cell, (target, concept) in enumerate(CELLS):
        for face in factors[cell]:
            present = {**face.subgroups, **dict.fromkeys(face.present, True)}
            for event, expected in ((tie.target, target), (tie.concept, concept)):
                name, _, subgroup = event.partition("=")
                assert (present.get(name) == (subgroup or True)) is expected
    # Shares of faces with and without the concept, 400 of each, differ by chance alone: four standard errors.
    with_it, without = factors[1] + factors[3], factors[0] + factors[2]
    for what in ("age", "ethnicity"):
        one, other = (Counter(face.subgroups[what] for face in side) for side in (with_it, without))
        for subgroup in {*one, *other}:
            assert abs(one[subgroup] - other[subgroup]) / 400 < 4 * np.sqrt(2 * 0.25 / 400)
    for draw in ("yaw", "light_strength", "noise"):
        one, other = (np.array([getattr(face.scene, draw) for face in side]) for side in (with_it, without))
        assert abs(one.mean() - other.mean()) < 4 * np.std(one) * np.sqrt(2 / 400)


def test_skin_is_planted_on_either_side_of_the_border_whatever_the_ethnicity() -> None:
    angles = {}
    for cell, (_, dark) in enumerate(CELLS):
        for number in range(100):
            who = cell_factors(SMILE, 0, TRAINING, cell, number).identity
            angles.setdefault((who.ethnicity, dark), []).append(who.typology_angle)
    assert len(angles) == 8
    assert all(max(found) <= 18 if dark else min(found) >= 38 for (_, dark), found in angles.items())


def test_faces_follow_from_the_seed_and_probe_and_training_share_none() -> None:
    first = cell_factors(EYEGLASSES, 1, TRAINING, 2, 7)
    assert first == cell_factors(EYEGLASSES, 1, TRAINING, 2, 7)
    others = [(2, TRAINING, 2, 7), (1, PROBE, 2, 7), (1, TRAINING, 2, 8)]
    assert all(first != cell_factors(EYEGLASSES, seed, draw, cell, number) for seed, draw, cell, number in others)


@pytest.mark.parametrize(("draw", "expected"), [(TRAINING, [60, 30, 30, 60]), (PROBE, [30, 30, 30, 30])])
def test_portions_cover_every_cell_once(draw: int, expected: list[int]) -> None:
    seen = Counter()
    for portion in portions(EYEGLASSES, 120, 0, draw):
        seen.update((portion.cell, number) for number in range(portion.first, portion.end))
    assert set(seen.values()) == {1}
    assert [sum(cell == place for cell, _ in seen) for place in range(4)] == expected


def test_a_probe_shows_networks_what_the_dictionary_shows_them() -> None:
    parts = [
        draw_probe_portion(Portion(tie=EYEGLASSES, seed=0, draw=PROBE, cell=cell, first=0, end=2))
        for cell in (3, 0, 2, 1)
    ]
    probe = probe_of(EYEGLASSES, [face for part in parts for face in part], "planted:here")
    assert [face.id for face in probe.dictionary] == sorted(face.id for face in probe.dictionary)
    assert list(zip(probe.faces.target, probe.faces.concept, strict=True)) == [cell for cell in CELLS for _ in range(2)]
    for face, image, bystander in zip(probe.dictionary, probe.faces.images, probe.bystander, strict=True):
        np.testing.assert_array_equal(image, PREPROCESS.pixels(face.image(), landmarks=face.landmarks))
        assert bystander == (face.subgroups["skin_tone"] == "dark") == holds(face, "skin_tone=dark")
        assert all(face.mask(concept).shape == (96, 96) for concept in face.concepts)
    drawn = draw_portion(Portion(tie=EYEGLASSES, seed=0, draw=PROBE, cell=1, first=0, end=2))
    np.testing.assert_array_equal(drawn.images, probe.faces.images[2:4])
    with pytest.raises(FaceReadError, match="expected a concept of the drawn face"):
        probe.dictionary.faces[0].source.mask("Eyeglasses")


@pytest.mark.parametrize("faces", [0, 4, 30])
def test_faces_come_in_fours(faces: int) -> None:
    with pytest.raises(SettingsError, match=f"multiple of 4, at least 8, got {faces}"):
        check_faces(faces)


def test_what_cannot_be_planted_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"expected a strength from 0\.5 .* got 0\.4"):
        planted(numbered(40), 40, 0.4, seed=0)
    with pytest.raises(SettingsError, match="expected 100 faces in every such cell of the pool, got 20"):
        planted(numbered(40), 200, 1.0, seed=0)
