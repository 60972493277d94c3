"""`python:package.module:callable`: whatever a callable of the user's own returns."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

from ..errors import ModelError, nearest_names
from .checkpoint import load_weights
from .face_model import FaceModel, one_line
from .preprocess import PreprocessChanges


def load(target: str, *, weights: str | Path | None, changes: PreprocessChanges) -> FaceModel:
    """Calls `callable` of `package.module`, which may lie in the working directory; it returns an nn.Module or a FaceModel.

    A name that is an nn.Module or a FaceModel already is taken as it is.

    Raises:
        ModelError: the module, the callable or its result is not as expected.
        SettingsError: it returned an nn.Module and no size was given.
        WeightsError: `weights` do not fit.
    """
    module_name, _, name = target.partition(":")
    if not module_name or not name:
        raise ModelError(
            f"expected python:package.module:callable, got python:{target}; name both, with a colon between"
        )
    with _importable_working_directory():
        made = _named(_imported(module_name), name)
        if not isinstance(made, (nn.Module, FaceModel)):
            made = _called(made, target)
    if not isinstance(made, (nn.Module, FaceModel)):
        raise ModelError(f"expected an nn.Module or a FaceModel from python:{target}, got {type(made).__name__}")
    module = made.module if isinstance(made, FaceModel) else made
    if weights is not None:
        load_weights(module, weights)
    source = f"python:{target}"
    if not isinstance(made, FaceModel):
        return FaceModel(
            module, preprocess=changes.apply(None, what=source), name=name.rpartition(".")[2], source=source
        )
    return FaceModel(
        module,
        preprocess=changes.apply(made.preprocess, what=source),
        name=made.name,
        source=source,
        max_batch=made.max_batch,
        aliases=made.aliases,
        untrained=made.untrained if weights is None else None,
    )


@contextmanager
def _importable_working_directory() -> Iterator[None]:
    """As `python -m` has it; the entry goes away again."""
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        yield
    finally:
        if here in sys.path:
            sys.path.remove(here)


def _imported(module_name: str) -> ModuleType:
    importlib.invalidate_caches()
    try:
        return importlib.import_module(module_name)
    # The module is the user's: it may raise anything.
    except Exception as error:
        raise ModelError(
            f"expected a module {module_name!r} that can be imported from {Path.cwd()} or as installed, got {one_line(error)}"
        ) from error


def _named(module: ModuleType, name: str) -> Any:
    found: Any = module
    for part in name.split("."):
        if not hasattr(found, part):
            known = [key for key, value in vars(found).items() if callable(value) and not key.startswith("_")]
            raise ModelError(
                f"expected a callable of {module.__name__}, got {name!r}; it has {nearest_names(part, known) or 'none'}"
            )
        found = getattr(found, part)
    return found


def _called(function: Any, target: str) -> Any:
    if not callable(function):
        raise ModelError(f"expected a callable at python:{target}, got {type(function).__name__}; name a function")
    try:
        return function()
    # The callable is the user's: it may raise anything.
    except Exception as error:
        raise ModelError(
            f"expected python:{target} to return a network when called without arguments, got {one_line(error)}"
        ) from error
