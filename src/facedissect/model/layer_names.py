"""Names of layers: a module's dotted name, then `#2` for its second call in a pass, then `[key]` for a part of its output."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

ALL_CONVOLUTIONS = "all-convs"
"""Stands for every convolution that a pass reaches."""

_CALL = re.compile(r"#(\d+)$")
_PART = re.compile(r"\[([^\[\]]+)\]$")


@dataclass(frozen=True, kw_only=True)
class Address:
    """Where a layer's output is to be had.

    Attributes:
        module: the module's dotted name.
        call: which of its calls in a pass, from 1; None if the name does not say.
        part: keys of mappings and positions in tuples that lead to the tensor, in order; None if the name does not say.
    """

    module: str
    call: int | None = None
    part: tuple[str, ...] | None = None

    def __str__(self) -> str:
        call = "" if self.call is None else f"#{self.call}"
        return self.module + call + "".join(f"[{key}]" for key in self.part or ())


def parse(name: str) -> Address:
    """The address that a name spells."""
    rest = name
    path: tuple[str, ...] = ()
    while match := _PART.search(rest):
        path = (match[1], *path)
        rest = rest[: match.start()]
    call = _CALL.search(rest)
    return Address(
        module=rest[: call.start()] if call else rest, call=int(call[1]) if call else None, part=path or None
    )


def is_pattern(name: str) -> bool:
    """Whether a name stands for several layers: it has `*` or `?`; brackets are no wildcards, since names have them."""
    return "*" in name or "?" in name


def matches(name: str, pattern: str) -> bool:
    """Whether a pattern covers a name; `*` also covers dots."""
    return fnmatch.fnmatchcase(name, pattern.replace("[", "[[]"))


def parts(output: Any) -> Iterator[tuple[tuple[str, ...], Tensor]]:
    """Every tensor of an output, with the keys and positions that lead to it; a bare tensor has the empty path."""
    if isinstance(output, Tensor):
        yield (), output
    elif isinstance(output, Mapping):
        for key, value in output.items():
            yield from (((str(key), *path), tensor) for path, tensor in parts(value))
    elif isinstance(output, (tuple, list)):
        for position, value in enumerate(output):
            yield from (((str(position), *path), tensor) for path, tensor in parts(value))


def part(output: Any, path: tuple[str, ...]) -> Tensor | None:
    """The tensor at a path of an output; None if there is none."""
    return next((tensor for at, tensor in parts(output) if at == path), None)
