"""Errors are kept by place, told with the way to them, and end at a limit."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest
from spelled import net, told

from archspec import load
from archspec.catalog import root
from archspec.errors import (
    ArchspecError,
    LimitError,
    Location,
    SpecError,
    SpecErrors,
    Told,
)
from archspec.language.expand import expand
from archspec.language.faults import MOST, Ended, Faults
from archspec.language.files import Files


def fault(line: int, file: str = "net.yaml", column: int = 1) -> SpecError:
    return SpecError(f"line {line}", code="AS200", at=Location(file, line, column))


def ends(faults: Faults) -> list[str]:
    with pytest.raises(ArchspecError) as caught:
        faults.end()
    return [error.message for error in caught.value.errors]


def test_one_error_for_a_place_in_the_order_of_the_text() -> None:
    faults = Faults(Files())
    faults.end()
    for error in (fault(7), fault(3), SpecErrors([fault(5), fault(3)])):
        faults.report(error)
    faults.report(SpecError("another at 7", at=Location("net.yaml", 7, 1)))
    faults.report(Told())
    assert ends(faults) == ["line 3", "line 5", "line 7"]


def test_a_single_error_is_itself() -> None:
    faults, error = Faults(Files()), fault(1)
    faults.report(error)
    with pytest.raises(SpecError) as caught:
        faults.end()
    assert caught.value is error


def test_errors_without_a_place_are_kept_by_what_they_say() -> None:
    faults = Faults(Files())
    for text in ("one", "two", "one"):
        faults.report(SpecError(text))
    assert ends(faults) == ["one", "two"]


def test_a_limit_ends_everything() -> None:
    faults = Faults(Files())
    with pytest.raises(Ended):
        faults.report(LimitError("too much", at=Location("net.yaml", 1, 1)))
    assert ends(faults) == ["too much"]


def test_many_errors_end_everything() -> None:
    faults = Faults(Files())
    for line in range(1, MOST):
        faults.report(fault(line))
    with pytest.raises(Ended):
        faults.report(fault(MOST))
    assert len(ends(faults)) == MOST == 50


def test_what_a_file_gets_wrong_in_its_base_is_told_later() -> None:
    files = Files()
    files.extended["base.yaml"] = Location("net.yaml", 3, 10)
    faults = Faults(files)
    faults.report(fault(2, "base.yaml"))
    faults.report(fault(9))
    assert ends(faults) == ["line 9"]
    faults = Faults(files)
    faults.report(fault(2, "base.yaml"))
    assert ends(faults) == ["line 2"]
    assert fault(2).notes == ()
    (error,) = faults.found.values()
    assert error.notes == ("extended by net.yaml:3:10",)


def test_the_way_to_an_error_is_told_once() -> None:
    """The scopes around an error report it one after the other."""
    files = Files()
    files.extended["base.yaml"] = Location("net.yaml", 3, 10)
    inner = net("graph: {stage: {graph: {a: relu}}}").nodes[0].scope
    way = "in stage, a nested graph, at net.yaml:4:9"
    placed, nowhere = fault(2, "base.yaml"), SpecError("nowhere")
    for error, notes in (
        (placed, (way, "extended by net.yaml:3:10")),
        (nowhere, (way,)),
    ):
        faults = Faults(files)
        faults.report(error, inner)
        faults.report(error, inner.parent)
        faults.report(error, inner)
        assert error.notes == notes


def test_the_way_to_an_error() -> None:
    text = """
blocks: {unit: {graph: {cut: {op: slice, stop: =input.channels + 1}}}}
graph:
  stage: {repeat: 1, graph: {unit: {block: unit}}}
"""
    with pytest.raises(ArchspecError) as caught:
        net(text)
    assert caught.value.notes[-2:] == (
        "in stage.0.unit, the block 'unit', at net.yaml:7:30",
        "in stage.0, a nested graph, at net.yaml:7:3",
    )


def test_the_way_through_a_spec(tmp_path: Path) -> None:
    head = "archspec: 1\nname: {}\ninputs: {{image: [3, 8, 8]}}\n"
    (tmp_path / "sub.yaml").write_text(
        head.format("sub") + "params: {n: 1}\ngraph: {a: {op: slice, stop: =n}}\n"
    )
    (tmp_path / "net.yaml").write_text(
        head.format("net") + "graph: {s: {spec: sub.yaml, n: 9}}\n"
    )
    with pytest.raises(ArchspecError) as caught:
        load(tmp_path / "net.yaml")
    way = f"in s, the spec 'sub', at {tmp_path / 'net.yaml'}:4:9"
    assert caught.value.notes[-1] == way


# One mistake, one error


def test_a_name_that_a_broken_node_would_have_made() -> None:
    text = "graph:\n  a{index}: {op: rellu, repeat: 2}\n  b: {op: relu, from: a1}\n"
    assert [line[:9] for line in told(text + "taps: {t: a0}")] == ["AS205 2:1"]


def test_numbers_behind_a_broken_entry_of_a_list() -> None:
    text = 'graph: [relu, {op: slice, stop: 9}, tanh]\ntaps: {t: "2", u: "1", v: "0"}'
    assert [line[:9] for line in told(text)] == ["AS405 1:1"]


def test_inside_of_a_block_whose_node_is_broken() -> None:
    block = "blocks: {b: {graph: {a{index}: {op: slice, stop: 9, repeat: 2}, c: "
    text = block.replace("a{index}", "'a{index}'") + "{op: relu, from: input}}}}\n"
    for inline in ("", ", inline: true"):
        graph = f"graph: {{b: {{block: b{inline}}}}}\ntaps: {{t: b.a1, u: b.c}}"
        assert [line[:5] for line in told(text + graph)] == ["AS405"]
    graph = "graph: {b: {block: b, inline: true}}\ntaps: {t: a1, u: c}"
    assert [line[:5] for line in told(text + graph)] == ["AS405"]


def test_a_misspelled_param_is_not_missing_too() -> None:
    text = (
        "blocks: {b: {params: {width: int}, graph: {a: {op: slice, stop: =width}}}}\n"
    )
    assert told(text + "graph: {x: {block: b, widht: 2}}") == [
        "AS312 2:23 the block 'b' has no param 'widht' (did you mean 'width'?)"
    ]
    assert told("params: {width: int}\ngraph: {a: relu}", widht=2) == [
        "AS312 the spec 'net' has no param 'widht' (did you mean 'width'?)"
    ]


def test_readers_of_what_is_broken_say_nothing() -> None:
    text = """
blocks: {b: {graph: {x: {op: slice, stop: 9}}, outputs: {p: x, q: input}}}
graph:
  a: {op: conv2d, channels: 2, kernel: 99}
  b: {block: b, from: a}
  c: {op: add, from: [b.p, b.q]}
  d: {op: linear, features: 3, from: c}
taps: {t: c, u: b.p}
"""
    assert [line[:9] for line in told(text)] == ["AS403 4:3"]


def test_one_default_that_is_wrong() -> None:
    text = "defaults: {conv2d: {biass: 0}}\ngraph:\n" + "".join(
        f"  c{n}: {{op: conv2d, channels: 3, kernel: 1}}\n" for n in range(3)
    )
    assert told(text) == [
        "AS206 1:21 conv2d has no attribute 'biass' (did you mean 'bias'?)"
    ]


def test_a_statement_that_is_wrong_is_not_expanded() -> None:
    text = "params: {w: [8]}\ngraph:\n  a:\n    repeat: 2\n    graph:\n"
    text += "      b: {op: conv2d, repeat: 2, channels: '=w[index + 1]', kernel: 1}\n"
    assert [line[:5] for line in told(text)] == ["AS320"]


UNKNOWN = """
params: {width: 8}
graph:
  a: {op: conv2d, channels: =wide, kernel: 1}
  b: {op: conv2d, channels: =wide + 1, kernel: 1}
  c: {op: conv2d, channels: =wide - 1, kernel: 1}
"""


def test_a_name_that_is_not_known_is_told_once_with_all_its_lines() -> None:
    with pytest.raises(SpecError) as caught:
        net(UNKNOWN)
    (error,) = caught.value.errors
    assert error.message == "a formula names 'wide', which isn't known here"
    assert error.at is not None and error.at.line == 7
    assert error.notes == ("and so in line 8, 9",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "graph:\n  a: relu\n  b: {op: add, form: [a, input]}\n",
            "add has no attribute 'form'",
        ),
        (
            "blocks: {b: {inputs: [x, y], grahp: [relu]}}\ngraph: [relu]\n",
            "unknown key 'grahp'",
        ),
        (
            "blocks: {b: {inputs: [x, y], graph: {r: {op: relu, from: x}}}}\n"
            "graph:\n  a: relu\n  b: {block: b, fromm: [a, input]}\n",
            "the block 'b' has no param 'fromm'",
        ),
    ],
)
def test_what_is_misspelled_is_not_missing_too(text: str, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        net(text)
    assert [error.message for error in caught.value.errors] == [message]


def test_one_slip_is_one_error() -> None:
    """What one word more or less does to a family: another name has two places."""
    draw = random.Random(5)
    text = re.sub("#.*", "", (root() / "families/resnet.yaml").read_text())
    words = [*re.finditer(r"[A-Za-z_]\w*", text[text.index("params") :])]
    start, refused = text.index("params"), 0
    for word in draw.sample(words, 25):
        files, end = Files(), start + word.end()
        try:
            expand(files, files.text(f"{text[:end]}q{text[end:]}", "net.yaml"))
        except ArchspecError as error:
            refused += 1
            codes = {item.code for item in error.errors}
            assert len(error.errors) == 1 or codes == {"AS301", "AS312"}, word
    assert refused > 12


@pytest.mark.parametrize("depths", [{"depths": [1, 1, 1]}, {}])
def test_taps_that_other_params_leave_out(
    depths: dict[str, list[int]], tmp_path: Path
) -> None:
    file = tmp_path / "net.yaml"
    head = "archspec: 1\nname: mine\nextends: resnet18\n"
    own = "" if depths else "params: {depths: [1, 1, 1]}\n"
    file.write_text(head + own)
    with pytest.raises(SpecError, match="there is no node 'layer4'") as caught:
        load(file, params=depths)
    assert caught.value.hint == (
        "with another depths there may be; taps: {c5: null} in a file that extends "
        "this one does without it"
    )
    file.write_text(f"{head}{own}taps: {{c5: null}}\n")
    assert [*load(file, params=depths).graph.taps] == ["c2", "c3", "c4"]
