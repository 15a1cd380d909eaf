"""What must hold of a printed spec, checked against the graph computed node by node.

Every rule that doesn't hold raises `Fault`, which names it in words that are the same
for faults of one cause.
"""

from __future__ import annotations

import inspect
import re
import traceback
from collections.abc import Container, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from functools import cached_property
from math import prod
from operator import attrgetter
from types import SimpleNamespace
from typing import Any

import numpy as np
from archspec_flax.lowering import OPS as flax_ops
from archspec_keras.lowering import OPS as keras_ops
from archspec_onnx.lowering import OPS as onnx_ops
from archspec_torch.lowering import OPS as torch_ops
from nets import Arrays, computed, images, randomised
from random_specs_formulas import ROLES
from random_specs_text import loaded

from archspec.backend import Backend, backend
from archspec.errors import ArchspecError, UnsupportedError
from archspec.graph import Graph
from archspec.source.program import Source, execute
from archspec.verify.native import rounding
from archspec.verify.target import parse_all

TOLERANCE = 1e-12
HUGE = 1e100
"""Squares of larger numbers overflow."""
LARGEST = 50_000_000
"""Parameters of a net that is built here; of more it is left out."""
LEGAL: dict[str, tuple[Any, ...]] = {
    name: role.values for role in ROLES.values() for name in role.names
}
"""Legal values of params, by the names that the generator gives them."""


@dataclass
class Fault(AssertionError):
    """A rule that doesn't hold: `kind` is the same for all faults of one cause."""

    kind: str
    detail: str

    def __str__(self) -> str:
        return f"{self.kind}\n{self.detail}"


class Net:
    """A graph with weights, images and what it gives for them."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.images = images(graph)

    @cached_property
    def weights(self) -> Arrays:
        return randomised(self.graph)

    @cached_property
    def wanted(self) -> Arrays:
        return computed(self.graph, self.weights, self.images)

    def copies(self) -> Arrays:
        """The weights, for a model that may keep them."""
        return {name: array.copy() for name, array in self.weights.items()}

    def shake(self) -> float:
        """How far the outputs move where the last bits of all that is given do."""
        draw = np.random.default_rng(0)

        def shaken(values: Arrays) -> Arrays:
            return {
                k: v * (1 + 4e-16 * draw.choice((-1, 1), size=v.shape))
                for k, v in values.items()
            }

        moved = computed(self.graph, shaken(self.weights), shaken(self.images))
        return apart(moved, self.wanted)

    def rounds(self) -> float:
        """How much a framework's own kernels round, relatively."""
        natives = rounding(self.graph, parse_all("torch,keras"))
        return max((native.forward for native in natives), default=0.0)

    def compare(
        self, kind: str, found: Arrays, where: str = "", rounds: float = 0.0
    ) -> None:
        """Outputs against the definition, unless the net shakes by itself.

        A kernel of the framework `rounds` so much, relatively.
        """
        shapes = {name: array.shape for name, array in self.wanted.items()}
        other = {name: array.shape for name, array in found.items()}
        if other != shapes:
            raise Fault(f"{kind} has another shape", f"{where} {other} not {shapes}")
        if not max(float(np.abs(v).max()) for v in self.wanted.values()) < HUGE:
            return
        error = apart(found, self.wanted)
        # nan is no number that a tolerance holds for.
        limit = max(TOLERANCE, 100 * rounds)
        if not error <= limit and not error <= 100 * self.shake():
            raise Fault(f"{kind} differs", f"{where} by {error:.1e}")


class Case:
    """A spec with the nets that it gives for values of its params, each made once."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.net = Net(small(loaded(text)))
        self._nets: dict[str, Net | None] = {}

    def given(self, **params: Any) -> Net | None:
        """The net with other values of params; None where the language refuses it."""
        key = repr(params)
        if key not in self._nets:
            try:
                self._nets[key] = Net(small(loaded(self.text, **params)))
            except ArchspecError:
                self._nets[key] = None
        return self._nets[key]


def small(graph: Graph) -> Graph:
    """The graph, if memory has room for it; ArchspecError, as of a spec that is bad."""
    if sum(prod(shape) for shape in graph.parameters().values()) > LARGEST:
        raise ArchspecError("too large to be built here")
    return graph


def apart(found: Arrays, wanted: Arrays) -> float:
    """The largest difference against the largest array."""
    scale = max(float(np.linalg.norm(b)) for b in wanted.values())
    far = max(float(np.linalg.norm(found[k] - wanted[k])) for k in wanted)
    return far / (scale or 1.0)


def check(case: Case, kind: str, values: int = 2) -> str | None:
    """Checks a spec on a backend; returns what is printed, None if it is refused.

    Each argument, of the net and of its blocks, takes so many other values.
    """
    from random_specs_blocks import blocks

    chosen = backend(kind)
    source = emitted(chosen, case.net.graph)
    if source is None:
        return None
    case.net.compare(f"{kind}: output", built(chosen, case.net))
    if values:
        arguments(case, chosen, source, values)
        blocks(case, chosen, source, values)
    return source.text


def emitted(chosen: Backend, graph: Graph) -> Source | None:
    """The printed source; None for what is refused as it should be."""
    try:
        source = chosen.emit(graph)
        compile(source.text, "net.py", "exec")
    except UnsupportedError as error:
        if error.at is None or not error.code.startswith("AS5"):
            raise fault(f"{chosen.name}: refused without a place", error) from None
        return None
    except Exception as error:
        raise fault(f"{chosen.name}: printing", error) from None
    return source


def built(chosen: Backend, net: Net) -> Arrays:
    """The outputs of the built model."""
    try:
        model = chosen.build(net.graph, net.copies(), dtype="float64")
        return chosen.forward(net.graph, model, net.images)
    except UnsupportedError:
        raise
    except Exception as error:
        raise fault(f"{chosen.name}: building", error) from None


def fault(kind: str, error: Exception, where: str = "") -> Fault:
    """An error as a fault."""
    told = "".join(traceback.format_exception(error)[-3:])
    return Fault(f"{kind}: {cause(error)}", f"{where} {told}".strip())


def cause(error: BaseException) -> str:
    """An error without names and numbers, and where it was raised."""
    words = re.sub(r"'[^']*'|\"[^\"]*\"|[\w.]*\d[\w.]*", "_", str(error))
    words = re.sub(r"_([, ()\[\]]+_)+", "_", words).splitlines()[0] if words else ""
    frames = traceback.extract_tb(error.__traceback__)
    names = [f"{frame.filename} {frame.name}" for frame in frames]
    own = [
        name
        for name in names
        if re.search(r"archspec[/_]|^<(torch|keras|flax|onnx)", name)
    ]
    place = own[-1].split(" ")[-1] if own else ""
    name = type(error).__name__
    return f"{name}: {words[:80]}{f' in {place}' if place else ''}"


# Arguments


def arguments(case: Case, chosen: Backend, source: Source, values: int) -> None:
    """So many other values of every argument build what the spec's do."""
    words: dict[Any, Any] = dict(ops(chosen, source))
    for name, parameter in taken(source).items():
        if name in OWN[chosen.name]:
            continue
        if chosen.name == "keras" and name.endswith("_shape"):
            continue
        param, default = param_of(name, case.net.graph.params), parameter.default
        given = case.net.graph.params.get(param)
        if default not in (given, words.get(given)):
            detail = f"{name}={default!r}, {dict(case.net.graph.params)}"
            raise Fault(f"{chosen.name}: argument: no such default", detail)
        legal = [*words] if given in words else others(param, default)
        for value in [value for value in legal if value != given][:values]:
            net = case.given(**{param: value})
            if net is None:
                continue
            text = chosen.name in CLASSES and isinstance(default, str)
            word = value if text else words.get(value, value)  # a text that is no op
            where = f"{source.entry}({name}={word!r})"
            try:
                found = made(chosen, source, {name: word}, net)
            except Exception as error:
                if emitted(chosen, net.graph) is None:
                    continue
                raise fault(f"{chosen.name}: argument", error, where) from None
            net.compare(f"{chosen.name}: argument: output", found, where)


CLASSES = ("torch", "flax")
"""Backends whose arguments that choose an op are the op itself, and no name."""
OWN: dict[str, tuple[str, ...]] = {
    "torch": (),
    "flax": ("rngs",),
    "keras": ("name",),
    "onnx": ("weights", "dtype", "name"),
}
"""Parameters of what is printed that are none of the spec's."""


def taken(source: Source, entry: str = "") -> Mapping[str, inspect.Parameter]:
    """What the entry of a file takes."""
    made = getattr(execute(source), entry or source.entry)
    if not isinstance(made, type):
        return inspect.signature(made).parameters
    # The metaclass of flax's modules hides what they take.
    found = dict(inspect.signature(vars(made)["__init__"]).parameters)
    del found["self"]
    return found


def ops(chosen: Backend, source: Source) -> Iterator[tuple[str, Any]]:
    """The kinds of ops that an argument may be, and what the framework calls them."""
    if chosen.name in ("keras", "onnx"):
        table = keras_ops if chosen.name == "keras" else onnx_ops
        yield from ((kind, word.strip('"')) for kind, word in table.items())
    elif chosen.name == "torch":
        from torch import nn

        yield from ((kind, getattr(nn, word[3:])) for kind, word in torch_ops.items())
    else:
        import jax
        from flax import nnx

        # A function of the file's own is there where the file needs it.
        known = {"nnx": nnx, "jax": jax, **vars(execute(source))}
        for kind, word in flax_ops.items():
            if word.partition(".")[0] in known:
                yield kind, attrgetter(word)(SimpleNamespace(**known))


def param_of(name: str, params: Container[str]) -> str:
    """The param that a printed argument is; `x_` is `x` where there is no other."""
    return name if name in params else name.rstrip("_")


def others(name: str, value: Any) -> list[Any]:
    """Other legal values of a param, by what the generator gives such names."""
    legal = LEGAL.get(name) or LEGAL.get(re.sub(r"_?\d*$", "", name))
    if legal is None:
        legal = OTHERWISE.get(type(value), lambda value: ())(value)
    return [v for v in legal if v != value and type(v) is type(value)]


OTHERWISE: dict[type, Any] = {
    bool: lambda value: (True, False),
    int: lambda value: (value * 2, value + 1),
    float: lambda value: (value / 2, value / 4),
}
"""Values of params that people named."""


def made(chosen: Backend, source: Source, given: dict[str, Any], net: Net) -> Arrays:
    """The outputs of what a file makes with these arguments, with a net's weights."""
    if chosen.name in ("flax", "onnx"):
        model = chosen.build(
            net.graph, net.copies(), dtype="float64", source=source, arguments=given
        )
        return chosen.forward(net.graph, model, net.images)
    with making(chosen):
        model = getattr(execute(source), source.entry)(**given)
    if chosen.name == "torch":
        load(model, net.copies())
        return chosen.forward(net.graph, model, net.images)
    with making(chosen):
        refuse_surplus(model, net)
        chosen.write_weights(net.graph, model, net.copies())
        return chosen.forward(net.graph, model, net.images)


def making(chosen: Backend) -> AbstractContextManager[Any]:
    """A context in which models are made as `build` makes them: nothing is drawn."""
    if chosen.name in ("flax", "onnx"):
        return ExitStack()
    if chosen.name == "torch":
        import torch
        from archspec_torch.backend import _undrawn

        return _stacked(torch.device("meta"), _undrawn())
    import keras
    from archspec_keras.engines import policy
    from archspec_keras.engines import undrawn as nothing_drawn

    return _stacked(policy(keras, "float64"), nothing_drawn(keras))


def _stacked(*contexts: Any) -> AbstractContextManager[Any]:
    stack = ExitStack()
    for context in contexts:
        stack.enter_context(context)
    return stack


def load(model: Any, weights: Mapping[str, Any]) -> None:
    """Puts weights into a torch module on the meta device; ValueError for others."""
    import torch

    state = {name: torch.from_numpy(array) for name, array in weights.items()}
    own = model.state_dict()
    counters = [name for name in own if name.endswith("num_batches_tracked")]
    shapes = {name: list(own[name].shape) for name in own if name not in counters}
    wanted = {name: list(tensor.shape) for name, tensor in state.items()}
    for name in {**shapes, **wanted}:
        if shapes.get(name) != wanted.get(name):
            found = shapes.get(name, "missing")
            raise ValueError(f"{name} is {found}, should be {wanted.get(name)}")
    state |= {name: torch.tensor(0) for name in counters}
    model.load_state_dict(state, assign=True)


def refuse_surplus(model: Any, net: Net) -> None:
    """Raises ValueError where a Keras model's layers with weights are other ones."""
    paths = {tuple(weight.path.split("/")[-2:]) for weight in model.weights}
    layers = {layer for layer, name in paths if "seed" not in name}
    wanted = {name.rpartition(".")[0].replace(".", "_") for name in net.weights}
    if layers != wanted:
        lack, more = sorted(wanted - layers)[:3], sorted(layers - wanted)[:3]
        raise ValueError(f"layers lack {lack} and have {more} more")
