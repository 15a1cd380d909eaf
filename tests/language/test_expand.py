"""From a whole spec to its graph: inputs, arguments, what is read, paths."""

from __future__ import annotations

from typing import Any

import pytest
from nets import graph_of
from spelled import net, shape, spoken, told, wired

from archspec.errors import ArchspecError, SpecError
from archspec.graph import Graph
from archspec.language.expand import expand
from archspec.language.files import Files
from archspec.limits import Limits

HEAD = "archspec: 1\nname: net\n"


def whole(text: str, **params: Any) -> list[str]:
    """All errors of a whole file."""
    files = Files()
    with pytest.raises(ArchspecError) as caught:
        expand(files, files.text(text, "net.yaml"), params)
    return [spoken(error) for error in caught.value.errors]


def test_what_a_graph_says_of_its_file() -> None:
    graph = graph_of(
        """
title: T
description: D
source: S
preprocessing: {size: 8}
params: {w: 4, l: [1, 2]}
inputs: {image: [=w, 8, 8]}
graph: [relu, {op: tanh, name: t}]
taps: {a: "0", b: t}
"""
    )
    assert (graph.name, graph.title, graph.description, graph.source) == (
        *("net", "T", "D", "S"),
    )
    assert graph.preprocessing == {"size": 8}
    assert graph.params == {"w": 4, "l": (1, 2)}
    assert (graph.inputs, graph.outputs) == ({"image": (4, 8, 8)}, {"": "1"})
    assert graph.taps == {"a": "0", "b": "1"}


def test_the_scope_of_the_whole_net() -> None:
    root = graph_of(
        "params: {w: 4, v: =w * 2}\ninputs: {image: [=w, 8, 8], vector: [3]}\n"
        "graph: {a: {op: relu, from: image}, b: {op: relu, from: vector}}\n"
        "outputs: {x: a, y: b}"
    ).root
    assert (root.name, root.parent, root.slot, root.title) == ("", None, "", "net")
    assert (root.definition, root.kind) == ("net.yaml#", "file")
    assert (root.listed, root.inline, root.index, root.count) == (False, False, None, 1)
    assert (root.params, root.defaults) == ({"w": 4, "v": 8}, {"v": "w * 2"})
    assert root.texts == {"image.channels": "w"}
    assert root.inputs == {"image": "image", "vector": "vector"}
    assert root.outputs == {"x": "a", "y": "b"}
    assert (root.when, root.repeat, root.counter) == (None, None, "")
    assert str(root.at) == "net.yaml:5:8"
    assert root.taints["image.channels"] == root.taints["v"].union("w") - {"v"}
    listed = net("graph: [relu]").root
    assert listed.listed and listed.inputs == {"input": "image"}


def test_what_a_file_must_have() -> None:
    assert whole(HEAD) == [
        "AS202 2:7 the key 'graph' is missing, or empty (or `extends` a file that has "
        "one)"
    ]
    assert whole(f"{HEAD}graph: [relu]") == [
        "AS202 2:7 the key 'inputs' is missing, or empty "
        "(for example inputs: {image: [3, 224, 224]})"
    ]
    assert whole(f"{HEAD}inputs: {{x: [3]}}\ngraph: {{}}") == [
        "AS202 4:8 a graph has at least one node"
    ]
    assert whole("archspec: 1\nname: a b\n") == [
        "AS310 2:7 the name 'a b' may hold letters, digits, '_', '-' and '.'"
    ]


# Inputs


def inputs(raw: str, **more: Any) -> Graph:
    return graph_of(
        f"params: {{c: 3, s: 8, l: [2, 4, 4]}}\ninputs: {{x: {raw}}}\ngraph: [relu]",
        **more,
    )


@pytest.mark.parametrize(
    ("raw", "shape", "text"),
    [
        ("[3, 8, 9]", (3, 8, 9), None),
        ("[7]", (7,), None),
        ("[=c + 1, =s, 9]", (4, 8, 9), "c + 1"),
        ("=l", (2, 4, 4), None),
        ("[2147483647]", (2**31 - 1,), None),
    ],
)
def test_inputs(raw: str, shape: tuple[int, ...], text: str | None) -> None:
    graph = inputs(raw)
    assert graph.inputs == {"x": shape}
    assert graph.root.texts == ({"x.channels": text} if text else {})


@pytest.mark.parametrize(
    "raw",
    ["3", "[]", "[3, 8]", "[3, 8, 8, 8]", "[0, 8, 8]", "[3, 8, -8]", "[3.0, 8, 8]",
     "[true]", "[2147483648]", "same", "=c"],
)  # fmt: skip
def test_what_is_no_shape(raw: str) -> None:
    with pytest.raises(ArchspecError) as caught:
        inputs(raw)
    message = spoken(caught.value)
    assert message.startswith(
        "AS215 4:13 an input is [channels, height, width] or [features], found "
    )


def test_another_size() -> None:
    files = Files()
    text = f"{HEAD}inputs: {{a: [3, 8, 8], b: [5], c: [2, 4, 6]}}\ngraph:\n"
    text += (
        "  d: {op: relu, from: a}\n  e: {op: relu, from: b}\n  f: {op: relu, from: c}\n"
    )
    text += "outputs: {d: d, e: e, f: f}"
    graph = expand(files, files.text(text, "net.yaml"), size=(16, 17))
    assert graph.inputs == {"a": (3, 16, 17), "b": (5,), "c": (2, 16, 17)}
    assert graph.shapes()["f"] == (2, 16, 17)


@pytest.mark.parametrize(
    ("raw", "graph", "found"),
    [
        ("[=c, 8, 8]", "a: relu", ("c",)),
        ("[3, =s, 8]", "a: relu", ()),
        ("=l", "a: relu", ()),
        ("[3, 8, 8]", "a: {op: conv2d, channels: =c, kernel: 1}", ("c",)),
        ("[=c, 8, 8]", "a: {op: relu, when: =c == 3}, b: relu", ()),
    ],
)
def test_arguments(raw: str, graph: str, found: tuple[str, ...]) -> None:
    text = f"params: {{c: 3, s: 8, l: [2, 4, 4]}}\ninputs: {{x: {raw}}}\n"
    assert graph_of(f"{text}graph: {{{graph}}}").arguments == found


@pytest.mark.parametrize(
    ("declared", "found"),
    [
        ("2", ("r",)),
        ("{type: float, default: 2}", ("r",)),
        ("{type: float or int, default: 2}", ()),
        ("{type: any, default: 2}", ()),
        ("=w // 4", ()),
    ],
)
def test_what_has_several_types_is_no_argument(
    declared: str, found: tuple[str, ...]
) -> None:
    """`int(w * r)` is printed as `w * r` where r is an int; nor is what follows w."""
    text = f"params: {{w: 8, r: {declared}}}\ninputs: {{x: [3, 8, 8]}}\n"
    conv = "{op: conv2d, channels: =int(w * r), kernel: 1}"
    assert graph_of(f"{text}graph: {{a: {conv}}}").arguments == ("w", *found)


@pytest.mark.parametrize(
    ("op", "found"),
    [("=c", ("c",)), ("'=[\"relu\", c][1]'", ("c",)), ("'=[c, \"relu\"][n]'", ("c",))],
)
def test_what_names_an_op_is_an_argument(op: str, found: tuple[str, ...]) -> None:
    """But for what looks it up."""
    made = net(f"params: {{c: tanh, n: 0}}\ngraph: {{a: {{op: {op}}}, b: {{op: =c}}}}")
    assert made.arguments == found
    made = net("params: {c: u}\nblocks: {u: {graph: [relu]}}\ngraph: [{block: =c}]")
    assert made.arguments == ()


def test_no_op_is_an_op_that_does_nothing() -> None:
    text = "params: {act: none}\ngraph: {a: {op: =act}, b: relu}"
    assert [node.op.kind for node in net(text).nodes] == ["identity", "relu"]


def test_lists_are_no_arguments() -> None:
    conv = "{op: conv2d, channels: 2, kernel: =k}"
    assert net(f"params: {{k: [1, 1]}}\ngraph: [{conv}]").arguments == ()
    assert net(f"params: {{k: 1}}\ngraph: [{conv}]").arguments == ("k",)


def test_fixed_params_are_no_arguments() -> None:
    conv = "{op: conv2d, channels: 2, kernel: =k}"
    fixed = "{default: 1, fixed: true}"
    assert net(f"params: {{k: {fixed}}}\ngraph: [{conv}]").arguments == ()
    graph = net(f"params: {{k: {fixed}}}\ngraph: [{conv}]", k=3)
    assert graph.params == {"k": 3}


def test_a_param_that_says_what_is_there_may_be_an_argument() -> None:
    """If it is declared so, and only where what it says is there."""
    text = "params: {{p: {}}}\ngraph: [{{op: dropout, rate: =p, when: =p > 0}}, relu]"
    free = text.format("{default: 0.0, fixed: false}")
    assert net(free, p=0.5).arguments == ("p",)
    assert net(free).arguments == ()
    assert net(text.format("0.0"), p=0.5).arguments == ()


def test_a_chance_changes_no_number_of_channels() -> None:
    text = """params: {p: 0.5}
graph:
  drop: {op: dropout, rate: =p}
  conv: {op: conv2d, channels: 4, kernel: 1, when: =input.channels > 2}
"""
    assert net(text).arguments == ("p",)


# What is read


def test_what_nothing_reads() -> None:
    for text, message in (
        ("graph: {a: relu, b: {op: tanh, from: input}}", "AS316 1:9 nothing reads 'a'"),
        (
            "graph: {a: relu, b: {graph: [relu, tanh], from: input}, "
            "c: {op: relu, from: a}}",
            "AS316 1:36 nothing reads 'b.1'",
        ),
    ):
        assert told(text) == [f"{message}, and it is no output and no tap"]
    graph = net("graph: {a: relu, b: {op: tanh, from: input}}\ntaps: {t: a}")
    assert list(wired(graph)) == ["a", "b"]


TWO = """
blocks:
  two:
    graph: {a: relu, b: {op: tanh, from: input}, c: {graph: [elu, elu], from: a}%s}
    outputs: {p: b, q: c}
graph: {two: {block: two}, last: {op: relu, from: two.%s}}
"""


def test_what_only_an_unread_output_needs_is_not_built() -> None:
    assert list(wired(net(TWO % ("", "p")))) == ["two.b", "last"]
    assert list(wired(net(TWO % ("", "q")))) == [
        *("two.a", "two.c.0", "two.c.1", "last"),
    ]
    # But what is read by nothing at all is a mistake there too.
    assert told(TWO % (", d: {op: relu, from: a}", "p")) == [
        "AS316 4:83 nothing reads 'two.d', and it is no output and no tap"
    ]


def test_the_head_of_a_backbone_does_not_exist() -> None:
    text = (
        "graph:\n  body: {spec: resnet18, taps: true}\n  a: {op: relu, from: body.c2}\n"
    )
    graph = net(text)
    assert not any(name.startswith("body.fc") for name in wired(graph))
    assert "body.layer1.1.relu2" in wired(graph)
    assert net(f"{text}taps: {{t: body.layer1.0}}").taps == {"t": "body.layer1.0.relu2"}
    assert told(f"{text}taps: {{t: body.fc}}") == [
        "AS308 4:11 there is no node 'body.fc' "
        "(it belongs to the head, which doesn't exist with `taps`)"
    ]


def test_paths_that_are_one_where_no_dot_may_stand() -> None:
    assert told("graph: {a_b: relu, a: {graph: {b: relu}}}") == [
        "AS311 1:32 the paths 'a_b' and 'a.b' are one name where a '.' is a '_', "
        "as in names of layers (rename one)"
    ]


# Several errors


def test_params_and_nodes_are_wrong_together() -> None:
    assert [line.split()[0] for line in told("params: {p: =q}\ngraph: {a: rellu}")] == [
        *("AS301", "AS205"),
    ]
    assert told("params: {p: int}\ngraph: {a: relu}") == [
        "AS313 1:10 the spec 'net' needs the param 'p' "
        "(it is declared as int, without a default)"
    ]
    assert shape(net("params: {p: int}\ngraph: {a: {op: slice, stop: =p}}", p=2)) == [
        *(2, 8, 8),
    ]


def test_lists_from_python_are_tuples() -> None:
    text = "params: {p: any}\ngraph: {a: {op: relu, when: '=p == [1, [2]]'}}"
    graph = net(text, p=[1, [2]])
    assert graph.params == {"p": (1, (2,))} and list(wired(graph)) == ["a"]


def test_scopes_nest_deeper_than_python_follows() -> None:
    blocks = "".join(f"  b{n}: {{graph: [{{block: b{n + 1}}}]}}\n" for n in range(300))
    text = f"{HEAD}inputs: {{x: [3]}}\nblocks:\n{blocks}  b300: {{graph: [relu]}}\n"
    files = Files(Limits(depth=1000))
    with pytest.raises(ArchspecError) as caught:
        expand(files, files.text(f"{text}graph: [{{block: b0}}]\n", "net.yaml"))
    assert spoken(caught.value) == "AS121 2:7 scopes nest deeper than Python follows"


def test_what_nothing_reads_for_want_of_its_reader() -> None:
    """The last node is absent, and so the net's output is what that reads first."""
    conv = "{op: conv2d, channels: 3, kernel: 1}"
    text = f"inputs: {{x: [3, 8, 8]}}\ngraph:\n  a: {conv}\n  b: relu\n"
    text += "  c: {op: identity, from: a, when: false}\n"
    with pytest.raises(SpecError) as caught:
        graph_of(text)
    assert caught.value.code == "AS316"
    assert caught.value.hint == (
        "what is absent stands for what it reads first; absent: 'c'"
    )


def test_what_nothing_reads_in_a_block() -> None:
    """As at the root, also for a repeat of nothing and for copies of an instance."""
    with pytest.raises(SpecError) as caught:
        graph_of("""
inputs: {x: [3, 8, 8]}
blocks:
  unit:
    graph:
      act: relu
      skip: {op: sigmoid, from: input}
      add: {op: add, from: [input, act], when: false}
      none: {op: relu, from: input, repeat: 0}
graph: {units: {block: unit, repeat: 3}}
""")
    assert caught.value.message.startswith("nothing reads 'units.2.skip'")
    assert caught.value.hint == (
        "what is absent stands for what it reads first; absent: 'add', 'none'"
    )
