"""TorchScript modules as modules of Python, which can be hooked.

TorchScript's own interpreter runs no hooks of Python. The graph of each module is therefore run here, operator by operator,
and calls of other modules go by way of Python. A module whose graph has anything but operators, calls and conditions is left
to TorchScript as a whole: it can be hooked, and what is inside it cannot.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

Values = dict[int, Any]
Step = Callable[[Values], None]

_PLAIN: dict[str, Callable[..., Any]] = {
    "prim::ListConstruct": lambda *values: list(values),
    "prim::TupleConstruct": lambda *values: values,
    "prim::ListUnpack": tuple,
    "prim::TupleUnpack": tuple,
    "prim::DictConstruct": lambda *values: dict(zip(values[::2], values[1::2], strict=True)),
    "prim::unchecked_cast": lambda value: value,
    "prim::CallFunction": lambda function, *values: function(*values),
    "aten::__getitem__": operator.getitem,
    "aten::__is__": operator.is_,
    "aten::__isnot__": operator.is_not,
    "aten::__not__": operator.not_,
    "aten::len": len,
    "aten::append": list.append,
    "aten::format": str.format,
    "aten::warn": lambda *_: None,
    # Stands where a condition ends in an error, and is never read.
    "prim::Uninitialized": lambda: None,
}
"""Nodes that are no operators on tensors, or that torch cannot call from Python for any type."""


class _Around:
    """What the parts of a network share: the functions of its file, and the device that the images of a pass are on.

    The device stands in for the one that was written down when a network was traced.
    """

    def __init__(self, functions: torch._C.CompilationUnit) -> None:
        self.functions = functions
        self.device = torch.device("cpu")

    def note(self, _module: nn.Module, images: tuple[Tensor, ...]) -> None:
        """A forward pre-hook of the network."""
        self.device = images[0].device

    def here(self, value: Any) -> Any:
        """A constant of a graph as it has to be in this pass."""
        if isinstance(value, Tensor):
            return value.to(self.device)
        return self.device if isinstance(value, torch.device) else value


def _words(kind: object) -> list[str]:
    return re.findall(r"\w+", str(kind))


def _raise(message: object = "", *_: object) -> None:
    raise RuntimeError(str(message))


class _UnknownError(Exception):
    """A graph has a node that cannot be run here."""


def taken_apart(script: Any, functions: torch._C.CompilationUnit) -> Part:
    """A network of TorchScript as modules of Python, with the functions of its file."""
    return _part(script, _Around(functions))


def _part(script: Any, around: _Around) -> Part:
    """A module of TorchScript as one of Python, under the name of its class."""
    kind: type[Part] = type(script.original_name, (Part,), {})
    return kind(script, around)


class Part(nn.Module):
    """A module of TorchScript with its own tensors and parts, which runs its graph in Python where it can.

    Attributes:
        around: the same for all parts of a network.
        in_python: whether it does.
        called: whether TorchScript can call it at all; lists of modules cannot be called.
    """

    def __init__(self, script: Any, around: _Around) -> None:
        super().__init__()
        # In a tuple, so that it is no child, since its hooks would be refused.
        self._script = (script,)
        self.around = around
        for name, value in script.named_parameters(recurse=False):
            self.register_parameter(name, nn.Parameter(value.data, requires_grad=value.requires_grad))
        for name, value in script.named_buffers(recurse=False):
            self.register_buffer(name, value)
        for name, child in script.named_children():
            self.add_module(name, _part(child, around))
        self._methods: dict[str, _Method | None] = {}
        self.called = bool(script._c._has_method("forward"))
        self.in_python = self.called and self._method("forward") is not None

    def forward(self, *inputs: Any, method: str = "forward") -> Any:
        """What the network in the file gives."""
        return self.call(method, *inputs)

    def call(self, name: str, *inputs: Any) -> Any:
        """A method, in Python if that can be, else in TorchScript."""
        method = self._method(name)
        if method is not None:
            return method(self, *inputs)
        self._lend()
        return getattr(self._script[0], name)(*inputs)

    def attribute(self, name: str) -> Any:
        """A part, a tensor or a setting."""
        for own in (self._modules, self._parameters, self._buffers):
            if name in own:
                return own[name]
        return self.training if name == "training" else getattr(self._script[0], name)

    def _method(self, name: str) -> _Method | None:
        if name not in self._methods:
            try:
                self._methods[name] = _Method(getattr(self._script[0], name).graph, self.around)
            except _UnknownError:
                self._methods[name] = None
        return self._methods[name]

    def _lend(self) -> None:
        """Gives TorchScript the tensors of this module and its parts, which may have been moved to another device."""
        for part in self.modules():
            if isinstance(part, Part):
                for name, value in (*part._parameters.items(), *part._buffers.items()):
                    if name != "file_digest" and value is not None:
                        setattr(part._script[0], name, value.data)


class _Method:
    """A graph of TorchScript, read into steps of Python."""

    def __init__(self, graph: Any, around: _Around) -> None:
        self._around = around
        self._inputs = [value.unique() for value in graph.inputs()]
        self._steps = self._read(graph)
        self._outputs = [value.unique() for value in graph.outputs()]

    def __call__(self, *inputs: Any) -> Any:
        values: Values = dict(zip(self._inputs, inputs, strict=True))
        for step in self._steps:
            step(values)
        answers = tuple(values[output] for output in self._outputs)
        return answers[0] if len(answers) == 1 else answers

    def _read(self, block: Any) -> list[Step]:
        return [self._condition(node) if node.kind() == "prim::If" else self._step(node) for node in block.nodes()]

    def _condition(self, node: Any) -> Step:
        condition = node.input().unique()
        outputs = [value.unique() for value in node.outputs()]
        yes, no = ((self._read(block), [value.unique() for value in block.outputs()]) for block in node.blocks())

        def run(values: Values) -> None:
            steps, given = yes if values[condition] else no
            for step in steps:
                step(values)
            values.update({output: values[value] for output, value in zip(outputs, given, strict=True)})

        return run

    def _step(self, node: Any) -> Step:
        function = self._function(node)
        inputs = [value.unique() for value in node.inputs()]
        outputs = [value.unique() for value in node.outputs()]

        def run(values: Values) -> None:
            given = function(*(values[value] for value in inputs))
            values.update(zip(outputs, (given,) if len(outputs) == 1 else given or (), strict=True))

        return run

    def _function(self, node: Any) -> Callable[..., Any]:
        """What a node does to its inputs. Raises _UnknownError."""
        kind = node.kind()
        if kind == "prim::Constant":
            return self._constant(node)
        if kind == "prim::GetAttr":
            attribute = node.s("name")
            return lambda part: part.attribute(attribute)
        if kind == "prim::CallMethod":
            method = node.s("name")
            if method == "forward":
                return lambda part, *inputs: part(*inputs)
            # A module that is called again in one pass was traced again, as forward1; hooks are to hear it too.
            if re.fullmatch(r"forward\d+", method):
                return lambda part, *inputs: part(*inputs, method=method)
            return lambda part, *inputs: part.call(method, *inputs)
        if kind == "prim::RaiseException":
            return _raise
        if kind in _PLAIN:
            return _PLAIN[kind]
        try:
            schema = torch._C.parse_schema(node.schema())
            run = torch._C._get_operation_overload(schema.name, schema.overload_name)[0]
        # A node without a schema, or without an operator.
        except (AttributeError, RuntimeError, TypeError) as error:
            raise _UnknownError(kind) from error
        names = [argument.name for argument in schema.arguments]
        # Lists of anything cannot be handed over from Python, nor more values than there are names.
        if len(names) != len(list(node.inputs())) or any("t" in _words(argument.type) for argument in schema.arguments):
            raise _UnknownError(kind)
        count = sum(not argument.kwarg_only for argument in schema.arguments)
        return lambda *inputs: run(*inputs[:count], **dict(zip(names[count:], inputs[count:], strict=True)))

    def _constant(self, node: Any) -> Callable[[], Any]:
        kind = node.output().type()
        if kind.kind() == "FunctionType":
            function = self._around.functions.find_function(kind.annotation_str)
            return lambda: function
        value = node.output().toIValue()
        return lambda: self._around.here(value)
