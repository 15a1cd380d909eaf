"""Every code in words; what an example gets is what the language says."""

from __future__ import annotations

import pytest

from archspec.authoring.codes import Code, answers, codes, explain, faults, listing
from archspec.errors import ArchspecError

GOOD = "archspec: 1\nname: net\ninputs: {image: [3, 8, 8]}\ngraph: [relu]\n"


@pytest.mark.parametrize("name", codes())
def test_a_code_is_explained(name: str) -> None:
    code = codes()[name]
    text = explain(name)
    assert text.startswith(f"{name}: {code.title}\n\n")
    plain = " ".join(text.split())
    assert " ".join(code.cause.split()) in plain
    assert plain.endswith("What to do: " + " ".join(code.cure.split()))
    own = [line for line in text.splitlines() if not line.startswith("    ")]
    assert all(len(line) <= 80 for line in own)
    if code.spec:
        assert f"[{name}]" in text.partition("\ngets\n")[2], "the example gets its code"


def test_an_answer_is_that_of_validate() -> None:
    code = codes()["AS301"]
    assert code.spec and explain("as301") == explain("AS301")
    (answer,) = answers(code.spec)
    assert all(f"\n    {line}\n" in explain("AS301") for line in answer.split("\n"))


@pytest.mark.parametrize(
    ("name", "hint"),
    [("AS40", "did you mean 'AS4"), ("as", "`archspec explain` lists them")],
)
def test_no_such_code(name: str, hint: str) -> None:
    with pytest.raises(ArchspecError) as caught:
        explain(name)
    assert caught.value.message == f"there is no code {name!r}"
    assert hint in (caught.value.hint or "")


def test_all_are_listed() -> None:
    lines = listing().splitlines()
    assert lines == [f"{name}  {code.title}" for name, code in codes().items()]
    assert listing().endswith("\n")


@pytest.mark.parametrize(
    ("example", "head"),
    [
        ("", None),
        ("archspec validate no.yaml", None),
        ("graph: [relu]\n", "archspec: 1\nname: net\ninputs: {image: [3, 8, 8]}\n"),
        ("inputs: {x: [3]}\ngraph: [relu]\n", "archspec: 1\nname: net\n"),
        ("extends: x.yaml\ngraph: [relu]\n", "archspec: 1\nname: net\n"),
    ],
)
def test_an_example_that_is_a_spec(example: str, head: str | None) -> None:
    code = Code("AS1", "title", "cause", "cure", example)
    assert code.spec == ("" if head is None else head + example)


def test_faults_are_errors_or_else_what_a_valid_spec_gets() -> None:
    assert faults(GOOD) == []
    two = faults(GOOD.replace("[relu]", "[rellu, tahn]"))
    assert [str(fault.at) for fault in two] == ["net.yaml:4:9", "net.yaml:4:16"]
    text = f"{GOOD}params: {{width: 3}}\nexpect: {{params: 7}}\n"
    assert [fault.code for fault in faults(text, "x.yaml")] == ["AS410", "AS701"]
    assert str(faults(text, "x.yaml")[1].at) == "x.yaml:5:10"
