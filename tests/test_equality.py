"""Which graphs are one net, and which differ."""

from __future__ import annotations

import pytest
from nets import graph_of

from archspec import load
from archspec.equality import equal, hashes
from archspec.graph import Graph
from archspec.passes.without_dropout import without_dropout

NET = """
inputs: {image: [3, 8, 8], more: [4, 8, 8]}
params: {rate: 0.0}
graph:
  conv: {op: conv2d, from: image, channels: 4, kernel: 3, padding: 1}
  act: relu
  norm: batch_norm
  sum: {op: add, from: [act, norm, more]}
  end: {op: dropout, rate: =rate}
  cat: {op: concat, from: [end, conv]}
outputs: {cat: cat}
taps: {act: act}
"""


def changed(*pairs: tuple[str, str]) -> Graph:
    text = NET
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    return graph_of(text)


SAME = {
    "itself": ("", ""),
    "sizes of two numbers": (
        "kernel: 3, padding: 1",
        "kernel: [3, 3], padding: [1, 1]",
    ),
    "four sides": ("padding: 1", "padding: [[1, 1], [1, 1]]"),
    "a default": ("kernel: 3", "kernel: 3, stride: [1, 1], groups: 1"),
    "another order": ("[act, norm, more]", "[more, norm, act]"),
    "a name without weights": ("end", "last"),
    "no dropout": ("  end: {op: dropout, rate: =rate}\n", "  end: identity\n"),
    "drop_path of rate 0": ("op: dropout", "op: drop_path"),
    "an identity more": ("  norm:", "  same: identity\n  norm:"),
    "other initial values": ("kernel: 3", "kernel: 3, init: {bias: 1}"),
    "a title": ("inputs: {", "title: Another\ninputs: {"),
    "another param": ("{rate: 0.0}", "{rate: 0.0, unread: 1}"),
    "a formula": ("channels: 4", "channels: =2 + 2"),
}


@pytest.mark.parametrize("case", SAME)
def test_equal(case: str) -> None:
    assert equal(changed(SAME[case]), graph_of(NET))


UNLIKE = {
    "a kernel": ("kernel: 3, padding: 1", "kernel: 1"),
    "sides that differ": ("padding: 1", "padding: [[0, 2], [1, 1]]"),
    "a name with weights": ("conv:", "conv1:"),
    "a name with statistics": ("norm:", "bn:"),
    "an order that counts": ("[end, conv]", "[conv, end]"),
    "another op": ("relu", "tanh"),
    "dropout": ("rate: 0.0", "rate: 0.5"),
    "what is read": ("[act, norm, more]", "[act, norm, norm]"),
    "an input's name": ("more", "other"),
    "an input's size": ("image: [3,", "image: [5,"),
    "an output's name": ("{cat: cat}", "{out: cat}"),
    "another output": ("{cat: cat}", "{cat: cat, act: act}"),
    "a tap's name": ("{act: act}", "{relu: act}"),
    "another tap": ("{act: act}", "{act: sum}"),
    "no tap": ("taps: {act: act}\n", ""),
}


FURTHER = {
    "a name with weights": [("end, conv]", "end, conv1]")],
    "a name with statistics": [("[act, norm", "[act, bn")],
}
"""What else changes with it, so that the spec is valid."""


@pytest.mark.parametrize("case", UNLIKE)
def test_not_equal(case: str) -> None:
    found = changed(UNLIKE[case], *FURTHER.get(case, []))
    assert not equal(found, graph_of(NET))


def test_scopes_do_not_count() -> None:
    flat = "inputs: {image: [3, 8, 8]}\ngraph: {a: relu, b: tanh}\n"
    deep = "inputs: {image: [3, 8, 8]}\ngraph: [{graph: {a: relu}}, tanh]\n"
    assert equal(graph_of(flat), graph_of(deep))


def test_two_dice_are_not_one() -> None:
    text = (
        "inputs: {image: [3, 8, 8]}\ngraph:\n  a: dropout\n"
        "  b: {op: dropout, from: input}\n  c: {op: add, from: [a, b]}\n"
    )
    assert not equal(
        graph_of(text),
        graph_of(
            text.replace("[a, b]", "[a, a]").replace(
                "  b: {op: dropout, from: input}\n", ""
            )
        ),
    )
    assert equal(graph_of(text), graph_of(text.replace("[a, b]", "[b, a]")))


def test_nets_of_the_zoo() -> None:
    graphs = {name: load(name).graph for name in ("resnet18", "resnet34", "vgg11_bn")}
    for name, graph in graphs.items():
        assert equal(graph, load(name).graph)
        assert not any(equal(graph, graphs[n]) for n in graphs if n != name)
    assert equal(without_dropout(graphs["resnet18"]), graphs["resnet18"])
    assert not equal(without_dropout(graphs["vgg11_bn"]), graphs["vgg11_bn"])
    outputs, taps = hashes(graphs["resnet18"])
    assert [*outputs] == [""] and [*taps] == ["c2", "c3", "c4", "c5"]
