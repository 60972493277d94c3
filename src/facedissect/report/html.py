"""The interactive report: a page that opens from disk, in light and dark, and reaches for nothing on any network.

The summary is plain HTML; the pages of units and concepts are drawn by the page's own script out of compressed pieces. A small
run is one file; a large one has its pieces and pictures in a folder beside it, read when they are looked at.
"""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import numpy as np

from ..atomic import atomic
from ..dictionary.faces import FaceDictionary
from ..results import Dissection
from . import baseline_wording, charts, evidence_wording, face_diagram, page_folder, wording
from .beside import NOTHING, Beside
from .face_pictures import FacePictures
from .packing import as_text, pack
from .page_data import PageData, gather
from .summary import LayerSummary, RunSummary, summarise
from .templating import environment

INLINE_BYTES = 25_000_000
"""A page that would be larger has a folder beside it."""

FACES_IN_PIECE = 32

SCRIPTS = (
    "report_data.js",
    "report_parts.js",
    "report_units.js",
    "report_pictures.js",
    "report_evidence.js",
    "report_trends.js",
    "report_faces.js",
    "report_grid.js",
    "report_unit_page.js",
    "report_pages.js",
    "report.js",
)
"""The page's script, in the order in which its parts need each other."""

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True, kw_only=True)
class LayerCounts:
    """What became of a layer's units, as the summary's table shows it.

    Attributes:
        share: of the units that are interpretable.
        rest: (outcome, units, share) of those that are not, without the outcomes that have none.
    """

    layer: LayerSummary
    share: float
    rest: Sequence[tuple[str, int, float]]


@dataclass(frozen=True, kw_only=True)
class ConceptCounts:
    """What was found of a concept over all layers."""

    name: str
    region: str
    kind: str
    images: int
    labelled: int
    supported: int
    detecting: int


def write(result: Dissection, dictionary: FaceDictionary, path: Path, beside: Beside = NOTHING) -> None:
    """Write the page, and `NAME_files/` beside it where it would be larger than INLINE_BYTES.

    The folder of an earlier report of this name is replaced or, where none is needed any more, removed.

    Raises:
        OutputError: it cannot be written, or there is a folder of that name which no report has written.
    """
    run = summarise(result, beside)
    data = gather(run, dictionary)
    pieces = {key: as_text(piece) for key, piece in (*data.pieces.items(), *_face_pieces(data.faces))}
    if sum(map(len, pieces.values())) <= INLINE_BYTES:
        with atomic(path) as page:
            page.write_text(_page(run, data, pieces), encoding="utf-8")
        page_folder.remove_stale(path)
        return
    folder = page_folder.beside(path)
    page_folder.check_free(folder)
    # Both are ready before the first takes its place.
    with atomic(path) as page, atomic(folder) as files:
        page.write_text(_page(run, data, {}, folder.name), encoding="utf-8")
        files.mkdir()
        for key in data.pieces:
            (files / f"{key}.js").write_text(page_folder.piece_script(key, pieces[key]), encoding="ascii")
        for number, image in enumerate(data.faces.images):
            (files / page_folder.picture_name(number)).write_bytes(image)


def _face_pieces(faces: FacePictures) -> Iterator[tuple[str, bytes]]:
    """The pictures for a page without a folder, some to a piece."""
    for number, first in enumerate(range(0, len(faces.images), FACES_IN_PIECE)):
        images = faces.images[first : first + FACES_IN_PIECE]
        start = np.array([0, *accumulate(map(len, images))], np.uint32)
        yield f"faces-{number}", pack({}, {"start": start, "bytes": np.frombuffer(b"".join(images), np.uint8)})


def _page(run: RunSummary, data: PageData, pieces: Mapping[str, str], folder: str = "") -> str:
    script = "\n".join((TEMPLATES / name).read_text(encoding="utf-8") for name in SCRIPTS)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    templates = environment({"number": wording.number})
    return templates.get_template("report.html.j2").render(
        run=run,
        result=run.result,
        wording=wording,
        evidence_wording=evidence_wording,
        baseline_wording=baseline_wording,
        script=script,
        script_digest=digest,
        pieces=pieces,
        folder=folder,
        faces_in_piece=FACES_IN_PIECE,
        unread=wording.unread_faces(data.faces.unread) if data.faces.unread else "",
        regions=face_diagram.regions(run),
        layers=[_layer_counts(layer) for layer in run.layers],
        concepts=_concept_counts(run),
        leaning=_leaning(run),
        charts=_charts(run),
    )


def _layer_counts(layer: LayerSummary) -> LayerCounts:
    units = max(1, len(layer.units))
    rest = [(name, count, count / units) for name, count in list(layer.outcomes.items())[1:] if count]
    return LayerCounts(layer=layer, share=layer.interpretable / units, rest=rest)


def _concept_counts(run: RunSummary) -> list[ConceptCounts]:
    """The concepts of the vocabulary, those of most units first."""
    found = dict.fromkeys(run.result.vocabulary.names, (0, 0, 0))
    for layer in run.layers:
        for count in layer.concepts:
            labelled, supported, detecting = found[count.concept.name]
            found[count.concept.name] = (
                labelled + count.labelled,
                supported + count.supported,
                detecting + count.detecting,
            )
    images = run.result.provenance.concept_images
    counts = [
        ConceptCounts(
            name=concept.name,
            region=concept.region,
            kind=wording.kind_name(concept.kind),
            images=images.get(concept.name, 0),
            labelled=found[concept.name][0],
            supported=found[concept.name][1],
            detecting=found[concept.name][2],
        )
        for concept in run.result.vocabulary.concepts
    ]
    return sorted(counts, key=lambda count: (-count.labelled, -count.detecting))


def _leaning(run: RunSummary) -> dict[tuple[str, str], tuple[int, int | None]]:
    """(global concept, subgroup) -> units of all layers that are biased towards it, and the supported ones of these.

    Without concepts that were not measured; None where nothing was tested.
    """
    units: Counter[tuple[str, str]] = Counter()
    held: Counter[tuple[str, str]] = Counter()
    for layer in run.layers:
        for count in layer.bias:
            if count.measured:
                units.update({(count.global_concept, group.subgroup): group.units for group in count.subgroups})
            if count.tested:
                held.update({(count.global_concept, group.subgroup): group.both for group in count.subgroups})
    return {group: (count, held.get(group)) for group, count in units.items()}


def _charts(run: RunSummary) -> dict[str, list[str]]:
    """The charts of the summary as SVG: `what` was found, and `bias`."""
    with_maps = {layer.name: layer for layer in run.layers if layer.has_maps and layer.interpretable}
    measured = {layer.name: layer for layer in run.layers if any(count.measured for count in layer.bias)}
    drawn = {
        "what": [chart(with_maps) for chart in (charts.concepts, charts.regions, charts.kinds) if with_maps],
        "bias": [charts.biased_units(measured)] if measured else [],
    }
    return {
        part: [charts.svg(chart, f"chart-{part}-{number}") for number, chart in enumerate(of)]
        for part, of in drawn.items()
    }
