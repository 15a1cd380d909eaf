"""The suite that every backend passes. In the tests of a backend, say:

    from archspec.testing.conformance import Conformance

    class TestToy(Conformance):
        backend = "toy"

and run pytest. The oracle is `archspec.reference`, the definition of every op in numpy;
all nets are drawn from seeds and are the same in every run. A backend may refuse what
it can't express, with an UnsupportedError that says where, or lack whole ops if `lacks`
says so; what it prints must be exact.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

import pytest

from archspec import weights as canonical
from archspec.backend import Backend, trains
from archspec.backend import backend as find
from archspec.errors import ArchspecError, UnsupportedError
from archspec.graph import Graph, Value
from archspec.ops import BY_KIND
from archspec.source import project
from archspec.source.program import Source
from archspec.testing.agreement import Rounding, Subject, same
from archspec.testing.blocks import Block, blocks, seconds
from archspec.testing.numbers import Data
from archspec.testing.printed import defined, digest, elsewhere, entry
from archspec.testing.specs import graph_of, spec
from archspec.testing.variants import Variant, variants

NAMES = """
self x y z forward call apply train eval training mode state name names layer layers
label model module modules parameters weight bias kernel torch nn F keras ops np jnp jax
nnx rngs init add sow perturb build weights buffers children to type super print list
range dict tuple len int float str bool object input_shape inputs outputs append items
keys values get set copy compute dtype shape math sys partial Any Array Tensor
Sequential
"""
"""Names that a node may have unless the backend reserves them."""


class Conformance:
    """What a backend must do. Subclass it as `Test...` and name the backend.

    Attributes:
        backend: its name, as in `archspec build -b`.
        engine: one of its engines; its own choice if None.
        dtype: what it computes in; `float32` for an engine that has no float64.
        lacks: kinds of ops that it refuses whatever their attributes are.
        rounding: for an op (a resize with its mode, as `resize bilinear`) whose kernel
            rounds to less than `dtype`: how far outputs and gradients may be off.
        own: parameters of a printed block that are none of the spec's, such as `rngs`.
        variants: how many variants of each op are run.
        nets: how many random nets.
    """

    backend: ClassVar[str] = ""
    engine: ClassVar[str | None] = None
    dtype: ClassVar[str] = "float64"
    lacks: ClassVar[frozenset[str]] = frozenset()
    rounding: ClassVar[Rounding] = {}
    own: ClassVar[frozenset[str]] = frozenset()
    variants: ClassVar[int] = 40
    nets: ClassVar[int] = 200

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Draws the cases."""
        if "kind" in metafunc.fixturenames:
            metafunc.parametrize("kind", BY_KIND)
        if "number" in metafunc.fixturenames:
            metafunc.parametrize("number", range(self.nets))

    @pytest.fixture
    def chosen(self) -> Backend:
        """The backend on its engine."""
        found = find(self.backend)
        engine = found.engines[0] if self.engine is None else self.engine
        return found.on(engine, self.dtype)

    @pytest.fixture
    def subject(self, chosen: Backend) -> Subject:
        """The backend with what is known of it."""
        return Subject(chosen, self.dtype, self.rounding)

    def block(self, source: Source, block: Block) -> tuple[Graph, Source]:
        """The net that one printed block is, and source whose entry makes it.

        Right for a class that makes a model by itself. Who prints functions overrides
        it with `block.held` and source that wraps the block's function.
        """
        made = Source(source.text, block.entry, source.name, source.backend)
        return block.graph, made

    # What it says of itself

    def test_attributes(self, chosen: Backend) -> None:
        """The attributes have the types and values that archspec reads."""
        texts = (chosen.name, chosen.framework, chosen.install, *chosen.engines)
        assert all(isinstance(text, str) for text in texts)
        assert chosen.engines, "at least one engine; '' is the framework itself"
        assert isinstance(chosen.files, tuple)
        assert all(suffix.startswith(".") for suffix in chosen.files)
        assert chosen.running_var in ("biased", "unbiased")
        assert isinstance(chosen.channels_last, bool)
        assert isinstance(chosen.reserved, frozenset)
        assert all(isinstance(name, str) for name in chosen.reserved)
        assert isinstance(chosen.initialises, bool)

    # Ops

    def test_lacks_what_it_says(self, chosen: Backend, kind: str) -> None:
        """An op is refused in all its variants only if `lacks` names it."""
        subject = Subject(chosen)
        drawn = variants(BY_KIND[kind], max(self.variants, 20))
        made = (subject.emitted(graph_of(one.spec())) is not None for one in drawn)
        if kind in self.lacks:
            assert not any(made), f"{kind} is lowered after all: take it out of `lacks`"
        else:
            assert any(made), (
                f"{kind} is always refused: lower it, or name it in `lacks`"
            )

    def test_an_op(self, subject: Subject, kind: str) -> None:
        """An op alone is exact, whatever its attributes, or is refused at its place."""
        failed: list[tuple[Variant, Exception]] = []
        for variant in variants(BY_KIND[kind], self.variants):
            graph = graph_of(variant.spec())
            try:
                if subject.emitted(graph) is not None:
                    subject.check(graph)
            except Exception as error:
                failed.append((variant, error))
        if failed:
            _, first = failed[0]
            with shown("\n".join(["failed:", *(str(one) for one, _ in failed)])):
                raise first

    def test_chance(self, subject: Subject) -> None:
        """What drops values does so in training, at its rate, and gradients alike."""
        for kind in ("dropout", "drop_path"):
            graph = graph_of(CHANCE.format(kind=kind))
            if subject.emitted(graph) is not None and trains(subject.backend):
                with shown(kind):
                    subject.check_chance(graph, whole=kind == "drop_path")

    # Nets

    @pytest.fixture
    def net(self, subject: Subject, number: int) -> Iterator[str]:
        """A random spec of ops that the backend has, shown where a test fails."""
        yield spec(number, subject.expresses)

    def test_a_net(self, subject: Subject, net: str) -> None:
        """A net is what its nodes are, one after the other."""
        graph = graph_of(net)
        with shown(net):
            if subject.emitted(graph) is not None:
                subject.check(graph)

    def test_arguments(self, subject: Subject, net: str) -> None:
        """A printed model with other arguments is the net with other params."""
        graph = graph_of(net)
        source = subject.emitted(graph)
        if source is None:
            return
        for name, default in entry(source).items():
            param = name.rstrip("_")
            if param not in graph.params:
                continue
            value = graph.params[param]
            if value in BY_KIND:  # a backend has its own word for an op
                continue
            with shown(net):
                assert default == value, (
                    f"{name} is {default} where the net has {value}"
                )
            for second in seconds(value):
                with shown(f"{net}{name} = {second!r}"):
                    self.given(subject, net, source, {name: second})

    def given(
        self, subject: Subject, net: str, source: Source, changed: dict[str, Value]
    ) -> None:
        """Compares a printed model, given arguments, with the net of these params."""
        params = {name.rstrip("_"): value for name, value in changed.items()}
        try:
            other = graph_of(net, **params)
        except ArchspecError:
            return  # The value isn't legal.
        if subject.emitted(other) is not None:
            subject.check(other, source, changed)

    def test_blocks(self, subject: Subject, net: str) -> None:
        """A printed block with other arguments is the spec's block with others."""
        source = subject.emitted(graph_of(net))
        if source is None:
            return
        for block in blocks(net, source, self.own):
            if subject.emitted(block.graph) is None:
                continue
            graph, wrapped = self.block(source, block)
            arguments = block.arguments if graph is block.graph else None
            with shown(f"{net}{block.entry}{dict(block.arguments)}\n{source.text}"):
                subject.check(graph, wrapped, arguments)

    # Names

    def test_reserved_names(self, chosen: Backend) -> None:
        """A node that can't have its name is refused where it stands."""
        for name in sorted(chosen.reserved):
            graph = named(name)
            if graph is None:
                continue
            with pytest.raises(UnsupportedError) as caught:
                chosen.emit(graph)
            assert (caught.value.code, str(caught.value.at)) == (
                "AS507",
                "net.yaml:4:9",
            )

    def test_names(self, subject: Subject) -> None:
        """Every name that isn't reserved is a fine one for a node."""
        for name in sorted({*NAMES.split()} - subject.backend.reserved):
            graph = named(name)
            if graph is not None:
                with shown(f"a node named {name!r}"):
                    assert subject.emitted(graph), "is refused, and is not `reserved`"
                    subject.check(graph)

    # Printed source

    def test_source(self, chosen: Backend) -> None:
        """It is a module of its own that `archspec codegen` knows again."""
        for text in self.texts(chosen):
            source = chosen.emit(graph_of(text))
            with shown(text + source.text):
                assert source.backend == chosen.name and source.name == "net"
                assert source.entry in defined(source), f"no {source.entry} in it"
                assert project.untouched(source.text), (
                    "it has no checksum of itself: archspec.source.project.seal"
                )
                imported = archspec_modules(source)
                assert not imported, f"it imports {imported}"

    def test_source_elsewhere(self, chosen: Backend) -> None:
        """Another process prints the same text, and imports no framework for it."""
        texts = self.texts(chosen)
        wanted = [digest(chosen.emit(graph_of(text))) for text in texts]
        assert wanted == [digest(chosen.emit(graph_of(text))) for text in texts]
        found, modules = elsewhere(chosen.name, texts)
        assert found == wanted, "the text differs from process to process"
        assert chosen.framework not in modules, f"emit imports {chosen.framework}"

    def test_initial_weights_are_printed(self, chosen: Backend) -> None:
        """Source says how weights start just where the backend `initialises`."""
        texts = set()
        for value in (0.25, 0.375):
            init = f"{{weight: {value}}}"
            node = f"{{op: linear, features: 2, init: {init}}}"
            graph = graph_of(
                f"archspec: 1\nname: net\ninputs: {{x: [3]}}\ngraph: [{node}]"
            )
            _, *code = ast.parse(chosen.emit(graph).text).body
            texts.add("\n".join(map(ast.unparse, code)))
        assert (len(texts) == 2) == chosen.initialises

    def texts(self, chosen: Backend) -> list[str]:
        """Some nets that the backend can print."""
        subject = Subject(chosen)
        drawn = (spec(number, subject.expresses) for number in range(12))
        return [text for text in drawn if subject.emitted(graph_of(text)) is not None]

    # Files and precision

    def test_files(self, subject: Subject, tmp_path: Path) -> None:
        """Each kind of file is written; canonical weights come back from theirs."""
        chosen = subject.backend
        graph = graph_of(SMALL)
        data = Data.drawn(graph, "float32")
        model = chosen.build(graph, data.copies(), dtype="float32")
        for suffix in chosen.files:
            folder = tmp_path / suffix.strip(".")
            folder.mkdir()
            path = folder / f"net{suffix}"
            chosen.save(graph, model, str(path))
            assert [item.name for item in folder.iterdir()] == [path.name]
            if suffix == ".safetensors":
                same(dict(canonical.load(path, graph)), data.weights)

    def test_single_precision(self, chosen: Backend) -> None:
        """In float32, what `build` makes by default, outputs are right to 1e-5."""
        subject = Subject(chosen, "float32")
        for text in self.texts(chosen):
            with shown(text):
                subject.check(graph_of(text))


CHANCE = """archspec: 1
name: net
inputs: {{x: [2, 3, 4]}}
graph: {{n: {{op: {kind}, rate: 0.25}}}}
"""
SMALL = """archspec: 1
name: net
inputs: {image: [3, 6, 6]}
graph:
  conv: {op: conv2d, channels: 4, kernel: 3}
  bn: batch_norm
  relu: relu
  pool: global_avg_pool2d
  fc: {op: linear, features: 2}
"""


@contextmanager
def shown(text: str) -> Iterator[None]:
    """Adds a text to whatever fails meanwhile."""
    try:
        yield
    except Exception as error:
        error.add_note(text)
        raise


def named(name: str) -> Graph | None:
    """A net whose first node has this name, or None where no node may have it."""
    conv = "{op: conv2d, channels: 2, kernel: 1}"
    block = f"blocks: {{unit: {{graph: {{{name}: {conv}}}}}}}"
    text = f"graph: {{{name}: {conv}, last: {{block: unit}}}}"
    try:
        return graph_of(
            f"archspec: 1\nname: net\ninputs: {{i: [2, 3, 3]}}\n{text}\n{block}"
        )
    except ArchspecError:
        return None


def archspec_modules(source: Source) -> list[str]:
    """What printed source imports of archspec: it needs the framework alone."""
    found = []
    for tree in ast.walk(ast.parse(source.text)):
        if isinstance(tree, ast.Import):
            found += [alias.name for alias in tree.names]
        elif isinstance(tree, ast.ImportFrom):
            found.append(tree.module or "")
    return [name for name in found if name.partition(".")[0] == "archspec"]
