"""Networks: one file per source, each `load(...) -> FaceModel`, and the FaceModel that they give."""

from .demo import TASKS, DemoNetwork
from .dry_run import LayerInfo
from .face_model import FaceModel
from .fixed_batch import FixedBatchWarning
from .load import DOORS, load_model
from .preprocess import Crop, Interpolation, Preprocess
from .untrained import UntrainedWarning

__all__ = [
    "DOORS",
    "TASKS",
    "Crop",
    "DemoNetwork",
    "FaceModel",
    "FixedBatchWarning",
    "Interpolation",
    "LayerInfo",
    "Preprocess",
    "UntrainedWarning",
    "load_model",
]
