"""The templates of everything that is written as HTML: escaped, and strict about names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from . import wording


def environment(filters: Mapping[str, Callable[..., Any]]) -> Environment:
    """The templates of this folder, with `percent` and more filters."""
    made = Environment(
        loader=PackageLoader("facedissect.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"percent": wording.percent, **filters}
    return made
