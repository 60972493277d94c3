"""What a network is for, and how well it does it: classification, regression, verification, or a function of the user's."""

from __future__ import annotations

import importlib
import importlib.util
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, Protocol, TypeAlias, get_args

import numpy as np
from jaxtyping import Bool, Float, Float32, Int64

from .concepts import Vocabulary
from .dictionary.faces import Face, Label
from .errors import DictionaryError, SettingsError, nearest_names
from .model.layer_names import parts

Answers: TypeAlias = Float32[np.ndarray, "image output"]
Counts: TypeAlias = Int64[np.ndarray, "row image"]
"""In each row, how often each image counts: 0 or 1 for a subgroup, other numbers for a sample with replacement."""
UserFunction = Callable[[Any, Sequence[Face]], float]
"""Given answers (image, output) and the faces in the same order: a number."""
VerificationMetric = Literal["accuracy", "auc"]

BINARY = ("absent", "present")
"""The classes of a local concept, and of a label that is True or False."""
MOST_PAIRS = 5000
_ROWS = 128


class Measure(Protocol):
    """The metric over some faces, whose targets it knows."""

    def __call__(self, answers: Answers, counts: Counts) -> Float[np.ndarray, " row"]:
        """One value for each row of counts; NaN where there is nothing to measure."""
        ...


class Task(Protocol):
    """What a network is for."""

    @property
    def output(self) -> str | None:
        """Which part of the network's output is read; None for the only one."""
        ...

    @property
    def metric(self) -> str:
        """Name of the metric."""
        ...

    @property
    def higher_is_better(self) -> bool:
        """Whether a higher value is a better one."""
        ...

    def known(self, vocabulary: Vocabulary, faces: Sequence[Face], /) -> Bool[np.ndarray, " image"]:
        """Which faces have what the metric needs. Raises DictionaryError if none has, SettingsError for a wrong target."""
        ...

    def measure(self, vocabulary: Vocabulary, faces: Sequence[Face], /) -> Measure:
        """The metric over faces that are all known."""
        ...

    def as_dict(self) -> dict[str, Any]:
        """Kind and settings, as JSON can hold them."""
        ...


@dataclass(frozen=True, kw_only=True)
class Classification:
    """Share of right answers. One output is right if it is above 0 for the positive faces alone; of several, the highest counts.

    Attributes:
        target: a local concept (present or absent), a global concept (its subgroup), or a label that is True or False.
        positive: the subgroup that a single output above 0 means.
        classes: what several outputs mean, in their order. By default the subgroups in the order of the vocabulary; absent,
            present for a local concept.
        output: see `read_answers`.
    """

    target: str
    positive: str | None = None
    classes: tuple[str, ...] = ()
    output: str | None = None
    metric: str = field(default="accuracy", init=False)
    higher_is_better: bool = field(default=True, init=False)

    def known(self, vocabulary: Vocabulary, faces: Sequence[Face]) -> Bool[np.ndarray, " image"]:
        """Faces in which the target is present or absent, or of one of its classes."""
        labels = target_labels(vocabulary, faces, self.target)
        there = _classes(vocabulary, self.target)
        for name in (*self.classes, *((self.positive,) if self.positive is not None else ())):
            if name not in (there if name in self.classes else self.classes or there):
                raise SettingsError(f"expected a class of {self.target} ({', '.join(there)}), got {name!r}; correct it")
        classes = self.classes or there
        return np.array([label is not None and _word(label) in classes for label in labels])

    def measure(self, vocabulary: Vocabulary, faces: Sequence[Face]) -> Measure:
        """Accuracy over faces whose class is known."""
        classes = self.classes or _classes(vocabulary, self.target)
        labels = target_labels(vocabulary, faces, self.target)
        words = [_word(label) for label in labels if label is not None]
        return _Right(self, classes, np.array([classes.index(word) for word in words]))

    def as_dict(self) -> dict[str, Any]:
        """Kind and settings."""
        return {"kind": "classification", **asdict(self), "classes": list(self.classes)}


@dataclass(frozen=True)
class _Right:
    task: Classification
    classes: tuple[str, ...]
    truth: Int64[np.ndarray, " image"]

    def __call__(self, answers: Answers, counts: Counts) -> Float[np.ndarray, " row"]:
        outputs = answers.shape[1]
        if outputs == 1:
            right = (answers[:, 0] > 0) == (self.truth == self.classes.index(self._positive()))
        elif outputs == len(self.classes):
            right = answers.argmax(1) == self.truth
        else:
            raise SettingsError(
                f"expected {len(self.classes)} outputs, one for each of {', '.join(self.classes)}, got {outputs}; name a "
                "single output, or what each of them means by classes"
            )
        return _mean(right, counts)

    def _positive(self) -> str:
        if self.task.positive is not None:
            return self.task.positive
        if self.classes == BINARY:
            return "present"
        raise SettingsError(
            f"expected what an output above 0 means, one of {', '.join(self.classes)}, got nothing; give positive"
        )


@dataclass(frozen=True, kw_only=True)
class Regression:
    """Mean absolute error of a single output.

    Attributes:
        target: a number among the labels of the faces, such as age in years.
        output: see `read_answers`.
    """

    target: str
    output: str | None = None
    metric: str = field(default="mean absolute error", init=False)
    higher_is_better: bool = field(default=False, init=False)

    def known(self, _vocabulary: Vocabulary, faces: Sequence[Face]) -> Bool[np.ndarray, " image"]:
        """Faces with that number."""
        known = np.array([_is_number(face.labels.get(self.target)) for face in faces], bool)
        if not known.any():
            names = {name for face in faces for name, label in face.labels.items() if _is_number(label)}
            there = nearest_names(self.target, sorted(names)) or "none at all"
            raise DictionaryError(
                f"expected faces with a number labelled {self.target!r}, got none; numbers that they have: {there}"
            )
        return known

    def measure(self, _vocabulary: Vocabulary, faces: Sequence[Face]) -> Measure:
        """The error over faces whose number is known."""
        return _Error(np.array([float(face.labels[self.target]) for face in faces]))

    def as_dict(self) -> dict[str, Any]:
        """Kind and settings."""
        return {"kind": "regression", **asdict(self)}


@dataclass(frozen=True)
class _Error:
    truth: Float[np.ndarray, " image"]

    def __call__(self, answers: Answers, counts: Counts) -> Float[np.ndarray, " row"]:
        if answers.shape[1] != 1:
            raise SettingsError(
                f"expected one output to compare with a number, got {answers.shape[1]}; name one by output"
            )
        return _mean(np.abs(answers[:, 0].astype(np.float64) - self.truth), counts)


@dataclass(frozen=True, kw_only=True)
class Verification:
    """How well the cosine of two embeddings tells whether two faces are one person.

    All pairs of one person and as many of different people are compared, at most `pairs` of either, drawn by `seed`. In a
    subgroup, both faces of a pair belong to it.

    Attributes:
        metric: `accuracy` at the best threshold, where both kinds of pairs weigh the same; or `auc`, the area under the
            ROC curve.
        output: see `read_answers`.
        pairs, seed: of the draw.
    """

    metric: VerificationMetric = "accuracy"
    output: str | None = None
    pairs: int = MOST_PAIRS
    seed: int = 0
    higher_is_better: bool = field(default=True, init=False)

    def __post_init__(self) -> None:
        if self.metric not in get_args(VerificationMetric):
            raise SettingsError(f"expected the metric of verification to be accuracy or auc, got {self.metric!r}")
        if self.pairs < 1:
            raise SettingsError(f"expected at least 1 pair, got {self.pairs}")

    def known(self, _vocabulary: Vocabulary, faces: Sequence[Face]) -> Bool[np.ndarray, " image"]:
        """Faces whose identity is known."""
        known = np.array([face.identity is not None for face in faces], bool)
        people = {face.identity for face in faces if face.identity is not None}
        if not 2 <= len(people) < known.sum():
            raise DictionaryError(
                f"expected several faces of the same person and of others, got {int(known.sum())} faces of "
                f"{len(people)} people whose identity is known; use a dictionary that tells identities, such as "
                "demo:count=300,identities=60"
            )
        return known

    def measure(self, _vocabulary: Vocabulary, faces: Sequence[Face]) -> Measure:
        """The metric over faces whose identity is known."""
        rng = np.random.default_rng(self.seed)
        people = np.unique([str(face.identity) for face in faces], return_inverse=True)[1]
        same = _same_pairs(people)
        if len(same) > self.pairs:
            same = same[np.sort(rng.choice(len(same), self.pairs, replace=False))]
        different = _different_pairs(people, len(same), rng)
        if not len(same) or not len(different):
            raise DictionaryError(
                "expected two faces of one person that can be read, and others, got none; check the images"
            )
        return _Verified(
            self.metric, np.concatenate([same, different]), np.repeat([True, False], [len(same), len(different)])
        )

    def as_dict(self) -> dict[str, Any]:
        """Kind and settings."""
        return {"kind": "verification", **asdict(self)}


def _same_pairs(people: Int64[np.ndarray, " image"]) -> Int64[np.ndarray, "pair 2"]:
    order = np.argsort(people, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(people[order])) + 1)
    found = [np.stack([group[i] for i in np.triu_indices(len(group), 1)], 1) for group in groups if len(group) > 1]
    return np.concatenate(found) if found else np.empty((0, 2), np.int64)


def _different_pairs(
    people: Int64[np.ndarray, " image"], count: int, rng: np.random.Generator
) -> Int64[np.ndarray, "pair 2"]:
    """Pairs of faces of different people, each once; fewer than `count` where there are not so many."""
    faces = len(people)
    if faces * faces <= 40 * count:
        one, other = np.triu_indices(faces, 1)
        found = np.stack([one, other], 1)[people[one] != people[other]]
        chosen: Int64[np.ndarray, "pair 2"] = found[
            np.sort(rng.choice(len(found), min(count, len(found)), replace=False))
        ]
        return chosen
    drawn: Int64[np.ndarray, "pair 2"] = np.sort(rng.integers(0, faces, (4 * count, 2)), axis=1)
    drawn = drawn[people[drawn[:, 0]] != people[drawn[:, 1]]]
    first = np.sort(np.unique(drawn, axis=0, return_index=True)[1])
    return drawn[first[:count]]


@dataclass(frozen=True)
class _Verified:
    metric: VerificationMetric
    pairs: Int64[np.ndarray, "pair 2"]
    same: Bool[np.ndarray, " pair"]

    def __call__(self, answers: Answers, counts: Counts) -> Float[np.ndarray, " row"]:
        lengths = np.linalg.norm(answers, axis=1, keepdims=True)
        unit = answers / np.maximum(lengths, 1e-12)
        cosine = (unit[self.pairs[:, 0]] * unit[self.pairs[:, 1]]).sum(1)
        order = np.argsort(cosine, kind="stable")
        pairs, same = self.pairs[order], self.same[order]
        # The first of each run of equal cosines, between which no threshold can lie.
        starts = np.flatnonzero(np.concatenate([[True], np.diff(cosine[order]) > 0]))
        values = [
            self._of(counts[start : start + _ROWS], pairs, same, starts) for start in range(0, len(counts), _ROWS)
        ]
        return np.concatenate(values)

    def _of(
        self,
        counts: Counts,
        pairs: Int64[np.ndarray, "pair 2"],
        same: Bool[np.ndarray, " pair"],
        starts: Int64[np.ndarray, " run"],
    ) -> Float[np.ndarray, " row"]:
        weights = (counts[:, pairs[:, 0]] * counts[:, pairs[:, 1]]).astype(np.float64)
        genuine, impostor = (np.add.reduceat(weights * kind, starts, axis=1) for kind in (same, ~same))
        with np.errstate(invalid="ignore", divide="ignore"):
            genuine /= genuine.sum(1, keepdims=True)
            impostor /= impostor.sum(1, keepdims=True)
        below, missed = np.cumsum(impostor, axis=1), np.cumsum(genuine, axis=1)
        values: Float[np.ndarray, " row"]
        if self.metric == "auc":
            values = (genuine * (below - impostor / 2)).sum(1)
        else:
            # Right are different people up to the threshold and the same person above it; half of all below the lowest.
            values = np.maximum((below + 1 - missed).max(1) / 2, 0.5)
        return values


@dataclass(frozen=True, kw_only=True)
class UserTask:
    """A metric of the user's own.

    Attributes:
        function: given answers (image, output) and the faces in the same order, a number; for samples with replacement it is
            given faces more than once.
        name: of the metric.
        higher_is_better: whether a higher value is a better one.
        output: see `read_answers`.
    """

    function: UserFunction
    name: str = ""
    higher_is_better: bool = True
    output: str | None = None

    @property
    def metric(self) -> str:
        """Its name."""
        return self.name or getattr(self.function, "__name__", "metric")

    def known(self, _vocabulary: Vocabulary, faces: Sequence[Face]) -> Bool[np.ndarray, " image"]:
        """All faces."""
        return np.ones(len(faces), bool)

    def measure(self, _vocabulary: Vocabulary, faces: Sequence[Face]) -> Measure:
        """The function over these faces."""
        return _UserMeasure(self, tuple(faces))

    def as_dict(self) -> dict[str, Any]:
        """Kind and settings; the function by its name."""
        return {
            "kind": "function",
            "metric": self.metric,
            "higher_is_better": self.higher_is_better,
            "output": self.output,
        }


@dataclass(frozen=True)
class _UserMeasure:
    task: UserTask
    faces: tuple[Face, ...]

    def __call__(self, answers: Answers, counts: Counts) -> Float[np.ndarray, " row"]:
        values = []
        for row in counts:
            chosen = np.repeat(np.arange(len(row)), row)
            values.append(self._of(answers[chosen], [self.faces[face] for face in chosen]) if len(chosen) else np.nan)
        return np.array(values, np.float64)

    def _of(self, answers: Answers, faces: list[Face]) -> float:
        try:
            return float(self.task.function(answers, faces))
        # The function is the user's: it may raise anything.
        except Exception as error:
            raise SettingsError(
                f"expected {self.task.metric} to give a number for answers of {answers.shape[0]} x {answers.shape[1]} and their "
                f"faces, got {type(error).__name__}: {error}; correct the function"
            ) from error


def known_task(source: str) -> Task | None:
    """The task of an embedded network, by the source of its `FaceModel`; None for any other."""
    tasks: dict[str, Task] = {
        "demo:age": Regression(target="age"),
        "demo:gender": Classification(target="gender", positive="Female"),
        "demo:smile": Classification(target="Smiling"),
        "demo:identity": Verification(),
    }
    return tasks.get(source)


def target_labels(vocabulary: Vocabulary, faces: Sequence[Face], target: str) -> list[bool | str | None]:
    """What each face is by a target: True or False for a local concept or a label, its subgroup for a global concept.

    Raises:
        DictionaryError: there is no such target, or no face of which it is known.
    """
    subgroups = {concept.name: concept.subgroups for concept in vocabulary.global_concepts}
    labels: list[bool | str | None]
    if target in vocabulary:
        states = {"present": True, "absent": False, "unknown": None}
        labels = [states[face.state(vocabulary[target])] for face in faces]
    elif target in subgroups:
        labels = [face.subgroups.get(target) for face in faces]
    else:
        labels = [_bool(face.labels.get(target)) for face in faces]
        if all(label is None for label in labels):
            told = {name for face in faces for name, label in face.labels.items() if isinstance(label, bool)}
            nearest = nearest_names(target, [*vocabulary.names, *subgroups, *sorted(told)])
            raise DictionaryError(
                f"expected a local concept, a global concept or a label that is true or false, got {target!r}; "
                f"nearest: {nearest}"
            )
    if all(label is None for label in labels):
        raise DictionaryError(
            f"expected faces of which {target} is known, got none of {len(faces)}; choose another target"
        )
    return labels


def read_answers(output: Any, images: int, which: str | None = None) -> Answers:
    """A network's output as answers (image, output) in float32.

    Args:
        output: a tensor, or tuples, lists and mappings of tensors.
        images: how many images it answers.
        which: keys and positions that lead to a tensor, then the number of an output in it: `3` of a single tensor,
            `logits`, `logits[3]`, `0[3]` for the first of a tuple. None where there is one tensor, all of whose outputs count.

    Raises:
        SettingsError: there is no such output, or several and none is named.
    """
    tensors = {
        path: tensor
        for path, tensor in parts(output)
        if tensor.is_floating_point() and tensor.ndim and len(tensor) == images
    }
    words = tuple(re.findall(r"[^\[\]]+", which or ""))
    path = next((words[:end] for end in range(len(words), -1, -1) if words[:end] in tensors), None)
    if path is None and len(tensors) == 1 and len(words) < 2:
        path, column = next(iter(tensors)), words
    else:
        column = words[len(path or ()) :]
    spelt = ", ".join("".join(f"[{key}]" if place else key for place, key in enumerate(keys)) for keys in tensors)
    if path is None:
        raise SettingsError(
            f"expected which output of the network answers ({spelt or 'it has none of real numbers'}), got {which!r}; name one"
        )
    answers: Answers = tensors[path].detach().reshape(images, -1).float().cpu().numpy()
    if not column:
        return answers
    if len(column) > 1 or not column[0].isdigit() or int(column[0]) >= answers.shape[1]:
        raise SettingsError(
            f"expected an output of the network from 0 to {answers.shape[1] - 1}{f' or one of {spelt}' if spelt else ''}, "
            f"got {which!r}"
        )
    return answers[:, [int(column[0])]]


def user_function(spec: str) -> UserFunction:
    """The function that `FILE.py:NAME` or `package.module:NAME` stands for; what stands in the file is run.

    Raises:
        SettingsError: there is no such file, module or function, or it cannot be imported.
    """
    place, _, name = spec.rpartition(":")
    if not place or not name:
        raise SettingsError(
            f"expected classification, regression, verification or FILE.py:FUNCTION, got {spec!r}; name one of them"
        )
    try:
        module = _from_file(Path(place)) if place.endswith(".py") else importlib.import_module(place)
    # The module is the user's: it may raise anything.
    except Exception as error:
        raise SettingsError(
            f"expected Python that can be imported from {place}, got {type(error).__name__}: {error}"
        ) from error
    function = getattr(module, name, None)
    if not callable(function):
        known = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        raise SettingsError(
            f"expected a function of {place}, got {name!r}; it has: {nearest_names(name, known) or 'none'}"
        )
    found: UserFunction = function
    return found


def _from_file(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"facedissect_task_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no file of Python")
    module = importlib.util.module_from_spec(spec)
    # Under its name while it runs, as dataclasses need it.
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[spec.name]
        raise
    return module


def _mean(values: np.ndarray, counts: Counts) -> Float[np.ndarray, " row"]:
    with np.errstate(invalid="ignore"):
        means: Float[np.ndarray, " row"] = (counts @ values.astype(np.float64)) / counts.sum(1)
    return means


def _classes(vocabulary: Vocabulary, target: str) -> tuple[str, ...]:
    return next((concept.subgroups for concept in vocabulary.global_concepts if concept.name == target), BINARY)


def _word(label: bool | str) -> str:
    return label if isinstance(label, str) else "present" if label else "absent"


def _bool(label: Label | None) -> bool | None:
    return label if isinstance(label, bool) else None


def _is_number(label: Label | None) -> bool:
    return isinstance(label, (int, float)) and not isinstance(label, bool) and bool(np.isfinite(label))
