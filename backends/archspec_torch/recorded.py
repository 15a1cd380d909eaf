"""The test of a printed torch file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod

from archspec.graph import Graph
from archspec.source.recorded import Imported, Weight, printed, recorded

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


EACH = '''\
@pytest.fixture(scope="module", params=BUILDERS)
def net(request: pytest.FixtureRequest) -> tuple[str, nn.Module]:
    """Make a net in double precision, with weights fixed by their names."""
    name: str = request.param
    model = BUILDERS[name]().double().eval()
    for key, tensor in model.state_dict().items():
        if tensor.is_floating_point():
            values = fixed(key, tuple(tensor.shape), tensor[:1].numel())
            tensor.copy_(torch.from_numpy(values))
    return name, model


def test_parameters(net: tuple[str, nn.Module]) -> None:
    """Their number."""
    name, model = net
    assert sum(p.numel() for p in model.parameters()) == PARAMETERS[name]


def test_outputs(net: tuple[str, nn.Module]) -> None:
    """Shapes, and sums to a millionth."""
    name, model = net
    images = [torch.from_numpy(8 * draw(key, *shape)) for key, shape in IMAGES.items()]
    with torch.no_grad():
        outputs = {outputs}
    assert outputs.keys() == RECORDED[name].keys()
    for key, (shape, sums) in RECORDED[name].items():
        values = outputs[key]{logs}.numpy()
        assert values.shape == shape
        found = draw(key, len(sums), values.size) @ values.ravel()
        assert found.tolist() == pytest.approx(sums, rel=1e-6)'''
"""The same for several nets."""


def test(graphs: Sequence[Graph], small: Sequence[Graph], tested: Imported) -> str:
    """The text of a test; `small` are the nets at the sizes that are recorded."""
    found = recorded(small, _weights)
    single = list(graphs[0].outputs) == [""]
    called = '{"output": model(*images)}' if single else "model(*images)"
    text = CODE if len(graphs) == 1 else EACH
    logs = ".log()" if found[0].logs else ""
    code = text.format(entry=tested.entry, outputs=called, logs=logs)
    imports = {"torch": "import torch", "nn": "from torch import nn"}
    return printed(graphs, found, code, imports, tested)


def _weights(graph: Graph) -> Iterator[Weight]:
    for name, shape in {**graph.parameters(), **graph.buffers()}.items():
        yield Weight(name, name, shape, prod(shape[1:]))
