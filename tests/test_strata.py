from __future__ import annotations

import numpy as np

from facedissect.strata import MIN_OVERLAP, Strata, confounders


def groups(codes: np.ndarray, count: int = 2) -> np.ndarray:
    return np.stack([codes == number for number in range(count)])


def cells(strata: Strata) -> set[frozenset[int]]:
    """The images of each stratum."""
    return {frozenset(np.flatnonzero(strata.codes == number).tolist()) for number in range(strata.count)}


def test_strata_are_the_cells_of_all_levels_and_unknown_is_one() -> None:
    rng = np.random.default_rng(0)
    within, first, second = rng.random(50) < 0.8, rng.integers(-1, 3, 50), rng.integers(-1, 2, 50)
    strata = Strata.crossed(within, [first, second])
    expected: dict[tuple[int, int], set[int]] = {}
    for image in np.flatnonzero(within):
        expected.setdefault((first[image], second[image]), set()).add(int(image))
    assert cells(strata) == set(map(frozenset, expected.values()))
    assert (strata.codes[~within] == -1).all()
    assert Strata.crossed(within).count == 1


def test_sizes_count_images_of_each_group() -> None:
    strata = Strata.crossed(np.array([True, True, True, True, False]), [np.array([0, 1, 1, 1, 1])])
    np.testing.assert_array_equal(strata.sizes(groups(np.array([0, 0, 0, 1, 1]))), [[1, 0], [2, 1]])


def test_all_other_concepts_are_crossed_where_there_are_images_enough() -> None:
    rng = np.random.default_rng(1)
    own, others = rng.integers(0, 2, 2000), [rng.integers(0, 4, 2000), rng.integers(0, 2, 2000)]
    (found,) = confounders(groups(own), others)
    assert found.count == 8


def test_where_cells_are_too_small_each_concept_is_in_some_adjustment() -> None:
    rng = np.random.default_rng(2)
    own = rng.integers(0, 2, 60)
    others = [rng.integers(0, 6, 60), rng.integers(0, 6, 60), rng.integers(0, 2, 60)]
    found = confounders(groups(own), others)
    assert len(found) > 1
    for levels in others:  # each stratum lies in one level
        assert any(all(len(np.unique(levels[list(cell)])) == 1 for cell in cells(strata) if cell) for strata in found)
    for strata in found:
        sizes = strata.sizes(groups(own))
        comparable = np.where((sizes > 0).all(axis=1, keepdims=True), sizes, 0).sum(axis=0) / sizes.sum(axis=0)
        assert comparable.min() >= MIN_OVERLAP


def test_a_concept_that_is_the_same_is_not_dropped() -> None:
    own = np.arange(100) % 2
    found = confounders(groups(own), [own, np.random.default_rng(3).integers(0, 2, 100)])
    sizes = [strata.sizes(groups(own)) for strata in found]
    assert any((size.min(axis=1) == 0).all() for size in sizes)


def test_what_says_nothing_is_not_adjusted_for() -> None:
    own = np.arange(20) % 2
    assert confounders(groups(own), []) == ()
    assert confounders(groups(own), [np.full(20, -1), np.zeros(20, int)]) == ()


def test_small_groups_have_no_say() -> None:
    own = np.repeat([0, 1, 2], [50, 48, 2])
    level = np.where(own == 2, 9, np.arange(100) % 3)  # the two images of group 2 are alone
    second = np.random.default_rng(4).integers(0, 2, 100)
    assert len(confounders(groups(own, 3), [level, second], 20)) == 1
    assert len(confounders(groups(own, 3), [level, second])) == 2
