"""archspec.source.docstring: what a printed file says of its net."""

from __future__ import annotations

import ast
from dataclasses import replace

import pytest
from nets import graph_of

from archspec.backend import backend
from archspec.source.docstring import built, described, docstring, result, shared
from archspec.source.family import Family
from archspec.source.generalise import outline

NET = """
inputs: {image: [3, 8, 10]}
graph:
  conv: {op: conv2d, channels: 4, kernel: 3, padding: 1}
"""
COUNTS = "Parameters: 112; MACs: 8,640; input: image 3 x 8 x 10."


def lines_of(head: str, *, channels_last: bool = False) -> list[str]:
    return docstring(graph_of(head + NET), channels_last=channels_last)


def test_a_net_that_says_nothing() -> None:
    assert lines_of("") == ["net.", "", COUNTS]


@pytest.mark.parametrize(
    ("last", "called"),
    [
        ("fc: {op: linear, features: =num_classes}", "logits"),
        ("fc: {op: linear, features: =num_classes}, a: dropout, b: identity", ""),
        ("fc: {op: linear, features: =num_classes}, a: softmax", "probabilities"),
        (
            "fc: {op: linear, features: 3}, a: log_softmax, b: identity",
            "log-probabilities",
        ),
        ("fc: {op: linear, features: 3}", ""),
        ("a: identity", ""),
    ],
)
def test_what_a_classifier_gives(last: str, called: str) -> None:
    text = f"params: {{num_classes: 3}}\ninputs: {{x: [8]}}\ngraph: {{{last}}}"
    assert result(graph_of(text)) == (called and f"; gives {called}")


def test_what_is_no_classifier() -> None:
    image = "inputs: {x: [8, 4, 4]}\ngraph: [softmax]"
    two = "inputs: {x: [8]}\ngraph: {a: softmax}\noutputs: {a: a, x: input}"
    assert result(graph_of(image)) == result(graph_of(two)) == ""


def test_channels_last() -> None:
    found = lines_of("", channels_last=True)
    assert found[-1] == COUNTS.replace("3 x 8 x 10", "8 x 10 x 3")


def test_all_that_a_net_may_say() -> None:
    head = """
title: A Net
description: It nets.
source: https://example.org
preprocessing: {size: 8, mean: [0.5, 0.25, 0]}
"""
    assert lines_of(head) == [
        "A Net: It nets.",
        "",
        "Source: https://example.org",
        COUNTS,
        "Preprocessing: size 8, mean [0.5, 0.25, 0].",
    ]


def test_a_description_that_starts_with_the_title() -> None:
    head = "title: Net-5\ndescription: Net-5 of the paper, and more!\n"
    assert lines_of(head)[0] == "Net-5 of the paper, and more!"
    assert lines_of("title: Net\ndescription: Nets are nets\n")[0] == (
        "Net: Nets are nets."
    )


def test_a_long_description_stands_below() -> None:
    words = "word " * 30
    found = lines_of(f"title: Net\ndescription: {words}\n")
    assert found == [
        "Net.",
        "",
        ("word " * 17).strip(),
        ("word " * 13).strip(),
        "",
        COUNTS,
    ]
    fits = "x" * (88 - 3 - len("Net: ") - 1)
    assert lines_of(f"title: Net\ndescription: {fits}\n")[0] == f"Net: {fits}."
    assert lines_of(f"title: Net\ndescription: {fits}x\n")[0] == "Net."


def test_a_long_title_is_cut() -> None:
    assert lines_of(f"title: {'x' * 200}\n")[0] == "x" * 84 + "."


def test_free_text_is_plain() -> None:
    head = 'title: "a\\"\\"\\"b"\ndescription: "na\\u00efve \\\\ \\u4e2d"\n'
    assert lines_of(head)[0] == "a'''b: naive / ?."


# Blocks

BLOCKS = """
title: Net
params: {classes: 10}
inputs: {image: [3, 16, 12]}
blocks:
  unit:
    params: {channels: int, stride: int}
    graph:
      - {op: conv2d, channels: =channels * 2, kernel: 3, padding: 1, stride: =stride}
      - relu
  many:
    description: Nets in a chain, of which only the first of them all differs in any
      way from all the others.
    params: {depth: int}
    graph: [{block: unit, channels: 4, stride: 1, repeat: =depth}]
  halved:
    description: Half as large
    graph: [{op: max_pool2d, kernel: 2}, relu]
  larger:
    graph: [{op: conv_transpose2d, channels: 5, kernel: 4, stride: 2, padding: 1}, relu]
  code:
    description: One pixel of 3 and of 1
    graph: [{op: conv2d, channels: 7, kernel: [3, 1]}, relu]
  two:
    inputs: [high, low]
    graph: {up: {op: resize, scale: 2, from: low}, both: {op: concat, from: [high, up]}}
graph:
  a: {block: unit, channels: 4, stride: 2}
  b: {block: unit, channels: 3, stride: 1}
  c: {block: halved}
  d: {block: two, from: [b, c]}
  e: {block: many, depth: 2}
  f: {block: many, depth: 0}
  g: {block: larger}
  h: {op: adaptive_avg_pool2d, size: [3, 1]}
  i: {block: code}
  pool: global_avg_pool2d
  fc: {op: linear, features: =classes}
"""


@pytest.mark.parametrize(
    ("kind", "title", "wanted"),
    [
        (
            "torch",
            "Unit",
            "Maps [N, in_channels, H, W] to [N, channels * 2, H / stride, W / stride].",
        ),
        (
            "keras",
            "unit",
            "Maps [N, H, W, in_channels] to [N, H / stride, W / stride, channels * 2].",
        ),
        ("torch", "Larger", "Maps [N, 8, H, W] to [N, 5, 2 * H, 2 * W]."),
        (
            "torch",
            "Code",
            "One pixel of 3 and of 1.\n\nMaps [N, 5, H, W] to [N, 7, 1, 1].",
        ),
        (
            "torch",
            "Halved",
            "Half as large.\n\nMaps [N, 6, H, W] to [N, 6, H / 2, W / 2].",
        ),
        (
            "torch",
            "Two",
            "Maps [N, 6, H, W] and [N, 6, H / 2, W / 2] to [N, 12, H, W].",
        ),
        (
            "torch",
            "Many",
            "Many.\n\n"
            "Nets in a chain, of which only the first of them all differs in any way from "
            "all the\nothers.\n\nMaps [N, 12, H, W] to [N, 8, H, W].",
        ),
        ("torch", "Net", "Net: maps [N, 3, H, W] to [N, classes]."),
        ("keras", "Net", "Net: maps [N, H, W, 3] to [N, classes]."),
    ],
)
def test_what_a_block_maps(kind: str, title: str, wanted: str) -> None:
    tree = ast.parse(backend(kind).emit(graph_of(BLOCKS)).text)
    found = {
        node.name: ast.get_docstring(node)
        for node in tree.body
        if isinstance(node, ast.ClassDef | ast.FunctionDef)
    }
    assert found[title] == wanted


def test_nets_in_one_file_say_their_input_where_it_is_one() -> None:
    one = graph_of(NET)
    two = replace(one, name="two")
    other = replace(graph_of(NET.replace("8, 10", "9, 11")), name="two")
    told = "Input: image 3 x 8 x 10."
    assert told in shared(Family((one, two)), False)
    assert not any("Input" in line for line in shared(Family((one, other)), False))


def test_nets_in_one_file_say_whose_preprocessing_differs() -> None:
    one = graph_of(NET)
    two = replace(one, name="two")
    other = replace(graph_of(f"preprocessing: {{size: 8}}\n{NET}"), name="three")
    told = [line for line in shared(Family((one, two)), False) if "Prep" in line]
    assert not told
    text = "\n".join(shared(Family((one, other)), False))
    assert "Preprocessing of three: size 8" in text
    other, last = (replace(other, name=name) for name in ("three", "four"))
    text = "\n".join(shared(Family((other, last)), False))
    assert "Preprocessing: size 8" in text


def test_a_chain_that_reads_an_image_and_then_a_vector() -> None:
    """What its first instance reads is no image of the others."""
    graph = graph_of(
        "inputs: {image: [2, 5, 6]}\n"
        "blocks: {b: {graph: [{graph: {f: flatten}, repeat: 2}, layer_norm]}}\n"
        "graph: {a: {block: b, repeat: 2}}\n"
    )
    for name in ("torch", "keras"):
        assert "flatten" in backend(name).emit(graph).text.lower()


def test_a_graph_nested_in_a_list_is_a_part() -> None:
    body = "{body: relu, add: {op: add, from: [body, input]}}"
    text = f"title: Net\ninputs: {{x: [4, 8, 8]}}\ngraph: [relu, {{graph: {body}}}]"
    printed = backend("torch").emit(graph_of(text)).text
    assert '"""A part of a Net."""' in printed


# Norms that were folded

FOLDED = "folded into the layers before, for inference: not to be trained."


@pytest.mark.parametrize(
    ("norms", "some"), [("a", "A batch norm is"), ("ab", "2 batch norms are")]
)
def test_norms_that_were_folded(norms: str, some: str) -> None:
    graph = replace(graph_of(NET), folded=(*norms,), origin="0123456789abcdef")
    lines = docstring(graph)[3:]
    told = f"{some} {FOLDED} Fingerprint of the net with them: 0123456789ab."
    assert " ".join(lines) == told and max(map(len, lines)) <= 88


def test_norms_that_were_folded_in_nets_of_one_file() -> None:
    """There is no one fingerprint to be told."""
    one = replace(graph_of(NET), folded=("a",), origin="0123456789abcdef")
    two = replace(one, name="two")
    assert shared(Family((one, two)), False)[-1] == f"2 batch norms are {FOLDED}"
    last = shared(Family((one, replace(two, folded=()))), False)[-1]
    assert last == f"A batch norm is {FOLDED}"


# Nets of one file


def test_nets_in_one_file_say_their_sources_once() -> None:
    one = replace(graph_of(NET), source="https://a.org")
    two, three = replace(one, name="two"), replace(graph_of(NET), name="three")
    other = replace(three, source="https://b.org")
    for nets, wanted in (((one, two, three), "a"), ((one, two, other), "ab")):
        found = shared(Family(nets), False)
        assert found[2] == "Nets: net, two and three."
        lines = [line for line in found if line.startswith("Source")]
        assert lines == [f"Source: https://{name}.org" for name in wanted]


def test_nets_in_one_file_that_give_unlike_things() -> None:
    text = "inputs: {x: [8]}\ngraph: {a: %s}"
    one, two = (graph_of(text % op) for op in ("softmax", "identity"))
    same = Family((one, replace(one, name="two")))
    assert shared(same, False)[-1] == "Input: x 8; gives probabilities."
    both = shared(Family((one, replace(two, name="two"))), False)
    assert both == ["net.", "", "Nets: net and two."]


@pytest.mark.parametrize("indent", [0, 4])
def test_a_function_that_makes_a_net_is_told_on_one_line_if_it_fits(
    indent: int,
) -> None:
    """Three quotes stand on either side of the line."""
    pad, counts = " " * indent, "112 parameters, 8,640 MACs"
    room = 88 - indent - 6 - len(f": {counts}.")
    graph = replace(graph_of(NET), title="x" * room)
    (line,) = built(graph, indent)
    assert line == f'{pad}"""{"x" * room}: {counts}."""' and len(line) == 88
    assert built(replace(graph, title="x" * (room + 1)), indent) == [
        f'{pad}"""{"x" * (room + 1)}.',
        "",
        f"{pad}{counts}.",
        f'{pad}"""',
    ]
    first, *_ = built(replace(graph, title="x" * 200), indent)
    assert first == f'{pad}"""{"x" * (88 - indent - 3)}'
    assert built(replace(graph, title=""), 0) == [f'"""net: {counts}."""']


# What a block maps, in its own words


def told(
    nodes: str, *uses: str, size: str = "64, 128", params: str = "", more: str = ""
) -> str:
    """What is said of a block of these nodes, with what stands before as its title."""
    lines = "".join(f"  u{n}: {{block: unit{use}}}\n" for n, use in enumerate(uses))
    graph = graph_of(
        f"inputs: {{image: [3, {size}]}}\n"
        f"blocks: {{unit: {{params: {{{params}}}, graph: {{{nodes}}}, {more}}}}}\n"
        f"graph:\n{lines or '  u: {block: unit}'}\n"
    )
    first, *_ = outline(graph, lambda op, shapes: {"rank": len(shapes[0])})
    text = "\n".join(described(first, graph.shapes(), 0))
    assert text.startswith('"""') and text.endswith('"""')
    return text.strip('"\n')


@pytest.mark.parametrize(
    ("nodes", "size", "wanted"),
    [
        *(
            (f"a: {{op: max_pool2d, kernel: {n}}}", "128, 192", f"H / {n}, W / {n}")
            for n in (2, 4, 8, 16, 32, 64)
        ),
        ("a: {op: max_pool2d, kernel: 3}", "48, 96", ""),
        ("a: {op: max_pool2d, kernel: [2, 1]}", "64, 128", ""),
        ("a: {op: max_pool2d, kernel: [1, 2]}", "64, 128", ""),
        *(
            (f"a: {{op: resize, scale: {n}}}", "3, 5", f"{n} * H, {n} * W")
            for n in (2, 4, 8)
        ),
        ("a: {op: resize, scale: 3}", "3, 5", ""),
        # A part of a pixel counts as one.
        ("a: {op: max_pool2d, kernel: 1, stride: 2}", "7, 5", "H / 2, W / 2"),
        ("a: {op: max_pool2d, kernel: 1, stride: 2}", "3, 3", "H / 2, W / 2"),
        # A single one is left of them, whatever they are divided by.
        ("a: {op: max_pool2d, kernel: 28}", "28, 28", "1, 1"),
        ("a: {op: max_pool2d, kernel: 32}", "32, 32", "H / 32, W / 32"),
        ("a: {op: max_pool2d, kernel: [28, 14]}", "28, 28", ""),
        # An image of a size that is the block's own is no part of another.
        ("a: {op: adaptive_avg_pool2d, size: 4}", "8, 8", ""),
        ("a: {op: adaptive_avg_pool2d, size: 1}", "8, 8", "1, 1"),
        ("a: {op: resize, size: 16}", "8, 8", ""),
        ("a: {op: resize, size: 8}", "8, 8", "H, W"),
        ("g: {graph: {a: {op: adaptive_avg_pool2d, size: 4}, b: relu}}", "8, 8", ""),
        ("a: {op: relu}, b: {op: max_pool2d, kernel: 2}", "8, 8", "H / 2, W / 2"),
    ],
)
def test_how_a_block_scales_images(nodes: str, size: str, wanted: str) -> None:
    mapping = f"Maps [N, 3, H, W] to [N, 3, {wanted}]." if wanted else "Unit."
    assert told(nodes, size=size) == mapping


@pytest.mark.parametrize(
    ("param", "values", "wanted"),
    [
        ("stride: int", ("1", "2"), "H / stride, W / stride"),
        ("first_stride: int", ("1", "2"), "H / first_stride, W / first_stride"),
        ("step: int", ("1", "2"), ""),
        ("strides: list", ("[1, 2]", "[2, 1]"), ""),
    ],
)
def test_a_block_whose_stride_is_an_argument(
    param: str, values: tuple[str, str], wanted: str
) -> None:
    name, _, _ = param.partition(":")
    nodes = f"a: {{op: max_pool2d, kernel: 1, stride: ={name}}}"
    found = told(nodes, *(f", {name}: {value}" for value in values), params=param)
    mapping = f"Maps [N, 3, H, W] to [N, 3, {wanted}]." if wanted else "Unit."
    assert found == mapping


@pytest.mark.parametrize(
    ("params", "channels", "given", "wanted"),
    [
        ("c: int", "c", (", c: 4", ", c: 5"), "c"),
        ("c: int", "c * 2 + 1", (", c: 4", ", c: 5"), "c * 2 + 1"),
        ("p: bool", "4 if p else 5", (", p: true", ", p: false"), ""),
        (
            f"{'c' * 29}: int",
            "c" * 29,
            (f", {'c' * 29}: 4", f", {'c' * 29}: 5"),
            "c" * 29,
        ),
        (f"{'c' * 30}: int", "c" * 30, (f", {'c' * 30}: 4", f", {'c' * 30}: 5"), ""),
    ],
)
def test_channels_are_told_in_few_words(
    params: str, channels: str, given: tuple[str, str], wanted: str
) -> None:
    nodes = f"a: {{op: conv2d, channels: '={channels}', kernel: 1}}"
    found = told(nodes, *given, params=params)
    shapes = f"[N, in_channels, H, W] to [N, {wanted}, H, W]"
    assert " ".join(found.split()) == (f"Maps {shapes}." if wanted else "Unit.")


def test_what_a_block_says_of_itself_stands_first() -> None:
    relu, mapping = "a: relu, b: tanh", "Maps [N, 3, H, W] to [N, 3, H, W]."
    assert told(relu, more="description: Two of them") == f"Two of them.\n\n{mapping}"
    pool = "a: {op: max_pool2d, kernel: 3}"
    assert told(pool, more="description: Thirds!") == "Thirds!"
    fits = "x" * (88 - 6 - 1)
    assert told(pool, more=f"description: {fits}") == f"{fits}."
    assert told(pool, more=f"description: {fits}x") == f"Unit.\n\n{fits}x."


def whole(title: str, op: str = "relu") -> str:
    """What is said of a whole net with a title."""
    graph = graph_of(f"inputs: {{image: [3, 48, 48]}}\ngraph: {{a: {op}}}")
    (net,) = outline(graph, lambda op, shapes: {"rank": len(shapes[0])})
    return "\n".join(described(net, graph.shapes(), 4, title))


def test_the_title_of_a_net_stands_before_what_it_maps() -> None:
    """Where both fit between their quotes, and where there is something to be told."""
    maps = "aps [N, 3, H, W] to [N, 3, H, W]."
    room = 88 - 4 - 6 - len(f": m{maps}")
    assert whole("x" * room) == f'    """{"x" * room}: m{maps}"""'
    assert whole("x" * (room + 1)) == (
        f'    """{"x" * (room + 1)}.\n\n    M{maps}\n    """'
    )
    assert whole("Thirds", "{op: max_pool2d, kernel: 3}") == '    """Thirds."""'
