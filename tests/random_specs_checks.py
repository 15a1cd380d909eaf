"""What must hold of a printed spec, checked against the graph computed node by node.

`check` raises `Fault`, which says which rule doesn't hold, in words that are the same
for faults of one cause.
"""

from __future__ import annotations

import inspect
import json
import re
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from nets import Arrays, images, randomised
from node_by_node import compute
from random_specs_formulas import ROLES
from random_specs_text import loaded

from archspec.backend import Backend, backend
from archspec.errors import ArchspecError, UnsupportedError
from archspec.graph import Graph, Scope
from archspec.source.program import Source, execute

TOLERANCE = 1e-12
OWN = ("name", "input_shape")
"""Arguments of a Keras model that are no params."""
LEGAL: dict[str, tuple[Any, ...]] = {
    name: role.values for role in ROLES.values() for name in role.names
}
"""Legal values of params by the names that the generator gives them."""


@dataclass
class Fault(AssertionError):
    """A rule that doesn't hold: `kind` is the same for all faults of one cause."""

    kind: str
    detail: str

    def __str__(self) -> str:
        return f"{self.kind}\n{self.detail}"


def cause(error: BaseException) -> str:
    """An error in words without names and numbers, and where it was raised."""
    words = re.sub(r"0x[0-9a-f]+|\d+|'[^']*'|\"[^\"]*\"", "_", str(error))
    frames = traceback.extract_tb(error.__traceback__)
    places = [f for f in frames if "archspec" in f.filename and "tests" not in f.filename]
    place = ""
    if places:
        last = places[-1]
        name = last.filename.rpartition("/")[2]
        place = f" in {name}:{last.name}" if not name.startswith("<") else " in the text"
    return f"{type(error).__name__}: {words.splitlines()[0][:100] if words else ''}{place}"


def check(text: str, kind: str) -> str | None:
    """Checks a valid spec on a backend; returns the source, None if it is refused."""
    graph = loaded(text)
    net, chosen = Net(graph), backend(kind)
    source = emitted(chosen, graph)
    if source is None:
        return None
    compare(f"{kind}: output", built(chosen, graph, source, net), net)
    arguments(text, chosen, graph, source)
    blocks(text, chosen, graph, source, net)
    return source.text


class Net:
    """A graph with weights, images and what it gives for them."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.weights, self.images = randomised(graph), images(graph)
        self.wanted = compute(graph, self.weights, self.images)

    def shake(self) -> float:
        """How far the outputs move where the last bits of all that is given do."""
        draw = np.random.default_rng(0)

        def shaken(values: Arrays) -> Arrays:
            return {
                k: v * (1 + 4e-16 * draw.choice((-1, 1), size=v.shape))
                for k, v in values.items()
            }

        moved = compute(self.graph, shaken(self.weights), shaken(self.images))
        return apart(moved, self.wanted)


def apart(found: Arrays, wanted: Arrays) -> float:
    """The largest difference against the largest array."""
    scale = max(float(np.linalg.norm(b)) for b in wanted.values())
    far = max(float(np.linalg.norm(found[k] - wanted[k])) for k in wanted)
    return far / (scale or 1.0)


def compare(kind: str, found: Arrays, net: Net) -> None:
    """Outputs against the definition, or a net that shakes by itself."""
    shapes = {k: v.shape for k, v in net.wanted.items()}
    if {k: v.shape for k, v in found.items()} != shapes:
        raise Fault(f"{kind} has another shape", f"{found.keys()} {shapes}")
    size = max(float(np.abs(v).max()) for v in net.wanted.values())
    if not size < 1e100:
        return
    error = apart(found, net.wanted)
    if error > TOLERANCE and error > 100 * net.shake():
        raise Fault(f"{kind} differs", f"by {error:.1e}")


def emitted(chosen: Backend, graph: Graph) -> Source | None:
    """The printed source; None for what is refused as it should be."""
    try:
        source = chosen.emit(graph)
        compile(source.text, "net.py", "exec")
    except UnsupportedError as error:
        if error.at is None or not error.code.startswith("AS5"):
            raise Fault(f"{chosen.name}: refused without a place", repr(error)) from None
        return None
    except Exception as error:
        told = "".join(traceback.format_exception(error)[-3:])
        raise Fault(f"{chosen.name}: printing: {cause(error)}", told) from None
    return source


def built(chosen: Backend, graph: Graph, source: Source, net: Net) -> Arrays:
    """The outputs of the built model."""
    copies = {k: v.copy() for k, v in net.weights.items()}
    try:
        model = chosen.build(graph, copies, dtype="float64")
        return chosen.forward(graph, model, net.images)
    except Exception as error:
        told = "".join(traceback.format_exception(error)[-3:])
        raise Fault(f"{chosen.name}: building: {cause(error)}", told) from None


# Arguments


def others(name: str, value: Any) -> list[Any]:
    """Other legal values of a param, by what the generator gives such names."""
    stem = re.sub(r"_?\d*_?$", "", name)
    legal = LEGAL.get(name) or LEGAL.get(stem)
    if legal is None:
        if isinstance(value, bool):
            legal = (True, False)
        elif isinstance(value, int):
            legal = (value + 1, value * 2)
        elif isinstance(value, float):
            legal = (value / 2, value / 4)
        else:
            return []
    found = [v for v in legal if v != value and type(v) is type(value)]
    return found[:2]


def arguments(text: str, chosen: Backend, graph: Graph, source: Source) -> None:
    """Every argument's other values build what the spec's do."""
    entry = getattr(execute(source), source.entry)
    told = inspect.signature(entry).parameters
    for name, parameter in told.items():
        if chosen.name == "keras" and (name in OWN or name.endswith("_shape")):
            continue
        param = name.rstrip("_")
        if param not in graph.params:
            raise Fault(f"{chosen.name}: an argument is no param", name)
        given = parameter.default
        if given != graph.params[param]:
            raise Fault(f"{chosen.name}: an argument's default differs", name)
        for value in others(param, given):
            try:
                other = loaded(text, **{param: value})
                emitted_other = chosen.emit(other)
            except ArchspecError:
                continue
            except Exception:
                continue
            del emitted_other
            where = f"{name}={value!r}"
            net = Net(other)
            try:
                found = called(chosen, entry, {name: value}, net)
            except Exception as error:
                raise Fault(
                    f"{chosen.name}: argument: {cause(error)}", f"{where}: {error}"
                ) from None
            try:
                compare(f"{chosen.name}: argument: output", found, net)
            except Fault as fault:
                fault.detail = f"{where}: {fault.detail}"
                raise


def called(chosen: Backend, entry: Any, given: dict[str, Any], net: Net) -> Arrays:
    """The outputs of a model that is made with these arguments."""
    copies = {k: v.copy() for k, v in net.weights.items()}
    if chosen.name == "torch":
        with torch.device("meta"), undrawn():
            model = entry(**given)
        load(model, copies)
        return chosen.forward(net.graph, model, net.images)
    with float64():
        model = entry(**given)
        held = {tuple(w.path.split("/")[-2:]): tuple(w.shape) for w in model.weights}
        names = {k.rpartition(".")[0].replace(".", "_") for k in net.weights}
        layers = {path[0] for path in held if "seed" not in path[1]}
        if layers != names:
            raise ValueError(f"layers differ: {sorted(layers ^ names)[:3]}")
        chosen.write_weights(net.graph, model, copies)
        return chosen.forward(net.graph, model, net.images)


def load(model: Any, weights: Mapping[str, Any]) -> None:
    """Puts weights into a torch module on the meta device; raises for other names."""
    state = {k: torch.from_numpy(v) for k, v in weights.items()}
    for name, tensor in model.state_dict().items():
        if name.endswith("num_batches_tracked"):
            state[name] = torch.tensor(0)
        elif name in state and state[name].shape != tensor.shape:
            raise ValueError(f"{name} is {[*tensor.shape]} not {[*state[name].shape]}")
    model.load_state_dict(state, assign=True)


def undrawn() -> Any:
    """A context in which torch draws no initial values."""
    from archspec_torch.backend import _undrawn

    return _undrawn()


def float64() -> Any:
    """A context in which Keras makes float64 layers."""
    import keras
    from archspec_keras.backend import _policy

    return _policy(keras, "float64")


# Blocks


def blocks(text: str, chosen: Backend, graph: Graph, source: Source, net: Net) -> None:
    """Every printed block with other values of its arguments is the spec's block."""
    find = torch_calls if chosen.name == "torch" else keras_calls
    scopes = {s.name: s for s in scopes_of(graph) if s.kind == "block"}
    if chosen.name == "keras":
        scopes = {k.replace(".", "_"): s for k, s in scopes.items()}
    done: set[tuple[Any, str, Any]] = set()
    for path, made, given in find(chosen, graph, source):
        scope = scopes.get(path)
        if scope is None or scope.inline:
            continue
        for name, value in given.items():
            param = name.rstrip("_")
            if param not in scope.params:
                continue
            for other in others(param, value):
                if (made.__name__, name, other) in done:
                    continue
                done.add((made.__name__, name, other))
                block(text, chosen, graph, scope, made, {**given, name: other}, param, other)


def block(
    text: str,
    chosen: Backend,
    graph: Graph,
    scope: Scope,
    made: Any,
    given: dict[str, Any],
    param: str,
    other: Any,
) -> None:
    """Compares a call of a printed block with a spec of one node that uses it."""
    import yaml

    shapes = graph.shapes()
    spec = yaml.safe_load(text)
    inputs = {f"i{n}": list(shapes[v]) for n, v in enumerate(scope.inputs.values())}
    params = {**scope.params, param: other}
    use: dict[str, Any] = {"block": scope.title, **thawed(params)}
    use["from"] = list(inputs) if len(inputs) > 1 else "input"
    spec |= {"inputs": inputs, "graph": {"b": use}}
    spec.pop("outputs", None)
    spec.pop("taps", None)
    if list(scope.outputs) != [""]:
        spec["outputs"] = {k: f"b.{k}" for k in scope.outputs}
    import json

    whole = "".join(f"{k}: {json.dumps(v)}\n" for k, v in spec.items())
    fixed = {k: v for k, v in graph.params.items()}
    try:
        alone = loaded(whole, **{k: v for k, v in fixed.items() if v is not None})
    except ArchspecError:
        return
    net = Net(alone)
    where = f"{made.__name__}({given})"
    try:
        found = call_block(chosen, made, given, net, scope)
    except NotImplementedError:
        return
    except Exception as error:
        raise Fault(f"{chosen.name}: block: {cause(error)}", f"{where}: {error}") from None
    found = dict(zip(net.wanted, found, strict=True))
    try:
        compare(f"{chosen.name}: block: output", found, net)
    except Fault as fault:
        fault.detail = f"{where}: {fault.detail}"
        raise


def thawed(value: Any) -> Any:
    """A value with lists for tuples."""
    if isinstance(value, dict):
        return {k: thawed(v) for k, v in value.items()}
    return [*map(thawed, value)] if isinstance(value, tuple) else value


def call_block(
    chosen: Backend, made: Any, given: dict[str, Any], net: Net, scope: Scope
) -> list[Any]:
    """The outputs of a printed block that is called on its own."""
    copies = {k: v.copy() for k, v in net.weights.items()}
    if chosen.name == "torch":
        with torch.device("meta"), undrawn():
            model = made(**given)
        load(model, {k.removeprefix("b."): v for k, v in copies.items()})
        given_images = [torch.from_numpy(a) for a in net.images.values()]
        wanted = len(inspect.signature(model.forward).parameters)
        if wanted != len(given_images) and not isinstance(model, torch.nn.Sequential):
            raise NotImplementedError
        with torch.no_grad():
            found = model.eval()(*given_images)
        outputs = list(found.values()) if isinstance(found, dict) else found
        outputs = outputs if isinstance(outputs, tuple | list) else [outputs]
        return [t.numpy() for t in outputs]
    import keras

    with float64():
        ins = []
        for name, shape in net.graph.inputs.items():
            size = (*shape[1:], shape[0]) if len(shape) == 3 else shape
            ins.append(keras.Input(size, name=name))
        parameters = list(inspect.signature(made).parameters)
        if parameters[: len(ins)] != parameters[: len(parameters) - len(given) - 1]:
            raise NotImplementedError
        out = made(*ins, **given, name="b")
        outs = list(out) if isinstance(out, tuple | list) else [out]
        if isinstance(out, dict):
            outs = list(out.values())
        model = keras.Model(ins[0] if len(ins) == 1 else ins, outs)
        chosen.write_weights(net.graph, model, copies)
        last = [
            keras.ops.convert_to_tensor(np.moveaxis(a, 1, -1)) for a in net.images.values()
        ]
        found = model(last[0] if len(last) == 1 else last, training=False)
        found = found if isinstance(found, list | tuple) else [found]
    return [np.moveaxis(keras.ops.convert_to_numpy(t), -1, 1) for t in found]


def scopes_of(graph: Graph) -> Iterator[Scope]:
    """Every scope of a graph."""
    seen: set[int] = set()
    for node in graph.nodes:
        scope: Scope | None = node.scope
        while scope is not None and id(scope) not in seen:
            seen.add(id(scope))
            yield scope
            scope = scope.parent


# Style

RULES = "E,F,I,UP,B,SIM,C4,RUF"
"""What a printed file is linted for; a project's own rules are among these."""


def lint(texts: list[str]) -> list[tuple[str, Fault]]:
    """What ruff says of printed files, and which are laid out in another way."""
    names = {f"n{n}.py": text for n, text in enumerate(texts)}
    found: list[tuple[str, Fault]] = []
    with TemporaryDirectory() as folder:
        for name, text in names.items():
            (Path(folder) / name).write_text(text, encoding="utf-8")
        told = _ruff("check", "--select", RULES, "--output-format", "json", folder)
        for item in json.loads(told or "[]"):
            text = names[Path(item["filename"]).name]
            line = text.splitlines()[item["location"]["row"] - 1]
            kind = f"{_backend(text)}: lint: {item['code']}"
            found.append((text, Fault(kind, f"{item['message']}: {line.strip()}")))
        told = _ruff("format", "--diff", folder)
        for part in re.split(r"^--- ", told, flags=re.MULTILINE)[1:]:
            text = names[Path(part.split("\n")[0]).name]
            lines = [x for x in part.splitlines()[2:] if x.startswith(("-", "+"))]
            kind = f"{_backend(text)}: layout"
            found.append((text, Fault(kind, "\n".join(lines[:8]))))
    return found


def _backend(text: str) -> str:
    return "keras" if "import keras" in text else "torch"


def _ruff(*arguments: str) -> str:
    command = [sys.executable, "-m", "ruff", *arguments]
    command += ["--no-cache", "--isolated", "--line-length", "88"]
    return subprocess.run(command, capture_output=True, text=True).stdout


Calls = Iterator[tuple[str, Any, dict[str, Any]]]


def torch_calls(chosen: Backend, graph: Graph, source: Source) -> Calls:
    """Path, class and arguments of every module that the text defines."""
    module = execute(source)
    records: dict[int, dict[str, Any]] = {}
    kept: dict[Any, Callable[..., None]] = {}

    def recording(init: Callable[..., None], signature: Any) -> Callable[..., None]:
        def run(self: Any, *args: Any, **kwargs: Any) -> None:
            bound = signature.bind(self, *args, **kwargs)
            bound.apply_defaults()
            found = dict(bound.arguments)
            records[id(self)] = {k: v for k, v in found.items() if v is not self}
            init(self, *args, **kwargs)

        return run

    for made in vars(module).values():
        own = isinstance(made, type) and made.__module__ == module.__name__
        if own and issubclass(made, torch.nn.Module) and "__init__" in vars(made):
            kept[made] = made.__init__
            made.__init__ = recording(made.__init__, inspect.signature(made.__init__))
    try:
        with torch.device("meta"), undrawn():
            model = getattr(module, source.entry)()
    finally:
        for made, init in kept.items():
            made.__init__ = init
    for path, part in model.named_modules():
        if path and id(part) in records and type(part) in kept:
            yield path, type(part), records[id(part)]


def keras_calls(chosen: Backend, graph: Graph, source: Source) -> Calls:
    """Name, function and arguments of every call of a printed block."""
    import keras

    module = execute(source)
    records: list[tuple[str, Any, dict[str, Any]]] = []
    kept: dict[str, Any] = {}

    def recording(made: Any) -> Any:
        signature = inspect.signature(made)

        def run(*args: Any, **kwargs: Any) -> Any:
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            given = {
                k: v
                for k, v in bound.arguments.items()
                if not isinstance(v, keras.KerasTensor) and k != "name"
            }
            if "name" in bound.arguments:
                records.append((bound.arguments["name"], made, given))
            return made(*args, **kwargs)

        run.__signature__ = signature  # type: ignore[attr-defined]  # a function
        run.__name__ = made.__name__
        return run

    for name, made in list(vars(module).items()):
        own = inspect.isfunction(made) and made.__module__ == module.__name__
        if own and name != source.entry and "name" in inspect.signature(made).parameters:
            kept[name] = made
            setattr(module, name, recording(made))
    try:
        with float64():
            getattr(module, source.entry)()
    finally:
        for name, made in kept.items():
            setattr(module, name, made)
    yield from records
