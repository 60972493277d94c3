"""A small run of a planted network: units that see a colour, dead, constant and broken ones, names that try to break out."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch import nn

from facedissect.ablation import COLUMNS, Ablation
from facedissect.baseline import COLUMNS as BASELINE_COLUMNS
from facedissect.baseline import Baseline
from facedissect.concepts import Concept, GlobalConcept, Vocabulary
from facedissect.dictionary.faces import Face, FaceDictionary
from facedissect.dissection import dissect
from facedissect.errors import FaceReadError
from facedissect.model.face_model import FaceModel
from facedissect.random_null import LABEL_COLUMNS
from facedissect.results import Dissection
from facedissect.settings import Settings
from facedissect.tables import EVIDENCE

from .browser import ARGUMENTS, CHROMIUM

HOSTILE = "<img src=x onerror=alert(1)>"
HEIGHT, WIDTH = 40, 32
DEAD, CONSTANT, BROKEN = 3, 4, 5

VOCABULARY = Vocabulary(
    concepts=(
        Concept(name=HOSTILE, kind="attribute", region="Top"),
        Concept(name="a$b$_c", kind="part", region="Top"),
        Concept(name="green", kind="part", region="Bottom & more"),
        Concept(name="never_seen", kind="action_unit", region="Bottom & more"),
    ),
    global_concepts=(
        GlobalConcept(name="tone", subgroups=("pale", "<b>deep</b>")),
        GlobalConcept(name="era", subgroups=("old", "middle", "new", "unborn")),
    ),
)


@dataclass(frozen=True)
class Drawing:
    """A grey face with one coloured rectangle for each concept."""

    number: int
    readable: bool = True

    def boxes(self) -> dict[str, tuple[slice, slice]]:
        top, left = 2 + self.number % 7, 2 + self.number % 5
        boxes = {
            HOSTILE: (slice(top, top + 8), slice(left, left + 8)),
            "a$b$_c": (slice(top, top + 8), slice(left + 12, left + 20)),
            "green": (slice(top + 20, top + 28), slice(left, left + 8)),
        }
        return {name: box for place, (name, box) in enumerate(boxes.items()) if self.number % 3 != place}

    def image(self) -> Image.Image:
        if not self.readable:
            raise FaceReadError(f"expected an image, got none for {self.number}")
        pixels = np.random.default_rng(self.number).integers(60, 90, (HEIGHT * 2, WIDTH * 2, 3), dtype=np.uint8)
        for name, (rows, columns) in self.boxes().items():
            colour = {HOSTILE: 0, "a$b$_c": 2, "green": 1}[name]
            pixels[2 * rows.start : 2 * rows.stop, 2 * columns.start : 2 * columns.stop, colour] = 150 + self.number
        return Image.fromarray(pixels)

    def mask(self, concept: str) -> np.ndarray:
        rows, columns = self.boxes()[concept]
        mask = np.zeros((HEIGHT * 2, WIDTH * 2), bool)
        mask[2 * rows.start : 2 * rows.stop, 2 * columns.start : 2 * columns.stop] = True
        return mask

    def fingerprint(self) -> str:
        return str(self.number)


def planted_network(units: int) -> nn.Module:
    """Unit k sees red, green or blue, more or less; three are dead, constant and not finite."""
    conv = nn.Conv2d(3, units, 4, stride=4)
    with torch.no_grad():
        conv.weight.zero_()
        conv.bias.zero_()
        for unit in range(units):
            conv.weight[unit, unit % 3] = 1 / 16
            conv.weight[unit, (unit + 1) % 3] = -0.03 * (unit % 4)
        conv.weight[[DEAD, CONSTANT]] = 0
        conv.bias[CONSTANT] = 1
        conv.weight[BROKEN] = torch.nan
    return nn.Sequential(OrderedDict([("first<1>", conv), ("act", nn.ReLU())]))


def planted_run(
    units: int,
    *,
    vocabulary: Vocabulary = VOCABULARY,
    layers: tuple[str, ...] = ("first<1>",),
    settings: Settings | None = None,
) -> tuple[Dissection, FaceDictionary]:
    """A dictionary and what dissecting a planted network with it gives."""
    dictionary = FaceDictionary(
        location="planted <dictionary>",
        format="memory",
        vocabulary=vocabulary,
        faces=tuple(
            Face(
                id=f"faces/<i>{number:03}.png",
                source=Drawing(number),
                concepts=tuple(name for name in Drawing(number).boxes() if name in vocabulary),
                kinds=frozenset({"attribute", "part"}),
                subgroups={g.name: g.subgroups[number % min(3, len(g.subgroups))] for g in vocabulary.global_concepts},
                labels={"age": 20.0 * (number % 3) + number / 3},  # which `era` divides
            )
            for number in range(60)
        ),
    )
    model = FaceModel(
        planted_network(units), size=(HEIGHT, WIDTH), mean=(0.1, 0.2, 0.3), name="<b>net</b>", source="here"
    )
    return dissect(dictionary, model, layers=layers, settings=settings or Settings(quantile=0.9)), dictionary


@pytest.fixture(scope="session")
def run() -> tuple[Dissection, FaceDictionary]:
    """Two layers of 12 units."""
    return planted_run(12, layers=("first<1>", "act"))


@pytest.fixture(scope="session")
def result(run: tuple[Dissection, FaceDictionary]) -> Dissection:
    return run[0]


@pytest.fixture(scope="session")
def dictionary(run: tuple[Dissection, FaceDictionary]) -> FaceDictionary:
    return run[1]


@pytest.fixture(scope="session")
def one_layer(result: Dissection) -> Dissection:
    """The result with its last layer only, where one is enough."""
    return replace(result, layers={"act": result["act"]})


@pytest.fixture(scope="session")
def mapless(result: Dissection) -> Dissection:
    """The result with one layer, as if its units had no maps."""
    layer = result["act"]
    units = layer.units.assign(
        concept=None, region=None, kind=None, iou=np.nan, iou_firing=np.nan, iou_labelled=np.nan, coverage=np.nan
    ).assign(interpretable=False, detected="", supported=False, stability=np.nan, label_set="")
    units[list(EVIDENCE)] = np.nan
    none = replace(
        layer,
        map_size=None,
        units=units,
        concepts=layer.concepts.iloc[:0],
        hierarchy=layer.hierarchy.iloc[:0],
        sweep=layer.sweep.iloc[:0],
        top_maps=np.zeros((*layer.top_maps.shape[:2], 0, 0), np.float32),
    )
    return replace(result, layers={"act": none})


@pytest.fixture(scope="session")
def unjudged(result: Dissection) -> Dissection:
    """The result with one layer, as a run without replicates gives it: no label was tested."""
    layer = result["act"]
    units = layer.units.assign(supported=False, stability=np.nan, label_set="")
    units[list(EVIDENCE)] = np.nan
    concepts = layer.concepts.copy()
    concepts[list(EVIDENCE)] = np.nan
    layers = {"act": replace(layer, units=units, concepts=concepts)}
    return replace(result, layers=layers, settings=replace(result.settings, replicates=0))


@pytest.fixture(scope="session")
def ablation(result: Dissection) -> Ablation:
    """Of two sets of units of `act`, one with controls that lose nothing."""
    sets = {"<b>tied</b>": (0, 1), "one": (2,)}
    rows = [
        {"set": name, "kind": "set", "number": 0, "change": -0.25, "ratio": np.inf if len(units) > 1 else 2.5}
        for name, units in sets.items()
    ]
    rows += [
        {"set": name, "kind": "unit", "number": unit, "change": -0.01 * (unit + 1)}
        for name, units in sets.items()
        for unit in units
    ]
    table = (
        pd.DataFrame(rows)
        .reindex(columns=list(COLUMNS))
        .assign(layer="act", global_concept="", subgroup="", images=60, intact=0.75, low=-0.3, high=-0.2)
    )
    table = table.assign(
        ablated=table["intact"] + table["change"], control_change=0.0, control_low=0.0, control_high=0.0, p=0.048
    )
    by_group = table[table["kind"] == "set"].assign(global_concept="tone", subgroup="<b>deep</b>", images=30)
    made_of = {"model": result.provenance.model["digest"], "dictionary": result.provenance.dictionary["digest"]}
    return Ablation(
        layer="act", mode="zero", task={}, metric="accuracy", higher_is_better=True, faces=60, controls=20, seed=0,
        resamples=100, sets=sets, table=pd.concat([table, by_group], ignore_index=True), made_of=made_of,
    )  # fmt: skip


@pytest.fixture(scope="session")
def baseline(result: Dissection) -> Baseline:
    """Of two networks with random weights: more interpretable units than theirs, fewer biased ones."""
    nan = np.nan
    rows = [
        ("first<1>", "interpretable", 12, 9, 2.5, 6.5, 2.04, 9.1, 4.0, nan, nan, nan),
        ("first<1>", "supported", 12, 7, 0.0, 7.0, 3.0, 9.5, nan, nan, nan, nan),
        ("first<1>", "biased_tone", 12, 3, 5.0, -2.0, -6.3, 1.5, 1.7, 0.0, 4.0, 0.2),
        ("first<1>", "supported_tone", 12, 1, nan, nan, nan, nan, nan, nan, nan, nan),
    ]
    labels = [
        ("first<1>", unit, "concept", 0.3, 0.1, 0.2, 40, 0.02, 0.04 if unit < 3 else 0.5, unit < 3)
        for unit in range(12)
    ]
    return Baseline(
        table=pd.DataFrame(rows, columns=list(BASELINE_COLUMNS)),
        labels=pd.DataFrame(labels, columns=list(LABEL_COLUMNS)),
        seeds=2,
        permutations=4,
        drawn=("<b>net</b> has random weights of seed 0.", "<b>net</b> has random weights of seed 1."),
        made_of={
            "model": result.provenance.model["digest"],
            "dictionary": result.provenance.dictionary["digest"],
            "created": result.provenance.created,
        },
    )


@pytest.fixture(scope="session")
def without_numbers(result: Dissection) -> Dissection:
    """The result with one layer, as if no face were labelled with a number."""
    layer = result["act"]
    return replace(result, layers={"act": replace(layer, trends=layer.trends.iloc[:0])})


@pytest.fixture(scope="session")
def bare_run() -> tuple[Dissection, FaceDictionary]:
    """A run of 6 units without global concepts, none of them interpretable."""
    vocabulary = Vocabulary(concepts=VOCABULARY.concepts[2:])
    return planted_run(6, vocabulary=vocabulary, settings=Settings(quantile=0.9, min_iou=0.9, top_faces=2))


@pytest.fixture
def unreadable(dictionary: FaceDictionary) -> FaceDictionary:
    """The dictionary after its images were lost."""
    return replace(
        dictionary,
        faces=tuple(replace(face, source=Drawing(int(face.id[-7:-4]), readable=False)) for face in dictionary),
    )


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium without a window; skips where it or playwright is not installed."""
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed: pip install playwright"
    )
    if CHROMIUM is None:
        pytest.skip("there is no Chromium: install the package chromium")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()
