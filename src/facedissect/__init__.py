"""facedissect says what each hidden unit of a face network looks at, and whether it is biased.

The whole method in four lines:

    dictionary = open_dictionary("face-dictionary")
    model = load_model("torchvision:resnet50", weights="age.pth", size=128)
    result = dissect(dictionary, model, layers=["layer4.2.conv1"])
    write_report(result, dictionary, "report.html")

It implements Hierarchical Network Dissection (Teotia, Lapedriza, Ostadabbas, IJCV 2022).
"""

import typing as _typing
from importlib import import_module as _import_module

from .ablation import Ablation, ablate
from .baseline import Baseline, baseline
from .building import Built, Recipe, build, read_recipe
from .comparison import Comparison, compare
from .concepts import FACE_DICTIONARY, Concept, GlobalConcept, Region, Vocabulary
from .curation import Quality, balanced, examine, hold_out, merge_file
from .dictionary.detect import detect_faces
from .dictionary.faces import Face, FaceDictionary
from .dictionary.open import check_dictionary, open_dictionary
from .dictionary.pack import pack
from .dictionary.write import write_published
from .dissection import dissect
from .errors import (
    DictionaryError,
    FacedissectError,
    FaceReadError,
    LayerError,
    MissingExtraError,
    ModelError,
    OutputError,
    SettingsError,
    WeightsError,
)
from .model.dry_run import LayerInfo
from .model.face_model import FaceModel
from .model.load import load_model
from .model.preprocess import Preprocess
from .provenance import Provenance
from .report import write_report
from .report.browse import browse
from .results import Dissection, LayerResult
from .settings import Settings
from .storage import load, save
from .validation import validate
from .views import FoundConcept, FoundGlobalConcept, Unit

if _typing.TYPE_CHECKING:
    from .report import plot as plot

__version__ = "0.1.0"

__all__ = [
    "FACE_DICTIONARY",
    "Ablation",
    "Baseline",
    "Built",
    "Comparison",
    "Concept",
    "DictionaryError",
    "Dissection",
    "Face",
    "FaceDictionary",
    "FaceModel",
    "FaceReadError",
    "FacedissectError",
    "FoundConcept",
    "FoundGlobalConcept",
    "GlobalConcept",
    "LayerError",
    "LayerInfo",
    "LayerResult",
    "MissingExtraError",
    "ModelError",
    "OutputError",
    "Preprocess",
    "Provenance",
    "Quality",
    "Recipe",
    "Region",
    "Settings",
    "SettingsError",
    "Unit",
    "Vocabulary",
    "WeightsError",
    "ablate",
    "balanced",
    "baseline",
    "browse",
    "build",
    "check_dictionary",
    "compare",
    "detect_faces",
    "dissect",
    "examine",
    "hold_out",
    "load",
    "load_model",
    "merge_file",
    "open_dictionary",
    "pack",
    "read_recipe",
    "save",
    "validate",
    "write_published",
    "write_report",
]


def __getattr__(name: str) -> _typing.Any:
    """`facedissect.plot`, only when it is asked for: matplotlib takes a second to import."""
    if name == "plot":
        return _import_module(".report.plot", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
