"""What tests of every file share."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from facedissect import cli
from facedissect.dictionary.faces import FaceDictionary
from facedissect.validation.planted import Lookup, PlantedSource, planted_faces

# Before transformers or timm are imported, which would ask the hub again and again where there is no network.
os.environ.setdefault("HF_HUB_OFFLINE", "1")

# On a machine that does other work too, threads that wait for each other make a network ten times slower.
torch.set_num_threads(1)

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real networks, faces and reference results; skips where it is not at hand."""
    folder = Path(os.environ.get("FACEDISSECT_SHARED", REPOSITORY.parent / "shared"))
    if not folder.is_dir():
        pytest.skip(f"{folder} is not here; set FACEDISSECT_SHARED to the folder of real networks and faces")
    return folder


@pytest.fixture(scope="session")
def array_source() -> type[PlantedSource]:
    return PlantedSource


@pytest.fixture(scope="session")
def planted() -> tuple[FaceDictionary, torch.Tensor]:
    """A dictionary of numbered images with every published concept, and the masks (image, concept, height, width)."""
    dictionary, masks = planted_faces()
    return dictionary, torch.from_numpy(masks)


@pytest.fixture(scope="session")
def lookup() -> type[Lookup]:
    return Lookup


@pytest.fixture
def typed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str, str]]:
    """Exit status, standard output and standard error of `facedissect` with these arguments."""

    def typed(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["facedissect", *arguments])
        try:
            cli.main()
            status = 0
        except SystemExit as end:
            status = int(end.code or 0)
        output = capsys.readouterr()
        return status, output.out, output.err

    return typed
