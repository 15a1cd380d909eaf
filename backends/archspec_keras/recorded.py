"""The test of a printed Keras file."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from archspec.graph import Graph
from archspec.ops.convolution import multiplier
from archspec.source.recorded import Imported, Weight, printed, record
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

DEPTHWISE = """
            depthwise = isinstance(layer, layers.DepthwiseConv2D)"""
IMPORTS = {
    "Iterator": "from collections.abc import Iterator",
    "keras": "import keras",
    "layers": "from keras import layers",
    "prod": "from math import prod",
}


def test(graph: Graph, small: Graph, tested: Imported) -> str:
    """The text of a test; `small` is the graph at the size that is recorded."""
    inputs, depthwise = "shape[:-1]", ""
    weights = [*_weights(graph)]
    if any(weight.inputs != prod(weight.shape[:-1]) for weight in weights):
        inputs = "shape[:2] if depthwise else shape[:-1]"
        depthwise = DEPTHWISE
    several = len(graph.inputs) > 1
    single = list(graph.outputs) == [""]
    called = f"model({'images' if several else '*images'}, training=False)"
    shapes = (
        f'{f"{name}_shape" if several else "input_shape"}=IMAGES["{name}"][1:]'
        for name in graph.inputs
    )
    found = record(small, weights, channels_last=True)
    values = "keras.ops.convert_to_numpy(outputs[name])"
    code = CODE.format(
        entry=tested.entry,
        shapes=", ".join(shapes),
        inputs=inputs,
        depthwise=depthwise,
        values=f"np.log({values})" if found.logs else values,
        outputs=f'{{"output": {called}}}' if single else called,
    )
    return printed(graph, found, code, IMPORTS, tested)


def _weights(graph: Graph) -> Iterator[Weight]:
    from numpy import empty

    located = {node.name: (node.op, shapes) for node, shapes in graph.located()}
    for place in places(graph):
        op, shapes = located[place.path]
        shape = place.into(empty(place.shape, "V0")).shape
        depthwise = multiplier(op, shapes) or (op.kind == "scale" and len(shape) == 4)
        inputs = prod(shape[:2] if depthwise else shape[:-1])
        key = f"{place.layer}/{place.attribute}"
        yield Weight(place.name, key, shape, inputs, place.back)
