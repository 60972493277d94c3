"""A good dictionary of those at hand: `examine` looks for doubts; `merge_file`, `balanced` and `hold_out` choose and join."""

from .conflicts import Conflict, find_conflicts
from .duplicates import DuplicateGroup, find_duplicates
from .findings import FINDINGS, Finding, Limits
from .merge import Part, merge
from .merge_file import merge_file
from .quality import Quality, examine
from .reliability import RELIABILITY, Reliability, unreliable_concepts
from .sampling import balanced, hold_out
from .signature import Signature

__all__ = [
    "FINDINGS",
    "RELIABILITY",
    "Conflict",
    "DuplicateGroup",
    "Finding",
    "Limits",
    "Part",
    "Quality",
    "Reliability",
    "Signature",
    "balanced",
    "examine",
    "find_conflicts",
    "find_duplicates",
    "hold_out",
    "merge",
    "merge_file",
    "unreliable_concepts",
]
