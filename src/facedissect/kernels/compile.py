"""How loops are compiled: without the GIL, so that threads share them; cached on disk; IEEE arithmetic, nothing contracted."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, TypeVar, cast

import numba
import torch
from numba.core import types
from numba.extending import intrinsic

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """The function as machine code, made at its first call for each combination of types."""
    try:
        made = numba.njit(nogil=True, cache=True, error_model="numpy")(function)
    except RuntimeError:  # there is no folder to which a cache can be written
        made = numba.njit(nogil=True, error_model="numpy")(function)
    return cast("Function", made)


def _popcount(_context: Any, word: Any) -> Any:  # noqa: ARG001
    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.uint64(types.uint64), generate


popcount: Any = intrinsic(_popcount)
"""The number of set bits of an unsigned 64-bit word; only within compiled functions."""


def in_threads(kernel: Callable[..., None], *arguments: Any) -> None:
    """Call `kernel(thread, threads, *arguments)` once in each of as many threads as torch uses.

    Threads of Python's own, since those of Numba's layers and of torch's OpenMP do not survive each other or a fork.
    """
    threads = torch.get_num_threads()
    if threads == 1:
        kernel(0, 1, *arguments)
        return
    waiting = [_pool(threads - 1).submit(kernel, thread, threads, *arguments) for thread in range(1, threads)]
    kernel(0, threads, *arguments)
    for future in waiting:
        future.result()


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="kernel")
