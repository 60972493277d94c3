"""The sentences and number formats that every form of the report shares, in words for someone who never saw the paper."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from ..results import Dissection
from ..settings import BIAS_CUTOFFS, Settings
from ..significance import SIGNIFICANCE
from ..tables import ACTIVE
from ..units import UnitSummary
from .summary import BELOW_CUTOFF, FEW_IMAGES, INTERPRETABLE, NO_MAP, NO_OVERLAP, BiasCount, LayerSummary, RunSummary

NOT_MEASURED = "–"
SPACE = "\u00a0"
"""Keeps a number on the line of what it belongs to."""

MOST_NAMED = 5
MOST_LAYERS = 4
"""Of more layers than these, the opening names the first and the last."""


def number(value: float, digits: int = 3) -> str:
    """A ratio or an activation; a dash for NaN."""
    if math.isnan(value):
        return NOT_MEASURED
    return f"{value:.{digits}f}" if abs(value) < 1000 else f"{value:.4g}"


def percent(part: float, whole: float = 1.0) -> str:
    """A share in whole percent, `under 1 %` where rounding would hide it; a dash where there is none."""
    if not whole or math.isnan(part):
        return NOT_MEASURED
    share = 100 * part / whole
    return f"under 1{SPACE}%" if 0 < share < 0.5 else f"{share:.0f}{SPACE}%"


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """`1 unit`, `2,048 units`."""
    return f"{count:,}{SPACE}{noun if count == 1 else plural or noun + 's'}"


def listed(names: Iterable[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    names = list(names)
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else "none"


def kind_name(kind: str) -> str:
    """A kind of concepts in words: `action unit`."""
    return kind.replace("_", " ")


NUMBERS = {
    "age": "age in years",
    "typology_angle": "typology angle of the skin",
    "hue_angle": "hue angle of the skin",
}
"""What is said of labels that are numbers where `build` and the readers of dictionaries name them."""


def number_name(label: str) -> str:
    """A label that is a number, in words: `age in years`."""
    return NUMBERS.get(label, label)


def title(result: Dissection) -> str:
    """The title of a report."""
    return f"What the units of {result.provenance.model['name']} look at"


def overview(run: RunSummary) -> list[str]:
    """What was dissected and what was found, a paragraph each; enough for someone who reads nothing else."""
    return [opening(run), *(text for layer in run.layers for text in findings(layer, run.result.settings))]


def in_short(run: RunSummary) -> list[tuple[str, str]]:
    """The questions that a reader has, each with its answer over all layers."""
    return [
        *([("How many units are interpretable?", _how_many(run))] if run.compared else []),
        *([("Of what?", _of_what(run)), ("Where on the face?", _where(run))] if run.interpretable else []),
        ("Does it lean towards a subgroup?", leaning(run)),
    ]


def _how_many(run: RunSummary) -> str:
    compared = [layer for layer in run.layers if layer.has_maps]
    text = (
        f"{run.interpretable:,} of {counted(run.compared, 'unit')} ({percent(run.interpretable, run.compared)}): the area "
        f"where such a unit fires overlaps that of one concept of the face with an IoU above {run.result.settings.min_iou:g} "
        "(0: never, 1: always)."
    )
    text += _held(run)
    if len(compared) < 2 or not run.interpretable:
        return text
    shares = {layer.name: layer.interpretable / max(1, len(layer.units)) for layer in compared}
    most, least = max(shares, key=shares.__getitem__), min(shares, key=shares.__getitem__)
    if shares[most] == shares[least]:
        return text
    return f"{text} By layer: from {percent(shares[least])} ({least}) to {percent(shares[most])} ({most})."


def _held(run: RunSummary) -> str:
    """How many labels are supported; nothing where none was tested."""
    if not run.judged:
        return ""
    against = f"against masks exchanged between images (q < {SIGNIFICANCE:g})"
    place = "may just fire where the concept mostly lies."
    if run.supported == run.judged:
        return f" {'All these labels hold' if run.judged > 1 else 'Its label holds'} {against}."
    if not run.supported:
        return f" None of these labels holds {against}: such a unit {place}"
    return (
        f" {run.supported:,} of these labels {'holds' if run.supported == 1 else 'hold'} {against}: the others {place}"
    )


def _of_what(run: RunSummary) -> str:
    concepts: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    for layer in run.layers:
        concepts.update({count.concept.name: count.labelled for count in layer.concepts})
        kinds.update({kind_name(kind): units for kind, units in layer.kinds.items()})
    found = +concepts  # without those that are only detected
    often = "most often " if len(found) > MOST_NAMED else ""
    text = f"{counted(len(found), 'concept')}, {often}{_ranked(found, MOST_NAMED)}."
    return f"{text} By kind: {_ranked(+kinds)}." if len(+kinds) > 1 else text


def _where(run: RunSummary) -> str:
    regions: Counter[str] = Counter()
    for layer in run.layers:
        regions.update(layer.regions)
    (name, units), *others = (+regions).most_common()
    if not others:
        return f"Only {name} ({counted(units, 'unit')})."
    first = f"{counted(units, 'unit')}, {percent(units, run.interpretable)} of the interpretable ones"
    return f"Most often {name} ({first}); then {listed(f'{other} ({n:,})' for other, n in others)}."


def _ranked(units: Counter[str], most: int | None = None) -> str:
    """Names with their units, those of most first."""
    (first, count), *others = units.most_common(most)
    return listed([f"{first} ({counted(count, 'unit')})", *(f"{name} ({n:,})" for name, n in others)])


def leaning(run: RunSummary) -> str:
    """Whether units lean towards subgroups, the global concept with the largest share of biased units first."""
    if not run.result.vocabulary.global_concepts:
        return "Nothing can be said: the dictionary has no subgroups."
    biased, measured, towards, few = _leaning_counts(run)
    if not measured:
        return "It could not be measured: fewer than two subgroups of each kind have images."
    order = sorted(measured, key=lambda name: -biased[name] / measured[name])
    leans = [name for name in order if biased[name]]
    if not leans:
        return f"No: no unit reaches the cut-off of bias by {listed(order)}."
    told: list[str] = []
    for name in leans:
        ((group, units),) = towards[name].most_common(1)
        share = f"{biased[name]:,} of {measured[name]:,} ({percent(biased[name], measured[name])})"
        to = f"{'all' if units == biased[name] else f'{units:,}'} of them to {group}"
        care = " (few images)" if group in few[name] else ""
        told.append(
            f"Units do, most by {name}: {share} respond more to some subgroups than to others, {to}{care}."
            if not told
            else f"By {name}: {share}, {to}{care}."
        )
    told.append(_supported_biases(run, leans))
    if len(leans) < len(order):
        told.append(f"None by {listed(name for name in order if not biased[name])}.")
    return f"{' '.join(told)} This speaks of units, not of the network's decisions."


def _supported_biases(run: RunSummary, names: Sequence[str]) -> str:
    """Of how many biased units the statistics say the same, by the global concepts that have any."""
    counts = [count for layer in run.layers for count in layer.bias if count.global_concept in names]
    if not any(count.tested for count in counts):
        return "Whether that holds was not tested: too few faces can be compared."
    held = Counter(dict.fromkeys(names, 0))
    for count in counts:
        held[count.global_concept] += count.supported
    adjusted = len(run.result.vocabulary.global_concepts) > 1
    how = "Adjusted for the other global concepts, " if adjusted else "By the statistics, "
    if not held.total():
        return f"{how}none of them is supported (q < {SIGNIFICANCE:g})."
    by = listed(f"{held[name]:,} by {name}" for name in names if held[name])
    findings_are = counted(held.total(), "of these findings is", "of these findings are")
    return f"{how}{findings_are} supported (q < {SIGNIFICANCE:g}): {by}."


def _leaning_counts(
    run: RunSummary,
) -> tuple[Counter[str], Counter[str], dict[str, Counter[str]], dict[str, set[str]]]:
    """Of each global concept that was measured: biased units, measured units, units towards each subgroup, small subgroups."""
    biased: Counter[str] = Counter()
    measured: Counter[str] = Counter()
    towards: dict[str, Counter[str]] = {}
    few: dict[str, set[str]] = {}
    for count in (count for layer in run.layers for count in layer.bias if count.measured):
        name = count.global_concept
        biased[name] += count.biased
        measured[name] += count.measured
        towards.setdefault(name, Counter()).update({group.subgroup: group.units for group in count.subgroups})
        few.setdefault(name, set()).update(group.subgroup for group in count.subgroups if group.few_images)
    return biased, measured, towards, few


def opening(run: RunSummary) -> str:
    """What was dissected: the network, its layers, and what they were compared with."""
    provenance, dictionary = run.result.provenance, run.result.provenance.dictionary
    compared = [layer for layer in run.layers if layer.has_maps]
    layers = _layers(compared or run.layers)
    local = int(dictionary["local_faces"])
    images = f"{counted(local, 'image')} with outlined concepts"
    if others := int(dictionary["faces"]) - local:
        images += f" and {others:,} more that only tell the subgroup of the person"
    shown = f"The network {provenance.model['name']} was shown {images}, from {dictionary['location']}. "
    if not compared:
        return f"{shown}The responses of every unit of {layers} were recorded."
    return (
        f"{shown}Every unit of {layers} was compared with {counted(len(run.searched), 'concept')} of the face, "
        f"such as {listed(concept.name for concept in run.searched[:3])}."
    )


def _layers(layers: Sequence[LayerSummary]) -> str:
    """Layers by their names, with their units; of many the first and the last."""
    if len(layers) > MOST_LAYERS:
        units = counted(sum(len(layer.units) for layer in layers), "unit")
        return f"{len(layers)} layers, from {layers[0].name} to {layers[-1].name} ({units}),"
    named = listed(f"{layer.name} ({counted(len(layer.units), 'unit')})" for layer in layers)
    return f"the {'layer' if len(layers) == 1 else 'layers'} {named}"


def findings(layer: LayerSummary, settings: Settings) -> list[str]:
    """What was found in one layer: how many units are interpretable, of what, where, and how they are biased."""
    return [interpretable(layer, settings), *([_biased(layer)] if layer.bias else [])]


def interpretable(layer: LayerSummary, settings: Settings) -> str:
    """How many units of a layer are interpretable, of which concepts and in which regions."""
    total = len(layer.units)
    if not layer.has_maps:
        return (
            f"The {counted(total, 'unit')} of {layer.name} gave no map that says where in the image a response comes from, so "
            "nothing was compared with the concepts of the face; only bias was measured."
        )
    text = (
        f"In {layer.name}, {layer.interpretable:,} of {counted(total, 'unit')} ({percent(layer.interpretable, total)}) "
        f"{'is' if layer.interpretable == 1 else 'are'} interpretable: the best overlap (IoU) with a concept "
        f"exceeds {settings.min_iou:g}. "
    )
    if not layer.interpretable:
        return text + "No concept of the dictionary explains any of them."
    concepts = listed(f"{c.concept.name} ({c.labelled})" for c in layer.concepts[:MOST_NAMED] if c.labelled)
    regions = sorted(((units, name) for name, units in layer.regions.items() if units), key=lambda pair: -pair[0])
    held = f" {layer.supported:,} of these labels {_are(layer.supported)} supported." if layer.judged else ""
    return (
        f"{text}The most common concepts are {concepts}; "
        f"by region, {listed(f'{name} ({units})' for units, name in regions)}.{held}"
    )


def _biased(layer: LayerSummary) -> str:
    texts = [_biased_by(count) for count in layer.bias]
    return f"Of the {counted(len(layer.units), 'unit')} of {layer.name}, {'; '.join(texts)}."


def _biased_by(count: BiasCount) -> str:
    if not count.measured:
        return f"none could be compared by {count.global_concept}, as fewer than two subgroups have images"
    groups = sorted((group for group in count.subgroups if group.units), key=lambda group: -group.units)
    if not groups:
        return f"none is biased by {count.global_concept}"
    towards = listed(f"{g.subgroup} ({g.units:,}{', few images' if g.few_images else ''})" for g in groups)
    held = f", {count.supported:,} supported" if count.tested else ""
    return f"{count.biased:,} {_are(count.biased)} biased by {count.global_concept}, towards {towards}{held}"


def reading_guide(settings: Settings) -> list[tuple[str, str]]:
    """The terms that a reader needs, each with what it means."""
    cutoffs = " and ".join(f"{cutoff:.2f} among {groups}" for groups, cutoff in BIAS_CUTOFFS.items())
    rare = f"{100 * (1 - settings.quantile):.3g}{SPACE}%"
    return [
        ("Unit", "One channel of a layer. For every image it gives a map that says where in the image it responds."),
        (
            "Kinds of concepts",
            "A part is there in every face, an attribute in some. An action unit (AU) is a movement of the face, numbered as "
            "in the Facial Action Coding System.",
        ),
        (
            "Top faces and the lit area",
            "The images on which the unit responds most, as the network saw them. The lit area, with a white edge, is where it "
            f"fires; the rest is dimmed. A unit fires where its response is among its own highest {rare} over all images.",
        ),
        (
            "Yellow outline",
            "Where the image has the unit's concept by its label. An image without an outline lacks that label.",
        ),
        (
            "IoU",
            "Overlap of firing areas and labelled areas: their intersection divided by their union, summed over images, "
            f"from 0 (never meet) to 1 (always the same). A unit is interpretable if its best IoU exceeds {settings.min_iou:g}.",
        ),
        (
            "Two IoUs",
            "“Firing” counts only images in which the unit fires, as the published figures do, and so forgives the images "
            f"it misses. “Labelled” counts every image with the concept, so that a miss costs. This run labels units "
            f"by “{settings.union}”; look at both.",
        ),
        (
            "Supported",
            "Whether the statistics say so, too. Of a label: the unit overlaps its concept better than the same masks exchanged "
            "between the images that have it. Of a bias: the subgroup's peaks are higher than those of the other faces, among "
            "faces alike in the other global concepts. What is not supported may still be true.",
        ),
        ("Coverage", "The share of the concept's images in which the unit fires at all."),
        (
            "Region and detected concepts",
            "Several concepts lie in the same part of the face. For an interpretable unit, the concepts of that region "
            f"share a probability; those with more than {settings.detection_ratio:g} times the even share count as detected.",
        ),
        (
            "Delta",
            "Of two random faces, one of the subgroup and one of the others: how much more often the first has the higher peak "
            "than the second. 1 always, 0 as often, -1 never. Adjusted, both are alike in the other global concepts.",
        ),
        (
            "Bias",
            "How the unit's response divides among the subgroups of, say, age. Even shares mean no preference. It counts as "
            f"biased from the published cut-offs, {cutoffs}, and for other numbers of subgroups from 1.2 times the even share. "
            "It speaks of a unit's response, not of the network's decisions, and the images of subgroups may differ in more "
            "than the subgroup.",
        ),
    ]


def trust(run: RunSummary) -> list[str]:
    """How far to trust the numbers: what nulls mean, sizes, gaps, what was left out, and what the choice of union hides."""
    result, notes = run.result, _meaning_of_evidence(run)
    for layer in run.layers:
        firing, labelled = layer.interpretable_by["firing"], layer.interpretable_by["labelled"]
        if layer.has_maps:
            notes.append(
                f"In {layer.name}, {counted(firing, 'unit')} exceed{'s' if firing == 1 else ''} the cut-off if only images "
                f"in which the unit fires are counted, {labelled:,} if misses are counted too."
            )
        odd = [
            f"{units:,} {name}"
            for name, units in layer.outcomes.items()
            if units and name not in (INTERPRETABLE, BELOW_CUTOFF, NO_OVERLAP, NO_MAP)
        ]
        if odd:
            notes.append(f"In {layer.name}, some units say nothing and have no label: {listed(odd)}.")
    if run.not_searched:
        notes.append(f"Not searched, as the dictionary has no images of them: {listed(run.not_searched)}.")
    if run.few_images:
        few = listed(f"{name} ({images})" for name, images in run.few_images.items())
        notes.append(f"Fewer than {FEW_IMAGES} images, so take units of these concepts with care: {few}.")
    notes += [
        note for name, sizes in result.provenance.subgroup_images.items() if (note := _subgroup_note(name, sizes))
    ]
    if not result.vocabulary.global_concepts:
        notes.append("The dictionary has no global concepts, so nothing can be said about bias.")
    left_out = result.provenance.left_out
    if left_out:
        notes.append(f"{counted(len(left_out), 'image')} could not be read and {_were(len(left_out))} left out.")
    else:
        notes.append("Every image of the dictionary could be read.")
    return notes + [f"The run warned: {warning}" for warning in result.provenance.warnings]


def _meaning_of_evidence(run: RunSummary) -> list[str]:
    """What nulls, intervals and q-values mean; nothing where no label was tested."""
    if not run.judged:
        return []
    return [
        "Exchanged masks: a unit that always fires around the mouth covers every smile a little. So each label is compared with "
        "the same masks exchanged between the images that have the concept, and supported if the true ones are covered better.",
        f"Intervals hold 95{SPACE}% of what {run.result.settings.replicates:,} resamplings of the images give. They tell how "
        "much rests on which images happened to be there, not whether the dictionary resembles the people you care about.",
        f"A q-value is the share of false ones to be expected among all findings with one as low: of those called supported "
        f"(q < {SIGNIFICANCE:g}), at most about one in {1 / SIGNIFICANCE:.0f} is false. Not supported does not mean untrue.",
    ]


def _subgroup_note(name: str, sizes: Mapping[str, int]) -> str:
    few = [f"{subgroup} ({images})" for subgroup, images in sizes.items() if images < FEW_IMAGES]
    if not any(sizes.values()):
        return f"No image is labelled with {name}: nothing can be said about that bias."
    return f"{name}: fewer than {FEW_IMAGES} images of {listed(few)}, so take its biases with care." if few else ""


def unread_faces(unread: Mapping[str, str]) -> str:
    """What a report says of top faces that it could not show."""
    first, reason = next(iter(unread.items()))
    return (
        f"{counted(len(unread), 'face')} could not be read when this report was written and {_were(len(unread))} "
        f"replaced by a crossed tile, such as {first} ({reason})."
    )


def label(unit: UnitSummary) -> str:
    """The unit's label, or why it has none."""
    if unit.interpretable and unit.best:
        return unit.best.concept
    if unit.state != ACTIVE:
        return f"no label: {unit.state}"
    return f"no label (closest: {unit.best.concept})" if unit.best else "no label"


def scores(unit: UnitSummary) -> str:
    """Both IoUs of a unit's best concept and its coverage, in one line."""
    score = unit.best
    if score is None:
        return "overlaps with no concept" if unit.has_map else "has no map to compare with concepts"
    return (
        f"IoU {number(score.iou_firing)} firing, {number(score.iou_labelled)} labelled; "
        f"fires in {percent(score.coverage)} of {counted(score.images, 'image')}"
    )


def detected(unit: UnitSummary) -> str:
    """What an interpretable unit detects in its region, with the probabilities."""
    shares = ", ".join(f"{share.concept}{SPACE}{number(share.probability, 2)}" for share in unit.detected)
    return f"detects {shares}" if shares else f"no concept of {unit.region} stands out"


def biased(unit: UnitSummary) -> str:
    """Towards which subgroups a unit is biased, with the probabilities."""
    texts = []
    for name, shares in unit.bias.items():
        groups = ", ".join(f"{s.subgroup}{SPACE}{number(s.probability, 2)}" for s in shares if s.biased)
        if groups:
            texts.append(f"{name} {groups}")
    if texts:
        return f"biased: {'; '.join(texts)}"
    measured = any(share.measured for shares in unit.bias.values() for share in shares)
    return "no bias at the cut-offs" if measured else "bias not measured"


def made_by(result: Dissection) -> list[tuple[str, str]]:
    """What made the result, as pairs of a name and a value."""
    provenance = result.provenance
    model, dictionary = provenance.model, provenance.dictionary
    return [
        ("Network", f"{model['name']} ({model['source']})"),
        ("Network digest", f"SHA-256 {model['digest']}"),
        ("Preprocessing", _pairs(model["preprocess"])),
        ("Forward passes", _pairs(provenance.execution)),
        ("Dictionary", f"{dictionary['location']} ({dictionary['format']})"),
        ("Dictionary digest", f"SHA-256 {dictionary['digest']}"),
        ("Settings", _pairs(result.settings.as_dict())),
        ("Versions", _pairs(provenance.versions)),
        ("Created", f"{provenance.created}, in {provenance.seconds:.0f} s"),
    ]


def _pairs(values: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _were(count: int) -> str:
    return "was" if count == 1 else "were"
