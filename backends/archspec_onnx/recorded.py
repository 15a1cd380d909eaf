"""The test of a printed ONNX file, which runs it in ONNX Runtime."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod

from archspec.graph import Graph
from archspec.source.recorded import Imported, Weight, printed, recorded

FIXTURE = '''\
def weight(net: Net, name: str, *shape: int) -> ir.Value:
    """Fix a weight by its name."""
    values = fixed(name, shape, prod(shape[1:]))
    return net.held(values.astype(net.dtype.numpy()), name)


'''
CODE = '''\
@pytest.fixture(scope="module")
def model() -> ir.Model:
    """Make the model with weights fixed by their names."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Net, "weight", weight)
        return {entry}({{}})


def test_parameters(model: ir.Model) -> None:
    """Their number."""
    assert count(model) == PARAMETERS


def test_outputs(model: ir.Model) -> None:
    """Shapes, and sums to what single precision rounds."""
    outputs = run(model)
    assert outputs.keys() == RECORDED.keys()
    for name, (shape, sums) in RECORDED.items():
        values = {values}
        assert values.shape == shape
        found = draw(name, len(sums), values.size) @ values.ravel()
        error = 1e-4 * float(np.linalg.norm(values))
        assert found.tolist() == pytest.approx(sums, rel=0, abs=error)'''
EACH = '''\
@pytest.fixture(scope="module", params=BUILDERS)
def net(request: pytest.FixtureRequest) -> tuple[str, ir.Model]:
    """Make a net with weights fixed by their names."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Net, "weight", weight)
        return request.param, BUILDERS[request.param]({{}})


def test_parameters(net: tuple[str, ir.Model]) -> None:
    """Their number."""
    name, model = net
    assert count(model) == PARAMETERS[name]


def test_outputs(net: tuple[str, ir.Model]) -> None:
    """Shapes, and sums to what single precision rounds."""
    name, model = net
    outputs = run(model)
    assert outputs.keys() == RECORDED[name].keys()
    for key, (shape, sums) in RECORDED[name].items():
        values = {values}
        assert values.shape == shape
        found = draw(key, len(sums), values.size) @ values.ravel()
        error = 1e-4 * float(np.linalg.norm(values))
        assert found.tolist() == pytest.approx(sums, rel=0, abs=error)'''
"""The same for several nets."""
RUNS = '''\
def count(model: ir.Model) -> int:
    """Count the parameters: neither statistics nor constants, which have a slash."""
    held = model.graph.initializers.items()
    others = ("running_mean", "running_var")
    kept = [value for name, value in held if "/" not in name]
    return sum(
        prod(value.const_value.shape.numpy())
        for value in kept
        if value.name and value.const_value and not value.name.endswith(others)
    )


def run(model: ir.Model) -> dict[str, np.ndarray]:
    """Run the model in ONNX Runtime."""
    made = onnxruntime.InferenceSession(ir.to_proto(model).SerializeToString())
    images = {key: 8 * draw(key, *shape) for key, shape in IMAGES.items()}
    found = made.run(None, {k: v.astype(np.float32) for k, v in images.items()})
    return dict(zip(OUTPUTS, found, strict=True))


'''
IMPORTS = {
    "ir": "import onnx_ir as ir",
    "onnxruntime": "import onnxruntime",
    "prod": "from math import prod",
}


def test(graphs: Sequence[Graph], small: Sequence[Graph], tested: Imported) -> str:
    """The text of a test; `small` are the nets at the sizes that are recorded."""
    found = recorded(small, _weights)
    text, name = (CODE, "name") if len(graphs) == 1 else (EACH, "key")
    table = "RECORDED" if len(graphs) == 1 else "next(iter(RECORDED.values()))"
    values = f"outputs[{name}].astype(np.float64)"
    code = text.format(
        entry=tested.entry, values=f"np.log({values})" if found[0].logs else values
    )
    runs = RUNS.replace("OUTPUTS", table)
    parts = Imported(tested.module, (*tested.entries, "Net"), tested.apart)
    return printed(graphs, found, FIXTURE + runs + code, IMPORTS, parts)


def _weights(graph: Graph) -> Iterator[Weight]:
    for name, shape in {**graph.parameters(), **graph.buffers()}.items():
        yield Weight(name, name, shape, prod(shape[1:]))
