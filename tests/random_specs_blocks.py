"""Every printed block, called on its own, is the spec's block.

While a model is made, the calls of its blocks are recorded. Then each is made once more
with another value of one argument, and compared with a spec of one node that uses the
block with these params.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, get_args, get_origin

import numpy as np
import yaml
from random_specs_checks import (
    Case,
    Fault,
    Net,
    fault,
    load,
    making,
    ops,
    others,
    param_of,
    refuse_surplus,
    taken,
)
from random_specs_text import FILE, loaded

from archspec.backend import Backend
from archspec.errors import ArchspecError, UnsupportedError
from archspec.graph import Graph, Scope
from archspec.language.reader import LOADER
from archspec.source.program import Source, execute


class Made(NamedTuple):
    """A call of a printed block: the path of what it made, itself, its arguments."""

    path: str
    block: Any
    given: dict[str, Any]


def blocks(case: Case, chosen: Backend, source: Source, values: int) -> None:
    """So many other values of each argument of each block."""
    graph = case.net.graph
    record = RECORDS[chosen.name]
    flat = "_" if chosen.name == "keras" else "."
    scopes = {s.name.replace(".", flat): s for s in scopes_of(graph)}
    done: set[tuple[str, str, str]] = set()
    for call in record(source, chosen, case.net):
        scope = scopes.get(call.path)
        if scope is None:
            continue
        for name, value in call.given.items():
            param, words = param_of(name, scope.params), {}
            if param in scope.params and isinstance(scope.params[param], str):
                known = ops(chosen, source)
                words = {kind: word for kind, word in known if word == value}
            now = next(iter(words), value)
            if param not in scope.params or scope.params[param] != now:
                continue
            # The metaclass of flax's modules hides what they take.
            init = vars(call.block).get("__init__", call.block)
            told = inspect.signature(init, eval_str=True).parameters[name]
            legal = [
                other for other in others(param, now) if fits(other, told.annotation)
            ]
            if words:
                words = dict(ops(chosen, source))
                legal = [kind for kind in words if kind != now]
            for other in legal[:values]:
                key = call.block.__name__, name, repr(other)
                if key in done:
                    continue
                done.add(key)
                word = words.get(other, other)
                changed = call._replace(given={**call.given, name: word})
                said = {param_of(key, scope.params) for key in call.given}
                params = {
                    key: value
                    for key, value in {**scope.params, param: other}.items()
                    if key in said or key not in scope.defaults
                }
                compare(case, chosen, scope, changed, params)


def fits(value: Any, annotation: Any) -> bool:
    """Whether a list is of the length, and its lists are, that an annotation says."""
    parts = get_args(annotation)
    if get_origin(annotation) is not tuple or not isinstance(value, list | tuple):
        return True
    if parts[1:] == (...,):
        parts = parts[:1] * len(value)
    return len(parts) == len(value) and all(map(fits, value, parts))


def compare(
    case: Case, chosen: Backend, scope: Scope, call: Made, params: dict[str, Any]
) -> None:
    """Compares a call with a spec of one node."""
    net = alone(case, scope, params)
    if net is None:
        return
    arguments = ", ".join(f"{k}={v!r}" for k, v in call.given.items())
    where = f"{call.block.__name__}({arguments})"
    try:
        found = RUNS[chosen.name](chosen, call, net)
    except Exception as error:
        try:
            chosen.emit(net.graph)
        except UnsupportedError:
            return
        except Exception:
            pass
        raise fault(f"{chosen.name}: block", error, where) from None
    if len(found) != len(net.wanted):
        raise Fault(f"{chosen.name}: block: outputs", f"{where} gives {len(found)}")
    named = dict(zip(net.wanted, found, strict=True))
    try:
        net.compare(f"{chosen.name}: block: output", named, where)
    except Fault:
        turned = dict(zip(net.wanted, reversed(found), strict=True))
        if len(found) == 1 or not same(net, turned):
            raise
        raise Fault(f"{chosen.name}: block: order of outputs", where) from None


def same(net: Net, found: dict[str, Any]) -> bool:
    """Whether outputs are right."""
    try:
        net.compare("", found)
    except Fault:
        return False
    return True


def alone(case: Case, scope: Scope, params: dict[str, Any]) -> Net | None:
    """The net of one node that uses a block; None where the language refuses it."""
    main, *others = FILE.split(case.text)
    spec = yaml.load(main, LOADER)
    if scope.title not in spec.get("blocks", {}) or others:
        return None
    shapes = case.net.graph.shapes()
    inputs = {f"i{n}": list(shapes[v]) for n, v in enumerate(scope.inputs.values())}
    use = {"block": scope.title, **thawed(params)}
    use["from"] = list(inputs) if len(inputs) > 1 else "input"
    spec |= {"inputs": inputs, "graph": {"b": use}}
    for key in ("outputs", "taps"):
        spec.pop(key, None)
    if list(scope.outputs) != [""]:
        spec["outputs"] = {name: f"b.{name}" for name in read(case.net.graph, scope)}
    text = "".join(f"{key}: {json.dumps(value)}\n" for key, value in spec.items())
    try:
        return Net(loaded(text))
    except ArchspecError:
        return None


def read(graph: Graph, scope: Scope) -> list[str]:
    """The named outputs that something outside reads, in order, each value once."""
    inside, wanted = f"{scope.name}.", {*graph.outputs.values()}
    for node in graph.nodes:
        if not node.name.startswith(inside):
            wanted.update(node.inputs)
    names: dict[str, str] = {}
    for name, value in scope.outputs.items():
        names.setdefault(value, name)
    return [name for value, name in names.items() if value in wanted]


def thawed(value: Any) -> Any:
    """A value with lists for tuples."""
    if isinstance(value, dict):
        return {key: thawed(item) for key, item in value.items()}
    return [*map(thawed, value)] if isinstance(value, tuple) else value


def scopes_of(graph: Graph) -> Iterator[Scope]:
    """Every scope of a block that has a path of its own."""
    seen: set[int] = set()
    for node in graph.nodes:
        scope: Scope | None = node.scope
        while scope is not None and id(scope) not in seen:
            seen.add(id(scope))
            if scope.kind == "block" and not scope.inline:
                yield scope
            scope = scope.parent


# torch


def torch_calls(source: Source, chosen: Backend, net: Net) -> Iterator[Made]:
    """Path, class and arguments of every module that the text defines."""
    module = execute(source)
    records: dict[int, dict[str, Any]] = {}
    with recorded(module, source, records) as kept, making(chosen):
        model = getattr(module, source.entry)()
    for path, part in model.named_modules():
        if type(part) in kept and id(part) in records:
            yield Made(path, type(part), records[id(part)])


@contextmanager
def recorded(
    module: Any, source: Source, records: dict[int, dict[str, Any]]
) -> Iterator[dict[Any, Callable[..., None]]]:
    """Keeps what each object of a module's classes was made with, by its id."""
    kept: dict[Any, Callable[..., None]] = {}
    for name, block in vars(module).items():
        own = isinstance(block, type) and block.__module__ == module.__name__
        if own and name != source.entry and "__init__" in vars(block):
            init: Any = vars(block)["__init__"]
            kept[block] = init
            block.__init__ = _recorded(init, records)
    try:
        yield kept
    finally:
        for block, init in kept.items():
            block.__init__ = init


def _recorded(init: Any, records: dict[int, dict[str, Any]]) -> Any:
    signature = inspect.signature(init)

    def run(self: Any, *args: Any, **kwargs: Any) -> None:
        bound = signature.bind(self, *args, **kwargs)
        bound.apply_defaults()
        records[id(self)] = dict(list(bound.arguments.items())[1:])
        init(self, *args, **kwargs)

    return run


def run_torch(chosen: Backend, call: Made, net: Net) -> list[Any]:
    """The outputs of a block's module."""
    import torch

    with making(chosen):
        model = call.block(**call.given)
    load(model, {k.removeprefix("b."): v for k, v in net.copies().items()})
    with torch.no_grad():
        found = model.eval()(*map(torch.from_numpy, net.images.values()))
    several = isinstance(found, tuple | list)
    return [t.numpy() for t in (found if several else [found])]


# Flax


def flax_calls(source: Source, chosen: Backend, net: Net) -> Iterator[Made]:
    """Path, class and arguments of every module that the text defines."""
    from flax import nnx

    module = execute(source)
    records: dict[int, dict[str, Any]] = {}
    found: list[Made] = []

    def make() -> None:
        given = {"rngs": nnx.Rngs(0)} if "rngs" in taken(source) else {}
        model = getattr(module, source.entry)(**given)
        for path, part in nnx.iter_modules(model):
            if type(part) in kept and id(part) in records:
                said = records[id(part)]
                own = {key: value for key, value in said.items() if key != "rngs"}
                found.append(Made(".".join(map(str, path)), type(part), own))

    with recorded(module, source, records) as kept:
        nnx.eval_shape(make)
    yield from found


def run_flax(chosen: Backend, call: Made, net: Net) -> list[Any]:
    """The outputs of a block's module, which stands in another one."""
    from archspec_flax.backend import _compare, _fill
    from flax import nnx

    drawn = "rngs" in inspect.signature(vars(call.block)["__init__"]).parameters

    class Held(nnx.Module):  # type: ignore[misc]  # flax has no types here
        def __init__(self) -> None:
            rngs = {"rngs": nnx.Rngs(0)} if drawn else {}
            self.b = call.block(**call.given, **rngs)

        def __call__(self, *images: Any) -> Any:
            return self.b(*images)

    model = nnx.eval_shape(Held)
    _compare(net.graph, model)
    # Nothing is on a device yet, as nothing is of what `build` fills.
    _fill(net.graph, model, net.copies(), lambda held: ("float64", None))
    nnx.reseed(model, default=0)
    model.eval()
    return list(chosen.forward(net.graph, model, net.images).values())


# ONNX


def run_onnx(chosen: Backend, call: Made, net: Net) -> list[Any]:
    """The outputs of a model around a block's function."""
    module = call.block.__globals__
    held = module["Net"](net.copies(), "float64")
    images = [held.input(name, "N", *shape) for name, shape in net.graph.inputs.items()]
    made = call.block(held, *images, **call.given, name="b")
    several = isinstance(made, tuple | list)
    values = [
        held.output(value, *[None] * array.ndim)
        for value, array in zip(
            made if several else [made], net.wanted.values(), strict=True
        )
    ]
    model = held.model(images, values, name="held")
    lack = net.weights.keys() - model.graph.initializers.keys()
    if lack:
        raise ValueError(f"the block has no {sorted(lack)[:3]}")
    return list(chosen.forward(net.graph, model, net.images).values())


# Keras, and calls of functions


def function_calls(source: Source, chosen: Backend, net: Net) -> Iterator[Made]:
    """Name, function and arguments of every call of a printed block."""
    module = execute(source)
    records: list[Made] = []
    kept: dict[str, Any] = {}
    for name, block in list(vars(module).items()):
        own = inspect.isfunction(block) and block.__module__ == module.__name__
        if own and name != source.entry:
            signature = inspect.signature(block)
            if "name" in signature.parameters:
                kept[name] = block
                setattr(module, name, _noted(block, signature, records))
    try:
        with making(chosen):
            weights = () if chosen.initialises else (net.copies(),)
            getattr(module, source.entry)(*weights)
    finally:
        for name, block in kept.items():
            setattr(module, name, block)
    yield from records


def _noted(block: Any, signature: inspect.Signature, records: list[Made]) -> Any:
    def run(*args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        given = {
            key: value
            for key, value in bound.arguments.items()
            if isinstance(value, bool | int | float | str | tuple | None)
            and key != "name"
        }
        records.append(Made(str(bound.arguments["name"]), block, given))
        return block(*args, **kwargs)

    return run


def run_keras(chosen: Backend, call: Made, net: Net) -> list[Any]:
    """The outputs of a block's function."""
    import keras

    with making(chosen):
        images = [
            keras.Input((*shape[1:], shape[0]), name=name)
            for name, shape in net.graph.inputs.items()
        ]
        made = call.block(*images, **call.given, name="b")
        outputs = list(made) if isinstance(made, tuple | list) else [made]
        model = keras.Model(images, outputs)
        refuse_surplus(model, net)
        chosen.write_weights(net.graph, model, net.copies())
        last = [np.moveaxis(array, 1, -1) for array in net.images.values()]
        found = model(list(map(keras.ops.convert_to_tensor, last)), training=False)
    found = found if isinstance(found, tuple | list) else [found]
    return [np.moveaxis(keras.ops.convert_to_numpy(t), -1, 1) for t in found]


RECORDS = {
    "torch": torch_calls,
    "flax": flax_calls,
    "keras": function_calls,
    "onnx": function_calls,
}
RUNS = {"torch": run_torch, "flax": run_flax, "keras": run_keras, "onnx": run_onnx}
"""How the calls of blocks are recorded, and one is run, on each backend."""
