"""Networks: one file per source, each `load(...) -> FaceModel`, and the FaceModel that they give."""

from .demo import TASKS, DemoNetwork
from .face_model import FaceModel, LayerInfo
from .load import DOORS, load_model
from .onnx import FixedBatchWarning
from .preprocess import Crop, Interpolation, Preprocess
from .torchvision import UntrainedWarning

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
