"""The architectures of the six published networks: written here, with the names and shapes of the published checkpoints."""

from .fairface import FairFace
from .inception_resnet_v1 import InceptionResnetV1
from .resnet50 import age_network, gender_network, smile_network
from .scut_resnet18 import ScutResNet18

__all__ = ["FairFace", "InceptionResnetV1", "ScutResNet18", "age_network", "gender_network", "smile_network"]
