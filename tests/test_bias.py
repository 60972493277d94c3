from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from facedissect import FaceModel, Settings, dissect, load, write_report
from facedissect.bias import Bias, bias, divisions, judged, levels_of
from facedissect.concepts import GlobalConcept
from facedissect.dictionary.faces import FaceDictionary
from facedissect.ranking import RankedPeaks
from facedissect.validation.confounded import AGE, GENDER, confounded, confounded_faces, peaked
from facedissect.validation.confounded import compared as comparison
from facedissect.validation.planted import lookup_model


def extremes(images: int, units: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    lowest = rng.random((images, units)).astype(np.float32)
    return lowest + rng.random((images, units)).astype(np.float32), lowest


def compared(concept: GlobalConcept, highest: np.ndarray, lowest: np.ndarray, members: np.ndarray) -> Bias:
    """The bias where all images are labelled for the concept."""
    everywhere = np.ones(len(highest), bool)
    return bias(concept, RankedPeaks(highest), everywhere, lowest.min(axis=0), highest.max(axis=0), members)


def test_equals_the_formula_with_unequal_subgroups() -> None:
    highest, lowest = extremes(30, 3)
    members = np.array([np.arange(30) < 7, np.arange(30) >= 7])
    result = compared(GENDER, highest, lowest, members)
    for unit in range(3):
        peaks, low, high = highest[:, unit].astype(float), float(lowest[:, unit].min()), float(highest[:, unit].max())
        weighted = rankdata(peaks) / 30 * (peaks - low) / (high - low)
        scores = [weighted[group].mean() for group in members]
        np.testing.assert_allclose(result.probability[unit], np.array(scores) / sum(scores), rtol=1e-12)


def test_subgroups_of_unequal_size_without_a_difference_share_evenly() -> None:
    peaks = np.tile(np.arange(5, dtype=np.float32), 12)[:, None]
    members = np.array([np.arange(60) < 10, np.arange(60) >= 10])  # the same peaks five times as often
    result = compared(GENDER, peaks, peaks * 0, members)
    np.testing.assert_allclose(result.probability, [[0.5, 0.5]], rtol=1e-12)
    assert not result.biased.any()


def test_a_unit_that_fires_for_one_subgroup_is_biased_to_it() -> None:
    members = np.array([np.arange(40) < 20, np.arange(40) >= 20])
    peaks = (
        np.where(members[1], 5.0, 1.0).astype(np.float32)[:, None] + np.linspace(0, 0.1, 40, dtype=np.float32)[:, None]
    )
    result = compared(GENDER, peaks, peaks * 0, members)
    np.testing.assert_array_equal(result.biased, [[False, True]])


def test_cut_offs_are_the_published_ones_of_two_and_four_subgroups() -> None:
    highest, lowest = extremes(40, 2)
    assert compared(GENDER, highest, lowest, np.array([np.arange(40) < 20, np.arange(40) >= 20])).cutoff == 0.55
    quarters = np.array([np.arange(40) // 10 == group for group in range(4)])
    assert compared(AGE, highest, lowest, quarters).cutoff == 0.30


def test_an_empty_subgroup_has_no_probability_and_is_not_counted() -> None:
    highest, lowest = extremes(40, 2)
    members = np.array([np.arange(40) < 20, np.arange(40) >= 20, np.zeros(40, bool), np.zeros(40, bool)])
    result = compared(AGE, highest, lowest, members)
    assert np.isnan(result.probability[:, 2:]).all()
    np.testing.assert_allclose(result.probability[:, :2].sum(axis=1), 1)
    assert result.cutoff == 0.55


def test_one_subgroup_alone_is_compared_with_nothing() -> None:
    highest, lowest = extremes(10, 2)
    result = compared(GENDER, highest, lowest, np.array([np.ones(10, bool), np.zeros(10, bool)]))
    assert np.isnan(result.probability).all()
    assert not result.biased.any()


def test_a_dead_unit_gets_no_label() -> None:
    members = np.array([np.arange(10) < 5, np.arange(10) >= 5])
    result = compared(GENDER, np.zeros((10, 1), np.float32), np.zeros((10, 1), np.float32), members)
    assert np.isnan(result.probability).all()
    assert not result.biased.any()


def test_images_that_are_not_labelled_do_not_count() -> None:
    highest, lowest = extremes(30, 3)
    members = np.array([np.arange(30) < 7, np.arange(30) >= 7])
    expected = compared(GENDER, highest, lowest, members)
    within = np.random.default_rng(1).permutation(np.arange(45) < 30)
    every = np.full((45, 3), np.nan, np.float32)
    every[within] = highest
    groups = np.ones((2, 45), bool)
    groups[:, within] = members
    for others in (False, True):
        groups[:, ~within] = others
        result = bias(GENDER, RankedPeaks(every), within, lowest.min(axis=0), highest.max(axis=0), groups)
        np.testing.assert_array_equal(result.images, [7, 23])
        np.testing.assert_array_equal(result.probability, expected.probability)
        np.testing.assert_array_equal(result.biased, expected.biased)


def test_blocks_of_units_are_joined_in_order() -> None:
    highest, lowest = extremes(40, 5)
    members = np.array([np.arange(40) < 20, np.arange(40) >= 20])
    whole = compared(GENDER, highest, lowest, members)
    joined = Bias.joined(
        [compared(GENDER, highest[:, block], lowest[:, block], members) for block in (slice(0, 3), slice(3, 5))]
    )
    np.testing.assert_array_equal(joined.probability, whole.probability)
    np.testing.assert_array_equal(joined.biased, whole.biased)
    np.testing.assert_array_equal(joined.images, whole.images)
    assert (joined.concept, joined.cutoff) == (GENDER, 0.55)


def test_a_confounded_dictionary_is_not_a_biased_network() -> None:
    peaks, levels = confounded(400, 20)
    found = comparison(peaks, levels, (GENDER, AGE))
    gender = found["gender"]
    assert gender.biased[:, 0].all()  # the published way: Male
    assert (gender.q < 1e-6).all()  # and the difference is real
    assert not gender.supported.any()  # but there is none among people of one age
    assert (np.abs(gender.adjusted.delta) < 0.25).all()
    assert found["age"].supported[:, [1, 3]].all()


def test_without_other_concepts_the_effect_itself_counts() -> None:
    peaks, levels = confounded(400, 5)
    found = comparison(peaks, {"gender": levels["gender"]}, (GENDER,))["gender"]
    assert found.adjusted is found.effect
    assert found.supported.all()
    np.testing.assert_array_equal(np.sign(found.effect.delta), [[1, -1]] * 5)


def test_a_concept_that_cannot_be_told_from_another_is_never_supported() -> None:
    peaks, levels = confounded(400, 5)
    found = comparison(peaks, {"gender": levels["gender"], "age": 3 * levels["gender"]}, (GENDER, AGE))
    for name in ("gender", "age"):
        assert np.isnan(found[name].adjusted.delta).all()
        assert not found[name].supported.any()
        used = found[name].images > 0
        assert (found[name].adjusted.overlap[:, used] == 0).all()
        assert (found[name].effect.p[:, used] < 1e-6).all()


def test_under_permuted_labels_hardly_any_are_supported() -> None:
    supported = tested = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        levels = {"gender": rng.permutation(np.arange(300) % 2), "age": rng.permutation(np.arange(300) % 4)}
        peaks = np.maximum(rng.standard_normal((300, 60)), 0).astype(np.float32)
        found = comparison(peaks, {name: level.astype(np.int32) for name, level in levels.items()}, (GENDER, AGE))
        supported += sum(int(part.supported.sum()) for part in found.values())
        tested += sum(part.supported.size for part in found.values())
    assert supported / tested < 0.01


def test_small_subgroups_are_not_tested() -> None:
    rng = np.random.default_rng(1)
    level = np.repeat([0, 1, 2, 3], [100, 100, 19, 0]).astype(np.int32)
    peaks = (rng.random((219, 3)) + 5 * (level == 2)[:, None] + (level == 1)[:, None]).astype(np.float32)
    found = comparison(peaks, {"age": level}, (AGE,))["age"]
    assert np.isfinite(found.effect.p[:, 2]).all()
    np.testing.assert_array_equal(np.isnan(found.q), [[False, False, True, True]] * 3)
    assert found.supported[:, 1].all()
    assert not found.supported[:, 2:].any()
    few = bias(
        AGE, RankedPeaks(peaks), level >= 0, peaks.min(axis=0) - 1, peaks.max(axis=0), np.eye(4, dtype=bool)[level].T
    )
    assert judged({"age": few}, 19)["age"].supported[:, 2].all()
    # A large subgroup against few others is a comparison of few images, too.
    two = comparison(peaks, {"gender": (level == 2).astype(np.int32)}, (GENDER,))["gender"]
    assert not two.supported.any()


def test_units_that_say_nothing_are_never_supported() -> None:
    peaks, levels = confounded(200, 4)
    peaks[:, 1], peaks[7, 2], peaks[8, 3] = 0.0, np.nan, np.inf
    ranked = RankedPeaks(peaks)
    (division,) = divisions((GENDER,), levels, {}, 20)
    low, high = peaks.min(axis=0), peaks.max(axis=0)
    found = bias(GENDER, ranked, division.within, low, high, division.members, division.adjust)
    found = judged({"gender": found}, 20)["gender"]
    assert found.supported.any(axis=1).tolist() == [True, False, False, False]
    assert np.isnan(found.effect.delta[1:]).all()
    assert np.isnan(found.q[1:]).all()


def test_faces_of_unknown_level_are_a_stratum_of_their_own() -> None:
    _, levels = confounded(600, 5)
    unknown = np.random.default_rng(2).random(600) < 0.3
    levels["age"][unknown] = -1
    (gender, _) = divisions((GENDER, AGE), levels, {}, 20)
    (strata,) = gender.adjust
    assert strata.count == 5
    assert len(np.unique(strata.codes[unknown])) == 1


def test_levels_are_places_of_subgroups() -> None:
    assert levels_of(GENDER, ["Female", None, "Male", "other"]).tolist() == [1, -1, 0, -1]


def labelled_faces(count: int) -> FaceDictionary:
    """Women mostly young and men mostly old, with their age in years."""
    return confounded_faces(confounded(count, 1, seed=3)[1])


def age_network(dictionary: FaceDictionary) -> FaceModel:
    """Three units: age in steps of its subgroups, noise, and gender."""
    rng = np.random.default_rng(7)
    count = len(dictionary)
    age = np.array([AGE.subgroups.index(face.subgroups["age"]) for face in dictionary])
    gender = np.array([face.subgroups["gender"] == "Male" for face in dictionary])
    peaks = np.stack(
        [np.exp(0.7 * age) + rng.random(count), rng.random(count), 4.0 * gender + rng.random(count)], axis=1
    )
    return lookup_model(peaked(peaks), 8)


def test_a_run_tells_confounding_from_bias(tmp_path: Path) -> None:
    dictionary = labelled_faces(300)
    settings = Settings(replicates=0, sweep=(), intersect=("gender,age",), workers=0)
    result = dissect(dictionary, age_network(dictionary), layers=["maps"], settings=settings)
    layer = result["maps"]
    rows = layer.bias.set_index(["unit", "global_concept", "subgroup"]).sort_index()
    male = rows.loc[(0, "gender", "Male")]
    assert male["biased"]
    assert male["q"] < 0.001
    assert male["delta"] > 0.5
    assert not male["supported"]
    assert abs(male["adjusted_delta"]) < 0.25
    assert rows.loc[(0, "age", "oldest"), "supported"]
    assert not rows.loc[1, "supported"].any()
    assert rows.loc[(2, "gender", "Male"), "supported"]
    assert rows.loc[(2, "gender", "Female"), "adjusted_high"] < 0
    units = layer.units
    assert units["supported_gender"].tolist() == ["", "", "Male"]
    assert units["biased_gender"].tolist()[0] == "Male"
    assert "oldest" in units["supported_age"][0]
    # The combinations are global concepts like any other, in the result and in its tables.
    assert [concept.name for concept in result.vocabulary.global_concepts] == ["gender", "age", "gender+age"]
    assert rows.loc[(2, "gender+age", "Male & oldest"), "supported"]
    assert result.provenance.subgroup_images["gender+age"]["Male & oldest"] > 20
    trends = layer.trends.set_index("unit")
    assert trends["measure"].unique().tolist() == ["years"]
    assert trends["supported"].tolist() == [True, False, False]
    result.save(tmp_path)
    loaded = load(tmp_path)
    pd.testing.assert_frame_equal(loaded.trends, layer.trends, check_exact=True)
    pd.testing.assert_frame_equal(loaded.bias, layer.bias, check_exact=True)
    write_report(loaded, dictionary, tmp_path / "report.html")
