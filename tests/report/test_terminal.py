"""`show`: the numbers of the run and of one unit, at 80 columns, with names that would steer a terminal tamed."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import pandas as pd
import pytest
from rich.console import Console

from facedissect.ablation import Ablation
from facedissect.baseline import Baseline
from facedissect.dictionary.faces import FaceDictionary
from facedissect.errors import LayerError, SettingsError
from facedissect.random_null import LABEL_COLUMNS
from facedissect.report import show
from facedissect.report.beside import Beside
from facedissect.results import Dissection

from .conftest import DEAD, HOSTILE


def shown(result: Dissection, unit: int | None = None, layer: str | None = None, width: int = 80) -> str:
    file = io.StringIO()
    show(result, Console(file=file, width=width), unit=unit, layer=layer)
    return file.getvalue().replace("\u00a0", " ")


def squeezed(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def test_the_run(result: Dissection) -> None:
    text = squeezed(shown(result))
    assert "9 of 12 units (75 %) are interpretable" in text
    assert "The 9 best of 9 interpretable units" in text
    best = result["first<1>"].units.sort_values("iou", ascending=False).iloc[0]
    assert f"{best['unit']} {best['concept']} {best['region']} {best['iou_firing']:.3f}" in text
    bias = result["first<1>"].bias
    new = bias[(bias["subgroup"] == "new") & bias["biased"]].sort_values("probability", ascending=False)
    held = int((new["supported"] & (new["adjusted_delta"] > 0)).sum())
    assert f"era: new 20 (few) {len(new)} {held} {new.iloc[0]['unit']} ({new.iloc[0]['probability']:.2f})" in text
    assert "not finite 1 8 %" in text
    assert "never_seen" in text


def test_lines_fit_eighty_columns(result: Dissection) -> None:
    for text in (shown(result), shown(result, unit=0)):
        assert max(map(len, text.splitlines())) <= 80
        assert "\x1b" not in text, "no colours where the output is not a terminal"


def test_one_unit(result: Dissection) -> None:
    text = squeezed(shown(result, unit=0, layer="first<1>"))
    row = result["first<1>"].units.loc[0]
    assert f"first<1>, unit 0: {HOSTILE}" in text
    assert (
        f"IoU {row['iou_firing']:.3f} firing, {row['iou_labelled']:.3f} labelled; fires in 100 % of 40 images" in text
    )
    for share in result["first<1>"].hierarchy.loc[lambda rows: rows["unit"] == 0].itertuples():
        assert f"{share.concept} {share.probability:.2f}" in text
    assert "tone (biased from 0.55)" in text
    assert "unborn –" in text
    for face in result["first<1>"].top_faces.loc[lambda rows: rows["unit"] == 0, "face"]:
        assert face in text


def test_a_unit_says_what_speaks_for_its_label_and_its_biases(result: Dissection) -> None:
    text = squeezed(shown(result, unit=0, layer="first<1>"))
    row = result["first<1>"].units.loc[0]
    assert ("The label is supported" if row["supported"] else "The label is not supported") in text
    assert f"its IoU is {row['iou']:.3f} (95 % interval {row['iou_low']:.3f} to {row['iou_high']:.3f})" in text
    assert f"{row['iou_null']:.3f} on average with the masks exchanged" in text
    assert f"The label stays the same in {row['stability']:.0%}".replace("%", " %") in text
    assert "Its label at other thresholds" in text
    bias = result["first<1>"].bias.query("unit == 0 and global_concept == 'tone' and subgroup == 'pale'").iloc[0]
    assert f"{bias['adjusted_delta']:.2f}" in text
    assert "not supported" in text or "supported" in text


def test_a_run_without_replicates_says_nothing_of_support(unjudged: Dissection) -> None:
    assert "of these labels" not in squeezed(shown(unjudged))
    text = squeezed(shown(unjudged, unit=0, layer="act"))
    assert "The label" not in text
    assert "resamplings" not in text


def test_what_lies_beside_the_run_is_mentioned(result: Dissection, ablation: Ablation) -> None:
    assert "Measured afterwards" not in shown(result)
    columns = {"excess": 1.0, "low": 0.0, "high": 2.0, "permuted": 1.0, "p": 0.5}
    labels = pd.DataFrame(columns=list(LABEL_COLUMNS))
    rows = [
        {"layer": layer, "measure": measure, "units": 12, "observed": observed, "random_weights": random, **columns}
        for layer, measure, observed, random in (
            ("first<1>", "interpretable", 9, 3.5),
            ("first<1>", "supported", 5, 0.0),
            ("act", "biased_tone", 7, 6.0),
        )
    ]
    compared = Baseline(table=pd.DataFrame(rows), labels=labels, seeds=2, permutations=9, drawn=("a", "b"), made_of={})
    beside = Beside(ablations=(ablation,), baseline=compared)
    file = io.StringIO()
    show(result, Console(file=file, width=80), beside=beside)
    text = squeezed(file.getvalue().replace("\u00a0", " "))
    assert (
        "Ablation of act: the accuracy on 60 faces changes by -0.250 (<b>tied</b>) and -0.250 (one); table: "
        "act/ablation.parquet; `facedissect report` puts it into the reports."
    ) in text
    assert (
        "Baseline: 9 of 12 units of first<1> are interpretable, 3.5 with random weights; 7 of 12 units of act are biased by "
        "tone, 6 with random weights; table: baseline.parquet; `facedissect report` puts it into the reports."
    ) in text
    file = io.StringIO()
    show(result, Console(file=file, width=80), unit=2, beside=beside)
    assert "random weights" not in file.getvalue()


def test_a_unit_of_every_layer_that_has_it(result: Dissection) -> None:
    text = shown(result, unit=2)
    assert "first<1>, unit 2" in text
    assert "act, unit 2" in text
    assert "first<1>, unit 2" not in shown(result, unit=2, layer="act")


def test_a_dead_unit(result: Dissection) -> None:
    text = squeezed(shown(result, unit=DEAD, layer="first<1>"))
    assert "no label: dead" in text
    assert "overlaps with no concept; its activation is dead" in text


def test_unknown_unit_and_layer(result: Dissection) -> None:
    with pytest.raises(SettingsError, match=r"0 to 11 \(first<1>\) and 0 to 11 \(act\), got 12; .*--unit"):
        shown(result, unit=12)
    with pytest.raises(SettingsError, match="got -1"):
        shown(result, unit=-1, layer="act")
    with pytest.raises(LayerError, match="'frist'"):
        shown(result, layer="frist")


def test_nothing_to_count(bare_run: tuple[Dissection, FaceDictionary]) -> None:
    text = squeezed(shown(bare_run[0]))
    assert "0 of 6 units (0 %) are interpretable" in text
    assert "nothing can be said about bias" in text


def test_names_cannot_steer_the_terminal(result: Dissection) -> None:
    steering = "[red]\x1b[2Jx"
    vocabulary = replace(
        result.vocabulary,
        concepts=tuple(replace(c, name=c.name.replace("green", steering)) for c in result.vocabulary.concepts),
    )
    tables = {
        name: table.assign(concept=table["concept"].str.replace("green", steering))
        for name, table in vars(result["act"]).items()
        if name in ("units", "concepts", "hierarchy")
    }
    layers = {"act": replace(result["act"], **tables)}
    renamed = replace(result, vocabulary=vocabulary, layers=layers)
    for text in (shown(renamed), shown(renamed, unit=1)):
        assert "\x1b" not in text
        assert "[red]�[2Jx" in text


def test_bars_are_plain_where_blocks_cannot_be_written(result: Dissection) -> None:
    file = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="replace")
    show(result, Console(file=file, width=80), unit=0, layer="act")
    file.flush()
    assert "####" in file.buffer.getvalue().decode()
