"""What a file expects of its net, and where the net is another."""

from __future__ import annotations

import pytest
from nets import SMALL

import archspec


def load(old: str, new: str) -> archspec.Spec:
    assert SMALL.count(old) == 1
    return archspec.loads(SMALL.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new", "message", "code"),
    [
        ("params: 137", "params: 138", "expected params 138, the net has 137", "AS410"),
        ("macs: 5204", "macs: 1", "expected macs 1, the net has 5204", "AS410"),
        ("output: [5]", "output: [6]", "expected output [6], the net has [5]", "AS410"),
        ("buffers: 0", "buffers: 1", "expected buffers 1, the net has 0", "AS410"),
    ],
)
def test_what_a_file_expects(old: str, new: str, message: str, code: str) -> None:
    (error,) = load(old, new).unexpected()
    assert (error.message, error.code) == (message, code)
    assert str(error.at).startswith("<string>:11:")


def test_outputs_by_name() -> None:
    text = "output: {y: [5], f: [4, 8, 6]}}\noutputs: {y: fc, f: stem"
    assert load("output: [5]", text).unexpected() == []
    (error,) = load("output: [5]", text.replace("8", "7")).unexpected()
    assert "the net has" in error.message
