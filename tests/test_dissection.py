from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from facedissect import (
    FACE_DICTIONARY,
    DictionaryError,
    Dissection,
    FaceDictionary,
    FaceModel,
    FaceReadError,
    LayerError,
    Settings,
    dissect,
)
from facedissect.storage import TABLES

Planted = tuple[FaceDictionary, torch.Tensor]


def planted_run(planted: Planted, lookup: Any, maps: torch.Tensor | None = None, **settings: Any) -> Dissection:
    dictionary, masks = planted
    network = lookup(masks.float() if maps is None else maps)
    model = FaceModel(network, size=tuple(masks.shape[2:]))
    return dissect(dictionary, model, layers=["maps"], settings=Settings(**settings))


def test_a_planted_network_is_recovered(planted: Planted, lookup: Any) -> None:
    units = planted_run(planted, lookup, union="labelled").units
    assert units["concept"].tolist() == list(FACE_DICTIONARY.names)
    assert (units["iou_firing"] == 1).all()
    assert (units["iou_labelled"] == 1).all()
    assert (units["coverage"] == 1).all()
    assert units["interpretable"].all()


def test_units_without_information_get_no_label_and_disturb_nobody(planted: Planted, lookup: Any) -> None:
    masks = planted[1].float()
    constant, broken, dead = (
        torch.full_like(masks[:, :1], 0.1),
        torch.full_like(masks[:, :1], torch.nan),
        masks[:, :1] * 0,
    )
    infinite = masks[:, :1].clone()
    infinite[7, 0, 2, 2] = torch.inf
    clean = planted_run(planted, lookup).units
    result = planted_run(planted, lookup, torch.cat([constant, masks, broken, dead, infinite], dim=1))
    units = result.units
    added = units.iloc[[0, 39, 40, 41]]
    assert added["state"].tolist() == ["constant", "not finite", "dead", "not finite"]
    assert added["concept"].isna().all()
    assert not added["interpretable"].any()
    assert (added["biased_gender"] == "").all()
    assert added["threshold"].isna().tolist() == [False, True, False, True]
    pd.testing.assert_frame_equal(
        units.iloc[1:39].drop(columns="unit").reset_index(drop=True), clean.drop(columns="unit"), check_dtype=False
    )
    assert any(
        "units with NaN or infinite values, left without a label: 39, 41" in w for w in result.provenance.warnings
    )


@pytest.mark.parametrize("batch_size", [5, 32])
def test_shards_give_the_same_bytes_as_one_pass(planted: Planted, lookup: Any, tmp_path: Path, batch_size: int) -> None:
    dictionary, masks = planted
    maps = torch.randn(len(dictionary), 6, 4, 4, generator=torch.Generator().manual_seed(0))
    model = FaceModel(lookup(maps), size=tuple(masks.shape[2:]))
    settings = Settings(batch_size=batch_size, quantile=0.9)
    whole = dissect(dictionary, model, layers=["maps"], settings=settings)
    shards = [dictionary.shard(index, 7) for index in range(7)]
    merged = dissect(shards, model, layers=["maps"], settings=settings)
    whole.save(tmp_path / "whole")
    merged.save(tmp_path / "merged")
    for file in [*(f"{table}.parquet" for table in TABLES), "peaks.npz", "top_maps.npz"]:
        assert (tmp_path / "whole/maps" / file).read_bytes() == (tmp_path / "merged/maps" / file).read_bytes(), file
    assert whole.provenance.dictionary["digest"] == merged.provenance.dictionary["digest"]


def test_shards_of_a_convolutional_network_give_the_same_tables(planted: Planted) -> None:
    torch.manual_seed(0)
    network = torch.nn.Sequential(
        torch.nn.Conv2d(3, 16, 3, padding=1), torch.nn.ReLU(inplace=True), torch.nn.Conv2d(16, 24, 3, stride=2)
    )
    rng = np.random.default_rng(0)
    faces = tuple(
        replace(face, source=replace(face.source, pixels=rng.integers(0, 256, (16, 16, 3), np.uint8)))  # type: ignore[type-var]
        for face in planted[0]
    )
    dictionary = replace(planted[0], faces=faces)
    model = FaceModel(network, size=16)
    whole = dissect(dictionary, model, layers=["0", "2"])
    merged = dissect([dictionary.shard(index, 7) for index in range(7)], model, layers=["0", "2"])
    for table in TABLES:
        pd.testing.assert_frame_equal(getattr(whole, table), getattr(merged, table), check_exact=True)


def test_two_runs_give_the_same_tables_whatever_the_workers(planted: Planted, lookup: Any) -> None:
    first = planted_run(planted, lookup, workers=1)
    second = planted_run(planted, lookup, workers=4)
    for table in TABLES:
        pd.testing.assert_frame_equal(getattr(first, table), getattr(second, table), check_exact=True)


def test_top_faces_are_those_with_the_highest_peaks_and_bring_their_maps(planted: Planted, lookup: Any) -> None:
    dictionary, _ = planted
    maps = torch.randn(len(dictionary), 3, 4, 4, generator=torch.Generator().manual_seed(1))
    result = planted_run(planted, lookup, maps)["maps"]
    for unit in range(3):
        best = maps[:, unit].amax((1, 2)).argsort(descending=True)[:4].tolist()
        rows = result.top_faces[result.top_faces["unit"] == unit]
        assert rows["face"].tolist() == [f"{number:04}" for number in best]
        np.testing.assert_array_equal(result.top_maps[unit], maps[best, unit].numpy())


def test_an_unreadable_face_stops_the_run_or_is_left_out(planted: Planted, lookup: Any) -> None:
    dictionary, masks = planted

    class Damaged:
        def image(self) -> Any:
            raise FaceReadError("0005 is truncated")

        def fingerprint(self) -> str:
            return ""

    faces = list(dictionary.faces)
    faces[5] = replace(faces[5], source=Damaged())  # type: ignore[arg-type]
    damaged = replace(dictionary, faces=tuple(faces))
    with pytest.raises(FaceReadError, match="0005 is truncated"):
        planted_run((damaged, masks), lookup)
    result = planted_run((damaged, masks), lookup, on_error="skip")
    without = planted_run((replace(dictionary, faces=tuple(f for f in faces if f.id != "0005")), masks), lookup)
    assert dict(result.provenance.left_out) == {"0005": "0005 is truncated"}
    assert any(
        "1 face could not be read and left out: 0005 is truncated." in warning for warning in result.provenance.warnings
    )
    for table in TABLES:
        pd.testing.assert_frame_equal(getattr(result, table), getattr(without, table), check_exact=True)


@pytest.mark.parametrize("readable", [0, 1])
def test_too_few_readable_faces_are_told(planted: Planted, lookup: Any, readable: int) -> None:
    class Damaged:
        def image(self) -> Any:
            raise FaceReadError("it is truncated")

        def fingerprint(self) -> str:
            return ""

    faces = [
        face if number < readable else replace(face, source=Damaged())  # type: ignore[arg-type]
        for number, face in enumerate(planted[0])
    ]
    message = (
        rf"expected at least 2 images with local labels to rank, got {readable} in planted \({120 - readable} could"
    )
    with pytest.raises(DictionaryError, match=message):
        planted_run((replace(planted[0], faces=tuple(faces)), planted[1]), lookup, on_error="skip")


def test_concepts_without_images_are_named(planted: Planted, lookup: Any) -> None:
    dictionary, masks = planted
    faces = tuple(face for face in dictionary if "nose" not in face.concepts)
    result = planted_run((replace(dictionary, faces=faces), masks), lookup)
    assert "No images of nose: no unit can be paired with them." in result.provenance.warnings
    assert result.concepts.loc[result.concepts["concept"] == "nose", "iou"].isna().all()


def test_a_concept_without_images_cannot_be_asked_for(planted: Planted) -> None:
    dictionary = replace(planted[0], faces=tuple(f for f in planted[0] if "nose" not in f.concepts))
    with pytest.raises(DictionaryError, match="expected images of 'nose' in planted, got none"):
        dictionary.only(["nose"])
    assert dictionary.only(["mouth", "AU_1"]).vocabulary.names == ("AU_1", "mouth")


def test_one_image_is_too_few(planted: Planted, lookup: Any) -> None:
    dictionary, masks = planted
    with pytest.raises(DictionaryError, match="expected at least 2 images with local labels to rank, got 1 in planted"):
        planted_run((replace(dictionary, faces=dictionary.faces[:1]), masks), lookup)


def test_an_unknown_layer_offers_the_nearest(planted: Planted, lookup: Any) -> None:
    model = FaceModel(lookup(planted[1].float()), size=16)
    with pytest.raises(LayerError, match="got 'mapz'; nearest: maps"):
        dissect(planted[0], model, layers=["mapz"])
    with pytest.raises(LayerError, match="expected at least one layer"):
        dissect(planted[0], model, layers=[])


def test_the_dictionary_may_have_concepts_of_its_own(planted: Planted, lookup: Any) -> None:
    dictionary, masks = planted
    renamed = replace(
        dictionary.vocabulary,
        concepts=tuple(replace(c, name=f"<{c.name}>", region="Ear") for c in FACE_DICTIONARY.concepts),
        global_concepts=(),
    )
    faces = []
    for face in dictionary:
        source = replace(face.source, masks={f"<{n}>": m for n, m in face.source.masks.items()})  # type: ignore[type-var,attr-defined]
        names = tuple(f"<{name}>" for name in face.concepts)
        faces.append(replace(face, source=source, concepts=names, subgroups={}))
    own = replace(dictionary, vocabulary=renamed, faces=tuple(faces))
    result = planted_run((own, masks), lookup)
    assert result.units["concept"].tolist() == [f"<{name}>" for name in FACE_DICTIONARY.names]
    assert set(result.units["region"]) == {"Ear"}
    assert result.bias.empty


def test_progress_counts_every_face_of_both_passes(planted: Planted, lookup: Any) -> None:
    seen: dict[str, tuple[int, int]] = {}
    model = FaceModel(lookup(planted[1].float()), size=16)
    dissect(planted[0], model, layers=["maps"], progress=lambda stage, done, total: seen.update({stage: (done, total)}))
    assert seen == {"peaks": (120, 120), "masks": (120, 120)}
