"""`torchscript:FILE`: a file of `torch.jit.save`, taken apart so that its parts can be hooked (`torchscript_graph.py`).

A file holds tensors and programs in TorchScript's own language, never pickled code, but these programs are run: they cannot
import anything, yet some operators read and write files, so a file from a stranger is not safe.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import torch
from torch.jit._recursive import wrap_cpp_module

from ..errors import ModelError
from .face_model import FaceModel, one_line
from .fixed_batch import answers_batches, same_answers, warn_fixed_batch
from .preprocess import PreprocessChanges
from .torchscript_graph import Part, taken_apart


def load(target: str, *, weights: str | Path | None, changes: PreprocessChanges) -> FaceModel:
    """The network in a file of `torch.jit.save`; RGB images in [0, 1] unless `changes` says otherwise.

    Raises:
        ModelError: the file is missing, damaged or no network of RGB images; or its parts cannot be reached, as after
            torch.jit.freeze; or weights were given, which the file has already.
        SettingsError: no size was given, and a file of TorchScript tells none.
    """
    if weights is not None:
        raise ModelError(
            f"expected no weights for a TorchScript file, which holds its own, got {weights}; leave them out"
        )
    path = Path(target)
    script, functions = _read(path)
    preprocess = changes.apply(None, what=f"torchscript:{path}")
    module = taken_apart(script, functions)
    if not (module.in_python and any(part.called for part in module.children() if isinstance(part, Part))):
        raise ModelError(
            f"expected a network in {path} whose layers can be hooked, got one that only TorchScript can run, as a whole; "
            "save it without torch.jit.freeze, or give it by export:FILE (torch.export.save) or python:..."
        )
    module.register_forward_pre_hook(module.around.note)
    # FaceModel.digest sees the tensors of a network and its modules, but not what these compute.
    digest = hashlib.sha256(path.read_bytes()).digest()
    module.register_buffer("file_digest", torch.tensor(list(digest), dtype=torch.uint8), persistent=False)
    single = FaceModel(module, preprocess=preprocess, name=path.stem, source=f"torchscript:{path}", max_batch=1)
    batch = torch.rand(3, 3, *preprocess.size, generator=torch.Generator().manual_seed(0))
    batches = answers_batches(single, batch)
    with single.borrowed():
        if not same_answers(single(batch[:1]), script(batch[:1].to(single.dtype))):
            raise ModelError(
                f"expected a network in {path} that answers the same when it is taken apart, got other answers; "
                "give it by export:FILE (torch.export.save) or python:..."
            )
    if batches:
        return FaceModel(module, preprocess=preprocess, name=path.stem, source=single.source)
    warn_fixed_batch(path)
    return single


def _read(path: Path) -> tuple[Any, torch._C.CompilationUnit]:
    """The network in a file, and the functions that it calls."""
    if not path.is_file():
        raise ModelError(f"expected a file of torch.jit.save, got {path}, which is not a file; check the path")
    try:
        # As torch.jit.load does it, which keeps the functions of the file to itself.
        functions = torch._C.CompilationUnit()
        read: Any = torch._C.import_ir_module
        wrap: Any = wrap_cpp_module
        script = wrap(read(functions, str(path), torch.device("cpu"), {}, False))
    # torch raises whatever a damaged file makes it stumble over.
    except Exception as error:
        raise ModelError(
            f"expected a file of torch.jit.save, got {path}, which is damaged or something else: {one_line(error)}"
        ) from error
    return script.eval(), functions
