"""What a process answers of every op alone."""

from __future__ import annotations

from nets import graph_of

from archspec.backend import backend
from archspec.verify.cases import cases
from archspec.verify.trial import FAILED, REFUSED, answer, answers, words

NET = "inputs: {x: [4, 2, 3]}\ngraph: {n: batch_norm, a: relu}\n"


def test_parts() -> None:
    graph = graph_of(NET)
    made = dict(answers(backend("torch"), graph, 0))
    norm, act = (
        {name.partition("/")[2] for name in made if name.startswith(f"{number}/")}
        for number in (0, 2)
    )
    slopes = {f"gradients/{name}" for name in ("x0", "weight", "bias")}
    training = {f"training/{name}" for name in ("value", *slopes)}
    moved = {"training/running_mean", "training/running_var"}
    assert norm == {"value", *slopes, *training, *moved}
    assert act == {"value", "gradients/x0"}
    one = dict(answer(backend("torch"), cases(graph)[0], 0))
    assert all((made[f"0/{part}"] == array).all() for part, array in one.items())


def test_words() -> None:
    """What can't be expressed, and what can't be computed."""
    text = (
        "inputs: {x: [4, 9, 9]}\ngraph: {p: {op: max_pool2d, kernel: 2, dilation: 2}}\n"
    )
    made = dict(answers(backend("keras"), graph_of(text), 0))
    assert {name.partition("/")[2] for name in made} == {REFUSED}
    assert "MaxPooling2D has no dilation" in words(made[f"0/{REFUSED}"])
    made = dict(answers(backend("torch"), graph_of(NET), 0, "nowhere"))
    assert {name.partition("/")[2] for name in made} == {FAILED}
    assert "nowhere" in words(made[f"0/{FAILED}"])
