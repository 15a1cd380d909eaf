"""One open scope: names that are taken, and what paths lead to."""

from __future__ import annotations

import pytest
from spelled import net, told

from archspec.language.context import Member, Moved, Space

# Names


def test_a_space_names_and_numbers_its_children() -> None:
    top, inner = Space("", False), Space("a.b", True)
    assert (top.full("x"), inner.full("x")) == ("x", "a.b.x")
    assert [inner.number() for _ in range(3)] == ["0", "1", "2"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("graph: {input: relu}",
         "AS311 1:9 the name 'input' is taken by an input of the scope"),
        ("graph: {'a{1}': relu, a1: tanh}",
         "AS311 1:23 the name 'a1' is taken twice ('a{1}' makes it; write that entry "
         "anew, with another `repeat` or a `when` that leaves it out)"),
        ("graph: {'a{index // 2}': {op: relu, repeat: 2}}",
         "AS311 1:9 the name 'a0' is taken twice"),
        ("graph: {a: relu, b: {inline: true, graph: {a: relu}}}",
         "AS311 1:44 the name 'a' is taken twice"),
        ("graph: {b: {inline: true, graph: {a: relu}}, a: relu}",
         "AS311 1:46 the name 'a' is taken twice"),
        ("graph: {x: {graph: {b: {inline: true, repeat: 2, graph: {a: relu}}}}}",
         "AS311 1:58 the name 'x.a' is taken twice"),
        ("graph: {image: relu}", "AS311 1:9 the name 'image' is taken twice"),
        ("blocks: {b: {inputs: [x, y], graph: {x: {op: add, from: [x, y]}}}}\n"
         "graph: {b: {block: b, from: [input, input]}}",
         "AS311 1:38 the name 'x' is taken by an input of the scope"),
        ("blocks: {b: {inputs: [x, y], graph: {input: {op: add, from: [x, y]}}}}\n"
         "graph: {b: {block: b, from: [input, input]}}",
         "AS311 1:38 the name 'input' is taken by an input of the scope"),
    ],
)  # fmt: skip
def test_a_name_that_is_taken(text: str, message: str) -> None:
    assert told(text) == [message]


def test_an_inlined_node_takes_no_name() -> None:
    graph = net("graph: {b: {inline: true, graph: {b: relu, c: tanh}}}")
    assert [node.name for node in graph.nodes] == ["b", "c"]
    graph = net(
        "graph: {a: {inline: true, graph: {b: relu}}, b: {inline: true, graph: {c: tanh}}}"
    )
    assert [node.name for node in graph.nodes] == ["b", "c"]


# Paths

TREE = """
blocks:
  unit:
    graph:
      conv: {op: conv2d, channels: 3, kernel: 1}
      gone: {op: relu, when: false}
      "act{index}": {op: relu, repeat: 2}
  two:
    graph: {a: {graph: [relu, tanh]}, p: elu, q: {op: silu, from: a}}
    outputs: {p: p, q: q}
graph:
  units: {block: unit, repeat: 3}
  other: {op: relu, repeat: 2}
  two: {block: two}
  flat: {block: unit, inline: true, from: two.q}
  list:
    graph:
      - {name: stage, inline: true, repeat: 2, graph: [{op: mish, name: m}, tanh]}
      - {name: named, block: unit, repeat: 2}
      - {block: two, name: end, when: false}
      - {op: elu, name: last}
  none: {op: relu, repeat: 0}
  some: {op: relu, repeat: 3, when: =index == 1}
  keep: {op: add, from: [two.p, some]}
outputs: {o: keep}
"""


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("units", "units.2.act1"),
        ("units.0", "units.0.act1"),
        ("units.1.conv", "units.1.conv"),
        ("units.2.act0", "units.2.act0"),
        ("other", "other.1"),
        ("other.0", "other.0"),
        ("two.p", "two.p"),
        ("two.q", "two.q"),
        ("two.a", "two.a.1"),
        ("two.a.0", "two.a.0"),
        # Inlined: by its own name, and by its children's.
        ("flat", "act1"),
        ("conv", "conv"),
        ("flat.conv", "conv"),
        ("flat.act0", "act0"),
        # Lists: by number, and by name.
        ("list", "list.6"),
        ("list.0", "list.0"),
        ("list.stage", "list.3"),
        ("list.stage.0", "list.1"),
        ("list.stage.0.m", "list.0"),
        ("list.stage.1.m", "list.2"),
        ("list.m", "list.2"),
        ("list.named", "list.5.act1"),
        ("list.named.0.conv", "list.4.conv"),
        ("list.5.conv", "list.5.conv"),
        ("list.last", "list.6"),
        ("some", "some.1"),
        ("some.1", "some.1"),
        ("input", "image"),
    ],
)
def test_a_path(path: str, found: str) -> None:
    assert net(f'{TREE}taps: {{t: "{path}"}}').taps == {"t": found}


WHY = "(the `when` of {!r} is false or its `repeat` 0)"


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("units.0.gone", "AS308 there is no node 'units.0.gone' "
         + WHY.format("units.0.gone")),
        ("units.1.gone", "AS308 there is no node 'units.1.gone' "
         + WHY.format("units.1.gone")),
        ("list.end", "AS308 there is no node 'list.end' " + WHY.format("list.end")),
        ("list.end.p", "AS308 there is no node 'list.end.p' " + WHY.format("list.end")),
        ("none", "AS308 there is no node 'none' " + WHY.format("none")),
        ("none.0", "AS308 there is no node 'none.0' " + WHY.format("none")),
        ("some.0", "AS308 there is no node 'some.0' (did you mean 'some.1'?)"),
        ("units.3", "AS308 there is no node 'units.3' (did you mean 'units.2'?)"),
        ("units.0.cnov", "AS308 there is no node 'units.0.cnov' "
         "(did you mean 'units.0.conv'?)"),
        ("zzzzzzzz", "AS308 there is no node 'zzzzzzzz'"),
        ("two", "AS307 'two' has the outputs p, q (say which: NODE.p)"),
        ("two.", "AS308 there is no node 'two.' (did you mean 'two.q'?)"),
        ("other.0.", "AS308 there is no node 'other.0.' (did you mean 'other.0'?)"),
        ("image", "AS308 there is no node 'image'"),
        ("", "AS308 there is no node ''"),
    ],
)  # fmt: skip
def test_a_path_that_leads_nowhere(path: str, message: str) -> None:
    (error,) = told(f'{TREE}taps: {{t: "{path}"}}')
    code, place, rest = error.split(" ", 2)
    assert (f"{code} {rest}", place) == (message, "26:11")


def test_what_is_no_path() -> None:
    for raw, shown in (("1.5", "1.5"), ("true", "true"), ("[a]", "['a']")):
        assert told(f"graph: {{a: relu}}\ntaps: {{t: {raw}}}") == [
            "AS305 2:11 a path is the name of a node, or names with dots in quotes, "
            f"found {shown}"
        ]
    assert net("graph: {0: relu}\ntaps: {t: 0}").taps == {"t": "0"}
    assert net("params: {p: a}\ngraph: {a: relu}\ntaps: {t: =p}").taps == {"t": "a"}


def test_a_named_output_hides_a_node_of_that_name() -> None:
    text = """
blocks: {b: {graph: {p: relu, q: tanh}, outputs: {p: q, q: p}}}
graph: {b: {block: b}, c: {op: add, from: [b.p, b.q]}}
"""
    assert net(f"{text}taps: {{t: b.p, u: b.q}}").taps == {"t": "b.q", "u": "b.p"}
    inner = text.replace("p: relu", "p: {graph: {x: relu, y: elu}}")
    taps = net(f"{inner}taps: {{t: b.p, u: b.p.x}}").taps
    assert taps == {"t": "b.q", "u": "b.p.x"}


def test_values_of_a_copy() -> None:
    moved = Moved("units.2", "units.1.act", "units.1", "units.0.act")
    assert moved.value("units.1.conv") == "units.2.conv"
    assert moved.value("units.1") == "units.2"
    assert moved.value("units.0.act") == "units.1.act"
    assert (Member().outputs, Member().inside, Member().moved) == ({}, {}, None)


def test_paths_into_copies_of_copies() -> None:
    text = """
blocks:
  unit: {graph: {a: {graph: [relu, tanh]}, same: {op: relu, when: false}}}
  stage: {graph: {units: {block: unit, repeat: 3}}}
graph: {stages: {block: stage, repeat: 4}}
taps: {t: stages.3.units.2.a.0, u: stages.2.units.1, v: stages.1}
"""
    assert net(text).taps == {
        "t": "stages.3.units.2.a.0",
        "u": "stages.2.units.1.a.1",
        "v": "stages.1.units.2.a.1",
    }


def test_what_passes_its_input_on_in_a_copy() -> None:
    text = """
blocks:
  b: {graph: {x: {graph: {y: {op: relu, when: false}}}, z: tanh, w: {op: add, from: [x, z]}}}
graph: {b: {block: b, repeat: 3}}
taps: {t: b.2.x, u: b.1.x}
"""
    assert net(text).taps == {"t": "b.1.w", "u": "b.0.w"}


# What failed


def codes(text: str) -> list[str]:
    return [line.split()[0] for line in told(text)]


def test_what_reads_a_node_that_failed_says_nothing() -> None:
    text = """
graph:
  a: {op: slice, stop: 9}
  b: {op: add, from: [a, input]}
  c: {graph: [{op: slice, stop: 9, name: d}]}
  e: {op: relu, from: c}
taps: {p: a, q: b, r: c, s: c.d, t: c.0, u: e}
"""
    assert codes(text) == ["AS405"]


@pytest.mark.parametrize("inline", ["", ", inline: true"])
def test_names_that_a_formula_would_have_made(inline: str) -> None:
    text = """
blocks:
  b: {graph: {"a{index}": {op: slice, stop: 9, repeat: 2}, c: {op: relu, from: input}}}
graph:
  "x{index}": {op: slice, stop: 9, repeat: 2}
  y: {op: add, from: [x0, x1], when: false}
  b: {block: b, from: input%s}
  d: {op: relu, from: x7}
taps: {p: x1, q: b.a1, r: b.c}
"""
    assert codes(text % inline) == ["AS405", "AS405"]
    if inline:
        assert codes((text % inline).replace("b.a1", "a1")) == ["AS405", "AS405"]


def test_numbers_behind_what_failed() -> None:
    text = 'graph: [relu, {op: slice, stop: 9, name: n}, tanh]\ntaps: {p: "2", q: n}'
    assert codes(text) == ["AS405"]


def test_one_that_failed_hides_no_other_mistake() -> None:
    text = """
graph:
  a: {op: slice, stop: 9}
  b: {op: relu, from: z}
  c: {op: relu, from: input}
taps: {p: c, q: zz}
"""
    assert codes(text) == ["AS405", "AS306", "AS308"]
    nested = "graph: {a: {graph: {b: relu, gone: {op: relu, when: false}}}}\ntaps: "
    (error,) = told(nested + "{t: a.c}")
    assert error.endswith("(did you mean 'a.b'?)")
    (error,) = told(nested + "{t: a.gonee}")
    assert "a.gone'?" not in error
