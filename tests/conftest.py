"""What tests of every file share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

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
