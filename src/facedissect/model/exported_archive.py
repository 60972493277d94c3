"""A file of `torch.export.save` without anything that could run.

torch.export.load runs what it finds: pickles, compiled libraries, expressions that it evaluates. A file is therefore copied
in memory first, and the copy has the tensors and the graph, all on the CPU, and nothing that could run.
"""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

# All of an archive that a network needs; what else there is would be run, or unpickled.
_PROGRAM = re.compile(r"models/\w+\.json|serialized_exported_program\.json")
_TENSORS = re.compile(r"data/\w+/\w+\.pt|serialized_\w+\.pt")
_PAYLOAD = re.compile(r"data/(weights|constants)/\w+_config\.json")
_BYTES = re.compile(
    r"data/weights/weight_\d+|data/constants/tensor_\d+|(archive_)?(version|format)|byteorder|\.\w+(/\w+)?"
)
_LEFT_OUT = re.compile(r"(extra|extra_files)/.*")

# All of a graph that torch would evaluate, or write into code of its own.
_OPERATOR = re.compile(
    r"torch\.ops\.(aten|prim|prims|torchvision|quantized|quantized_decomposed)\.(?!from_file\b|save\b)\w+(\.\w+)*"
    r"|torch\.ops\.higher_order\.\w+|torch\._?sym_\w+|_operator\.\w+|math\.\w+"
)
_SIZE = re.compile(r"[\w\s()+\-*/%,=<>'.]*")
_WORD_OF_SIZES = re.compile(
    r"Symbol|Integer|Rational|Float|Add|Mul|Pow|Mod|Max|Min|Abs|floor|ceiling|Piecewise|ExprCondPair|Tuple|And|"
    r"Or|Not|Equality|Unequality|Eq|Ne|Lt|Le|Gt|Ge|StrictLessThan|LessThan|StrictGreaterThan|GreaterThan|true|"
    r"false|True|False|FloorDiv|ModularIndexing|Where|PythonMod|CleanDiv|CeilToInt|FloorToInt|CeilDiv|LShift|"
    r"RShift|PowByNatural|FloatPow|FloatTrueDiv|IntTrueDiv|TruncToFloat|TruncToInt|RoundToInt|RoundDecimal|"
    r"ToFloat|Identity|positive|negative|integer|nonnegative|nonpositive|real|finite|nonzero|zero|precision|"
    r"[a-z]{1,3}\d+"
)
_TREE = re.compile(r"builtins\.(tuple|list|dict)|collections\.(OrderedDict|deque|namedtuple)|transformers\.\w+\.\w+")
_CPU = {"type": "cpu", "index": None}


class CodeError(Exception):
    """What would be run, in words."""


def without_code(path: Path) -> tuple[io.BytesIO, bytes]:
    """A copy of the archive in memory without anything that could run, and the SHA-256 of its graph.

    Raises:
        CodeError: there is more in it than tensors and a graph.
    """
    copy, digest = io.BytesIO(), hashlib.sha256()
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(copy, "w") as safe:
        for name in dict.fromkeys(archive.namelist()):
            folder, slash, rest = name.partition("/")
            # In an archive of today, all names begin with the name of the file.
            place, content = (rest if slash and folder != "extra_files" else name), archive.read(name)
            if _PROGRAM.fullmatch(place):
                content = json.dumps(_checked(json.loads(content))).encode()
                digest.update(content)
            elif _TENSORS.fullmatch(place):
                content = _only_tensors(content, place)
            elif _PAYLOAD.fullmatch(place):
                content = json.dumps(_checked_payload(json.loads(content))).encode()
            elif _LEFT_OUT.fullmatch(place):
                continue
            elif not _BYTES.fullmatch(place):
                raise CodeError(f"also {place}")
            safe.writestr(name, content)
    copy.seek(0)
    return copy, digest.digest()


def _only_tensors(content: bytes, place: str) -> bytes:
    """What torch.save wrote, written anew from what is safe to unpickle."""
    if not content:
        return content
    try:
        value = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        code = re.search(r"GLOBAL ([\w.]+)", str(error))
        raise CodeError(f"a pickle in {place} that {f'wants to run {code[1]}' if code else 'may hold code'}") from error
    anew = io.BytesIO()
    torch.save(value, anew)
    return anew.getvalue()


def _checked_payload(index: Any) -> Any:
    """The index of the tensors that are stored as bytes."""
    for name, entry in index["config"].items():
        if entry.get("use_pickle") or not re.fullmatch(r"(weight|tensor)_\d+", entry["path_name"]):
            raise CodeError(f"a pickle of {name}")
    return _checked(index)


def _checked(value: Any, key: str = "") -> Any:
    """A part of a graph on the CPU, without remarks and conditions, which torch would read as code; `key` says which."""
    if key in ("device", "as_device") and isinstance(value, Mapping):
        return _CPU
    if key == "metadata":
        value = {name: text for name, text in value.items() if name == "nn_module_stack"}
    if key == "guards_code":
        return []
    if isinstance(value, dict):
        return {_checked(name): _checked(part, name) for name, part in value.items()}
    if isinstance(value, list):
        return [_checked(part, key) for part in value]
    if isinstance(value, str):
        _check_text(value, key)
    return value


def _check_text(text: str, key: str) -> None:
    if key in ("target", "as_operator"):
        harmless = _OPERATOR.fullmatch(text) is not None
    elif key == "expr_str":
        words = re.findall(r"[^\W\d]\w*", text)
        known = all(map(_WORD_OF_SIZES.fullmatch, words))
        harmless = known and _SIZE.fullmatch(text) is not None and re.search(r"\.\s*[^\W\d]", text) is None
    elif key in ("in_spec", "out_spec"):
        harmless = _is_plain_tree(json.loads(text)[1])
    elif key in ("name", "as_name", "forward_arg_names"):
        harmless = text.isidentifier() or not text
    else:
        harmless = key.startswith("as_") or not re.search(r'["\\\n\r]', text)
    if not harmless:
        raise CodeError(f"a graph with {text!r} as {key}")


def _is_plain_tree(tree: Mapping[str, Any]) -> bool:
    """Whether tensors come in tuples, lists and mappings, none of which names a module to import."""
    context = str(tree["context"])
    plain = tree["type"] is None or _TREE.fullmatch(tree["type"]) is not None
    return (
        plain and "__enum__" not in context and "\\" not in context and all(map(_is_plain_tree, tree["children_spec"]))
    )
