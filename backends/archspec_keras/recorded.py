"""The test of a printed Keras file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod

from archspec.graph import Graph
from archspec.ops.convolution import multiplier
from archspec.source.recorded import Imported, Weight, printed, recorded
from archspec.weights.layouts import places

CODE = '''\
@pytest.fixture(scope="module")
def model() -> Iterator[keras.Model]:
    """Make the model in double precision, with weights fixed by their names."""
    floatx, policy = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    try:
        made = {entry}({shapes})
        for layer in made.layers:{depthwise}
            for variable in layer.weights:
                shape = variable.shape
                inputs = prod({inputs})
                values = fixed(f"{{layer.name}}/{{variable.name}}", shape, inputs)
                variable.assign(values)
        yield made
    finally:
        keras.config.set_floatx(floatx)
        keras.config.set_dtype_policy(policy)


def test_parameters(model: keras.Model) -> None:
    """Their number."""
    assert sum(prod(v.shape) for v in model.trainable_variables) == PARAMETERS


def test_outputs(model: keras.Model) -> None:
    """Shapes, and sums to a millionth; other engines than TensorFlow round more."""
    images = [8 * draw(key, *shape) for key, shape in IMAGES.items()]
    outputs = {outputs}
    assert outputs.keys() == RECORDED.keys()
    error = 1e-6 if keras.backend.backend() == "tensorflow" else 1e-4
    for name, (shape, sums) in RECORDED.items():
        values = {values}
        assert values.shape == shape
        found = draw(name, len(sums), values.size) @ values.ravel()
        assert found.tolist() == pytest.approx(sums, rel=error)'''

EACH = '''\
@pytest.fixture(scope="module", params=BUILDERS)
def net(request: pytest.FixtureRequest) -> Iterator[tuple[str, keras.Model]]:
    """Make a net in double precision, with weights fixed by their names."""
    floatx, policy = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    try:
        made = BUILDERS[request.param]({shapes})
        for layer in made.layers:{depthwise}
            for variable in layer.weights:
                shape = variable.shape
                inputs = prod({inputs})
                values = fixed(f"{{layer.name}}/{{variable.name}}", shape, inputs)
                variable.assign(values)
        yield request.param, made
    finally:
        keras.config.set_floatx(floatx)
        keras.config.set_dtype_policy(policy)


def test_parameters(net: tuple[str, keras.Model]) -> None:
    """Their number."""
    name, model = net
    assert sum(prod(v.shape) for v in model.trainable_variables) == PARAMETERS[name]


def test_outputs(net: tuple[str, keras.Model]) -> None:
    """Shapes, and sums to a millionth; other engines than TensorFlow round more."""
    name, model = net
    images = [8 * draw(key, *shape) for key, shape in IMAGES.items()]
    outputs = {outputs}
    assert outputs.keys() == RECORDED[name].keys()
    error = 1e-6 if keras.backend.backend() == "tensorflow" else 1e-4
    for key, (shape, sums) in RECORDED[name].items():
        values = {values}
        assert values.shape == shape
        found = draw(key, len(sums), values.size) @ values.ravel()
        assert found.tolist() == pytest.approx(sums, rel=error)'''
"""The same for several nets."""

DEPTHWISE = """
            depthwise = isinstance(layer, layers.DepthwiseConv2D)"""
IMPORTS = {
    "Iterator": "from collections.abc import Iterator",
    "keras": "import keras",
    "layers": "from keras import layers",
    "prod": "from math import prod",
}


def test(graphs: Sequence[Graph], small: Sequence[Graph], tested: Imported) -> str:
    """The text of a test; `small` are the nets at the sizes that are recorded."""
    inputs, depthwise = "shape[:-1]", ""
    weights = (weight for graph in graphs for weight in _weights(graph))
    if any(weight.inputs != prod(weight.shape[:-1]) for weight in weights):
        inputs = "shape[:2] if depthwise else shape[:-1]"
        depthwise = DEPTHWISE
    several = len(graphs[0].inputs) > 1
    single = list(graphs[0].outputs) == [""]
    called = f"model({'images' if several else '*images'}, training=False)"
    shapes = (
        f'{f"{name}_shape" if several else "input_shape"}=IMAGES["{name}"][1:]'
        for name in graphs[0].inputs
    )
    found = recorded(small, _weights, channels_last=True)
    text, name = (CODE, "name") if len(graphs) == 1 else (EACH, "key")
    values = f"keras.ops.convert_to_numpy(outputs[{name}])"
    code = text.format(
        entry=tested.entry,
        shapes=", ".join(shapes),
        inputs=inputs,
        depthwise=depthwise,
        values=f"np.log({values})" if found[0].logs else values,
        outputs=f'{{"output": {called}}}' if single else called,
    )
    return printed(graphs, found, code, IMPORTS, tested)


def _weights(graph: Graph) -> Iterator[Weight]:
    from numpy import empty

    located = {node.name: (node.op, shapes) for node, shapes in graph.located()}
    for place in places(graph):
        op, shapes = located[place.name.rpartition(".")[0]]
        shape = place.into(empty(place.shape, "V0")).shape
        depthwise = multiplier(op, shapes) or (op.kind == "scale" and len(shape) == 4)
        inputs = prod(shape[:2] if depthwise else shape[:-1])
        key = f"{place.layer}/{place.attribute}"
        yield Weight(place.name, key, shape, inputs, place.back)
