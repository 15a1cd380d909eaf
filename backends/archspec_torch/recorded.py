"""The test of a printed torch file."""

from __future__ import annotations

from math import prod

from archspec.graph import Graph
from archspec.source.recorded import Imported, Weight, printed, record

CODE = '''\
@pytest.fixture(scope="module")
def model() -> {entry}:
    """Make the model in double precision, with weights fixed by their names."""
    made = {entry}().double().eval()
    for name, tensor in made.state_dict().items():
        if tensor.is_floating_point():
            values = fixed(name, tuple(tensor.shape), tensor[:1].numel())
            tensor.copy_(torch.from_numpy(values))
    return made


def test_parameters(model: {entry}) -> None:
    """Their number."""
    assert sum(p.numel() for p in model.parameters()) == PARAMETERS


def test_outputs(model: {entry}) -> None:
    """Shapes, and sums to a millionth."""
    images = [torch.from_numpy(8 * draw(key, *shape)) for key, shape in IMAGES.items()]
    with torch.no_grad():
        outputs = {outputs}
    assert outputs.keys() == RECORDED.keys()
    for name, (shape, sums) in RECORDED.items():
        values = outputs[name]{logs}.numpy()
        assert values.shape == shape
        found = draw(name, len(sums), values.size) @ values.ravel()
        assert found.tolist() == pytest.approx(sums, rel=1e-6)'''


def test(graph: Graph, small: Graph, tested: Imported) -> str:
    """The text of a test; `small` is the graph at the size that is recorded."""
    weights = (
        Weight(name, name, shape, prod(shape[1:]))
        for name, shape in {**graph.parameters(), **graph.buffers()}.items()
    )
    single = list(graph.outputs) == [""]
    called = '{"output": model(*images)}' if single else "model(*images)"
    found = record(small, weights)
    logs = ".log()" if found.logs else ""
    code = CODE.format(entry=tested.entry, outputs=called, logs=logs)
    return printed(graph, found, code, {"torch": "import torch"}, tested)
