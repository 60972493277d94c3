"""`zoo:NAME`: the six networks of the published study, with the user's copy of their checkpoints.

Teotia, Lapedriza, Ostadabbas, "Interpreting Face Inference Models using Hierarchical Network Dissection", IJCV 2022.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

import torch
from torch import nn

from ..errors import ModelError, WeightsError
from .architectures import FairFace, InceptionResnetV1, ScutResNet18, age_network, gender_network, smile_network
from .checkpoint import load_weights
from .face_model import FaceModel, one_line
from .preprocess import Crop, Preprocess, PreprocessChanges

_STUDY = "the study's models, linked under Preparation at https://github.com/ostadabbas/Hierarchical-Network-Dissection"
_SCUT = f"{_STUDY}, or the ResNet-18 for PyTorch linked at https://github.com/HCIILAB/SCUT-FBP5500-Database-Release"

VGGFACE2_URL = "https://github.com/timesler/facenet-pytorch/releases/download/v2.2.9/20180402-114759-vggface2.pt"
"""107 MB."""
VGGFACE2_SHA256 = "281cebca8662831adb987a874bdcb36e73f5b1c6dc5ee5878f305e985625d99b"
"""Its author tells none; this is what others who took the file from there have recorded, Hugging Face's storage among them."""
_DOWNLOADS = ("DEFAULT", "vggface2")


@dataclass(frozen=True, kw_only=True)
class Published:
    """A network of the study; its images are scaled to [0, 1] and nothing else.

    Attributes:
        build: the architecture, with random weights.
        meaning: what it answers.
        side: height and width of the input.
        crop: of the face, in the study.
        layers: the real names of the study's four layers, from `layer1` to `layer4`.
        where: where the checkpoint was published.
        idle_heads: heads that only the training needed, by their names; a copy of the checkpoint may lack them.
    """

    build: Callable[[], nn.Module]
    meaning: str
    side: int
    crop: Crop = "none"
    layers: tuple[str, str, str, str]
    where: str = _STUDY
    idle_heads: tuple[str, ...] = ()

    @property
    def aliases(self) -> Mapping[str, str]:
        """The study's names of the four layers -> their real names."""
        return {f"layer{number}": name for number, name in enumerate(self.layers, start=1)}


_RESNET50_LAYERS = ("layer1.2.conv1", "layer2.3.conv1", "layer3.2.conv1", "layer4.2.conv1")

ZOO = {
    "age": Published(build=age_network, meaning="apparent age", side=128, layers=_RESNET50_LAYERS),
    "gender": Published(build=gender_network, meaning="two logits of gender", side=128, layers=_RESNET50_LAYERS),
    "beauty": Published(
        build=ScutResNet18,
        meaning="beauty score from 1 to 5",
        side=224,
        layers=("layer1.1.group1.conv2", "layer2.1.group1.conv2", "layer3.1.group1.conv2", "layer4.1.group1.conv2"),
        where=_SCUT,
    ),
    "facenet": Published(
        build=InceptionResnetV1,
        meaning="embedding of identity, of length 1",
        side=224,
        crop="box",
        layers=("conv2d_4b", "repeat_1.4.branch2.2", "repeat_2.9.branch1.2", "block8.branch1"),
        where=VGGFACE2_URL,
        idle_heads=("logits",),
    ),
    "fairface": Published(
        build=FairFace,
        meaning="embedding of identity, of length 10",
        side=112,
        crop="box",
        layers=("model.layer1.2.conv1", "model.layer2.2.conv1", "model.layer3.2.conv1", "model.layer4.2.conv1"),
        idle_heads=("model.classifier",),
    ),
    "smile": Published(build=smile_network, meaning="two logits of smiling", side=200, layers=_RESNET50_LAYERS),
}
"""Name of each network of the study -> what is known of it."""


def load(target: str, *, weights: str | Path | None, changes: PreprocessChanges) -> FaceModel:
    """A network of the study.

    Args:
        target: its name, such as `age`.
        weights: a copy of its checkpoint, which may be wrapped and need not have the heads of training, or may have others.
            For facenet also `DEFAULT` or `vggface2`, or None: the published one, from torch.hub's cache or downloaded by
            torch.hub into it, its hash checked.
        changes: preprocessing other than the study's.

    Raises:
        ModelError: there is no such network.
        WeightsError: no weights were given and none can be downloaded, or they do not fit.
    """
    if target not in ZOO:
        raise ModelError(
            f"expected a network of the study, one of {', '.join(ZOO)}, got {target!r}; for example zoo:age"
        )
    entry = ZOO[target]
    checkpoint = _checkpoint(target, weights)
    # The random weights that come before these leave the caller's random numbers alone.
    with torch.random.fork_rng(devices=[]):
        module = entry.build()
    load_weights(module, checkpoint, idle_heads=entry.idle_heads)
    preprocess = changes.apply(Preprocess(size=(entry.side, entry.side), crop=entry.crop), what=f"zoo:{target}")
    return FaceModel(module, preprocess=preprocess, name=target, source=f"zoo:{target}", aliases=entry.aliases)


def _checkpoint(name: str, weights: str | Path | None) -> Path:
    """The file of the weights. Raises WeightsError, saying what to get and where, if there is none."""
    if weights is not None and Path(weights).is_file():
        return Path(weights)
    if name == "facenet" and (weights is None or str(weights) in _DOWNLOADS):
        return _downloaded()
    choices = ", ".join(["a checkpoint file", *(_DOWNLOADS if name == "facenet" else ())])
    got = "none" if weights is None else f"{weights}, which is not a file"
    raise WeightsError(
        f"expected {choices} as weights of zoo:{name}, got {got}; get {ZOO[name].where} and give the file (--weights FILE)"
    )


def _downloaded() -> Path:
    """The checkpoint of facenet in torch.hub's cache, downloaded if it is not there; its hash is checked each time."""
    path = Path(torch.hub.get_dir()) / "checkpoints" / VGGFACE2_URL.rpartition("/")[2]
    if not path.exists():
        _download(path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != VGGFACE2_SHA256:
        raise WeightsError(
            f"expected {path} with SHA-256 {VGGFACE2_SHA256}, got {digest}; delete it, and it is downloaded again, "
            "or give a checkpoint of your own as weights (--weights FILE)"
        )
    return path


def _download(path: Path) -> None:
    """torch.hub's own download, which puts nothing at `path` unless the hash is right."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(VGGFACE2_URL, str(path), hash_prefix=VGGFACE2_SHA256)
    except RuntimeError as error:
        raise WeightsError(
            f"expected the published file from {VGGFACE2_URL}, got another, which was deleted: {one_line(error)}; "
            "try again, or give a checkpoint of your own as weights (--weights FILE)"
        ) from error
    except (OSError, HTTPException) as error:
        raise WeightsError(
            f"expected to download {VGGFACE2_URL} for zoo:facenet, got {one_line(error)}; "
            f"without a network, put the file into {path.parent} or give it as weights (--weights FILE)"
        ) from error
