"""The test of a printed Flax file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod

from archspec.graph import Graph
from archspec.source.recorded import Imported, Weight, printed, recorded
from archspec.weights.nnx import places
from archspec_flax.lowering import WEIGHTED

STATISTICS = {"mean": "running_mean", "var": "running_var"}
FIXTURE = '''\
STATISTICS = {"mean": "running_mean", "var": "running_var"}
"""What norms call theirs elsewhere."""


def fill(model: nnx.Module) -> None:
    """Fix all weights by their names."""
    state = nnx.state(model, nnx.Not(nnx.RngState))
    for parts, variable in nnx.to_flat_state(state):
        *place, leaf = map(str, parts)
        name = ".".join([*place, STATISTICS.get(leaf, leaf)])
        values = fixed(name, variable.shape, prod(variable.shape[:-1]))
        variable.set_value(jnp.asarray(values))
    nnx.update(model, state)


'''
CODE = '''\
@pytest.fixture(scope="module")
def model() -> Iterator[nnx.Module]:
    """Make the model in double precision, with weights fixed by their names."""
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    try:
        made = {entry}({rngs})
        made.eval()
        fill(made)
        yield made
    finally:
        jax.config.update("jax_enable_x64", before)


def test_parameters(model: nnx.Module) -> None:
    """Their number."""
    state = nnx.to_flat_state(nnx.state(model, nnx.Param))
    assert sum(prod(variable.shape) for _, variable in state) == PARAMETERS


def test_outputs(model: nnx.Module) -> None:
    """Shapes, and sums to a millionth."""
    images = [jnp.asarray(8 * draw(key, *shape)) for key, shape in IMAGES.items()]
    outputs = {outputs}
    assert outputs.keys() == RECORDED.keys()
    for name, (shape, sums) in RECORDED.items():
        values = {values}
        assert values.shape == shape
        found = draw(name, len(sums), values.size) @ values.ravel()
        assert found.tolist() == pytest.approx(sums, rel=1e-6)'''
EACH = '''\
@pytest.fixture(scope="module", params=BUILDERS)
def net(request: pytest.FixtureRequest) -> Iterator[tuple[str, nnx.Module]]:
    """Make a net in double precision, with weights fixed by their names."""
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    try:
        made = BUILDERS[request.param]({rngs})
        made.eval()
        fill(made)
        yield request.param, made
    finally:
        jax.config.update("jax_enable_x64", before)


def test_parameters(net: tuple[str, nnx.Module]) -> None:
    """Their number."""
    name, model = net
    state = nnx.to_flat_state(nnx.state(model, nnx.Param))
    assert sum(prod(variable.shape) for _, variable in state) == PARAMETERS[name]


def test_outputs(net: tuple[str, nnx.Module]) -> None:
    """Shapes, and sums to a millionth."""
    name, model = net
    images = [jnp.asarray(8 * draw(key, *shape)) for key, shape in IMAGES.items()]
    outputs = {outputs}
    assert outputs.keys() == RECORDED[name].keys()
    for key, (shape, sums) in RECORDED[name].items():
        values = {values}
        assert values.shape == shape
        found = draw(key, len(sums), values.size) @ values.ravel()
        assert found.tolist() == pytest.approx(sums, rel=1e-6)'''
"""The same for several nets."""

IMPORTS = {
    "Iterator": "from collections.abc import Iterator",
    "jax": "import jax",
    "jnp": "import jax.numpy as jnp",
    "nnx": "from flax import nnx",
    "prod": "from math import prod",
}


def test(graphs: Sequence[Graph], small: Sequence[Graph], tested: Imported) -> str:
    """The text of a test; `small` are the nets at the sizes that are recorded."""
    found = recorded(small, _weights, channels_last=True)
    text, name = (CODE, "name") if len(graphs) == 1 else (EACH, "key")
    single = list(graphs[0].outputs) == [""]
    drawn = any(node.op.kind in WEIGHTED for node in graphs[0].nodes)
    values = f"np.asarray(outputs[{name}])"
    code = text.format(
        entry=tested.entry,
        rngs="rngs=nnx.Rngs(0)" if drawn else "",
        outputs='{"output": model(*images)}' if single else "model(*images)",
        values=f"np.log({values})" if found[0].logs else values,
    )
    return printed(graphs, found, FIXTURE + code, IMPORTS, tested)


def _weights(graph: Graph) -> Iterator[Weight]:
    from numpy import empty

    for place in places(graph):
        shape = place.into(empty(place.shape, "V0")).shape
        path, _, leaf = place.path.rpartition(".")
        key = f"{path}.{STATISTICS.get(leaf, leaf)}"
        yield Weight(place.name, key, shape, prod(shape[:-1]), place.back)
