"""The schema in the YAML language server that editors run; `make editor` installs it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from bad_specs import cases
from language_server import Server, serving

from archspec import catalog
from archspec.ops import OPS
from archspec.ops.describe import summary

ROOT = Path(__file__).parents[2]
COMMAND = ROOT / "tests/editor/node_modules/.bin/yaml-language-server"
HEAD = "archspec: 1\nname: mynet\ninputs: {image: [3, 32, 32]}\n"
KINDS = {op.kind: summary(op) for op in OPS}

pytestmark = pytest.mark.proof


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """The server, which has read the schema that is in `docs/`."""
    assert COMMAND.exists(), "run: make editor"
    schema = (ROOT / "docs" / "archspec.schema.json").as_uri()
    own = {
        "schemas": {schema: ["*.yaml"]},
        "schemaStore": {"enable": False},
        **dict.fromkeys(("validate", "completion", "hover"), True),
    }
    with serving([str(COMMAND), "--stdio"], {"yaml": own}) as found:
        assert found.diagnose("archspec: 2\n")  # it has the schema by now
        yield found


@pytest.mark.parametrize(
    "text",
    [
        "graph:\n  relu: |\n",
        "graph:\n  conv: relu\n  relu: |\n  pool: global_avg_pool2d\n",
        "graph:\n  conv: relu\n  relu: re|\n",
        "graph:\n  relu: {op: |}\n",
        "graph:\n  relu:\n    op: |\n",
        "graph:\n  - op: |\n",
        "graph:\n  - {op: |}\n",
        "graph:\n  - relu\n  - |\n",
        "graph:\n  a:\n    graph:\n      x: relu\n      y: |\n",
        "blocks:\n  unit:\n    graph:\n      x: relu\n      y: |\n",
    ],
)
def test_ops_are_offered_with_a_line_about_each(server: Server, text: str) -> None:
    found = server.complete(HEAD + text)
    told = {kind: found[kind].get("documentation") for kind in KINDS if kind in found}
    begun = "re" if "re|" in text else ""
    expected = {kind: line for kind, line in KINDS.items() if kind.startswith(begun)}
    assert expected.items() <= told.items()


@pytest.mark.parametrize(
    "text",
    [
        "graph:\n  conv:\n    op: conv2d\n    |\n",
        "graph:\n  conv: {op: conv2d, c|}\n",
        "graph:\n  - op: conv2d\n    |\n",
        "defaults:\n  conv2d:\n    |\n",
    ],
)
def test_attributes_are_offered(server: Server, text: str) -> None:
    found = server.complete(HEAD + text)
    assert {"channels", "kernel", "padding", "bias"} <= found.keys()
    assert "rate" not in found
    assert found["channels"]["documentation"] == "A whole number from 1."


@pytest.mark.parametrize(
    "text",
    [
        "graph:\n  - relu\n  - |\n",
        "graph:\n  - relu\n  -\n    |\n",
        "graph:\n  a:\n    |\n",
    ],
)
def test_a_node_that_is_being_begun_has_no_attributes(
    server: Server, text: str
) -> None:
    found = server.complete(HEAD + text)
    keys = {"op", "block", "graph", "spec"}
    assert keys <= found.keys() and "channels" not in found


@pytest.mark.parametrize(
    "text", ["extends: |\n", "graph:\n  body: {spec: |}\n", "graph:\n  - spec: |\n"]
)
def test_the_zoo_is_offered(server: Server, text: str) -> None:
    found = server.complete(HEAD + text)
    names = {*catalog.names(), *catalog.families()}
    assert names <= found.keys()
    assert all(found[name]["documentation"] for name in names)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("graph:\n  conv: {op: conv2d, padding: |}\n", {"same"}),
        ("graph:\n  conv: {op: conv2d, bias: |}\n", {"true", "false"}),
        ("params:\n  width: {type: |}\n", {"int", "float", "str"}),
        ("|\n", {"graph", "params", "blocks", "taps"}),
        ("graph:\n  relu: relu\n  x:\n    |\n", {"op", "block", "graph", "spec"}),
    ],
)
def test_values_and_keys_are_offered(
    server: Server, text: str, names: set[str]
) -> None:
    assert names <= server.complete(HEAD + text).keys()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("graph:\n  conv: {op: con|v2d, channels: 3}\n", KINDS["conv2d"]),
        ("graph:\n  act: re|lu\n", KINDS["relu"]),
        (
            "graph:\n  conv: {op: conv2d, channels: 3, fr|om: input}\n",
            "The node or nodes",
        ),
        (
            "graph:\n  conv: {op: conv2d, pad|ding: 3}\n",
            "A whole number from 0 to 4096",
        ),
        ("graph:\n  conv: {op: conv2d, channels: |3}\n", "A whole number from 1."),
        ("graph:\n  conv: {op: conv2d, channels: =wi|dth}\n", "A whole number from 1."),
        ("graph:\n  conv: {op: conv2d, padding: |same}\n", "A whole number from 0"),
        ("graph:\n  conv: {op: conv2d, bias: |true}\n", "True or false."),
        ("graph:\n  po|ol: {op: global_avg_pool2d}\n", KINDS["global_avg_pool2d"]),
        ("graph:\n  po|ol: global_avg_pool2d\n", KINDS["global_avg_pool2d"]),
        ("graph:\n  - op: dropout\n    rate: 0|.5\n", "A number from 0"),
        ("extends: resnet|18\n", "ResNet-18 with the layout"),
    ],
)
def test_one_thing_is_shown(server: Server, text: str, shown: str) -> None:
    found = server.hover(HEAD + text).replace("\\", "")
    assert found.startswith(shown)
    others = [line for line in KINDS.values() if line != shown and line in found]
    assert not others and "Allowed" not in found and "||" not in found


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("act: rellu", 'Value must be "conv2d" | '),
        ("conv: {op: conv3d, channels: 3}", 'Value must be "conv2d" | '),
        ("conv: {op: conv2d, chanels: 3}", "Property chanels is not allowed."),
        ("conv: {op: conv2d, channels: x}", 'Incorrect type. Expected "integer".'),
        ("conv: {}", 'Missing property "op".'),
        ("conv: {frm: x}", 'Missing property "op".'),
    ],
)
def test_what_is_wrong_is_underlined(server: Server, line: str, message: str) -> None:
    ((where, found),) = server.diagnose(f"{HEAD}graph:\n  {line}\n")
    assert where == 5 and found.startswith(message)


def test_the_zoo_and_the_guide_are_fine(server: Server) -> None:
    for path in (*catalog.root().rglob("*.yaml"), *ROOT.glob("examples/**/*.yaml")):
        assert server.diagnose(path.read_text()) == [], path.name


def test_bad_specs_that_a_schema_can_see(server: Server) -> None:
    codes = ("AS203", "AS205", "AS206")
    for case in cases():
        text = case.files["net.yaml"]
        if case.expected[0][0] in codes and len(case.files) == 1:
            assert server.diagnose(text), case.name
