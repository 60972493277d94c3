"""Face Dictionaries: `open_dictionary` reads one of any format, `check_dictionary` lists what is wrong with one."""

from .detect import detect_faces
from .faces import Face, FaceDictionary, FaceSource, State
from .faults import FAULTS, Fault, Row, Severity
from .landmarks_file import read_landmarks, write_landmarks
from .located import Box, Located
from .open import FORMATS, Format, check_dictionary, open_dictionary

__all__ = [
    "FAULTS",
    "FORMATS",
    "Box",
    "Face",
    "FaceDictionary",
    "FaceSource",
    "Fault",
    "Format",
    "Located",
    "Row",
    "Severity",
    "State",
    "check_dictionary",
    "detect_faces",
    "open_dictionary",
    "read_landmarks",
    "write_landmarks",
]
