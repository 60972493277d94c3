"""Face Dictionaries: `open_dictionary` reads one of any format, `check_dictionary` lists what is wrong with one."""

from .faces import Box, Face, FaceDictionary, FaceSource, State
from .faults import FAULTS, Fault, Row, Severity
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
    "Row",
    "Severity",
    "State",
    "check_dictionary",
    "open_dictionary",
]
