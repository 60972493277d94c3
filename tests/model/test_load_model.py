"""load_model: one door for each scheme."""

from __future__ import annotations

import pytest

from facedissect.errors import ModelError
from facedissect.model import DOORS, load_model


@pytest.mark.parametrize("spec", ["resnet50", "zoom:age", "", ":age", "demo:", "demo"])
def test_an_unknown_spec_lists_the_schemes(spec: str) -> None:
    with pytest.raises(ModelError, match=f"expected a model as one of demo:..., zoo:..., .*, python:..., got {spec!r}"):
        load_model(spec)


@pytest.mark.parametrize("scheme", DOORS)
def test_every_door_refuses_what_it_does_not_have(scheme: str) -> None:
    with pytest.raises(ModelError, match=r"expected .*, got .*"):
        load_model(f"{scheme}:no-such-thing")
