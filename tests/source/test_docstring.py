"""archspec.source.docstring: what a printed file says of its net."""

from __future__ import annotations

from nets import graph_of

from archspec.source.docstring import docstring

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
