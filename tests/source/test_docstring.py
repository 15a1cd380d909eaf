"""archspec.source.docstring: what a printed file says of its net."""

from __future__ import annotations

import ast
from dataclasses import replace

import pytest
from nets import graph_of

from archspec.backend import backend
from archspec.source.docstring import docstring, result, shared
from archspec.source.family import Family

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
