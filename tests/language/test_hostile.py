"""What is thrown at archspec is answered, soon, and in one way: an error with a place.

Any number of random cases: `python tests/fuzz.py COUNT [SEED]`.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import fuzz
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from proofs import sampled
from typer.testing import CliRunner

import archspec
from archspec.cli.app import application
from archspec.errors import ArchspecError
from archspec.language.formula import evaluate

HEAD = "archspec: 1\nname: net\ninputs: {image: [3, 8, 8]}\n"
LAUGHS = "".join(
    f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]\n" for n in range(1, 9)
)
SECONDS = 20.0
"""What has no end takes longer; how fast the rest is, `benchmarks/` says."""


@pytest.mark.parametrize("hundreds", sampled([50, 200], [50]))
def test_random_specs_and_formulas(hundreds: int) -> None:
    @settings(max_examples=hundreds, deadline=None)
    @given(st.integers(0, 2**64 - 1))  # each seed stands for its own hundred
    def holds(seed: int) -> None:
        seconds, text = fuzz.run(100, seed)
        assert seconds < SECONDS, text
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        assert memory < 8 * 2**20  # KiB; other tests of this process hold frameworks

    holds()


FILES: dict[str, tuple[bytes, str]] = {
    "billion laughs": (f"l0: &l0 [lol]\n{LAUGHS}".encode(), "AS122"),
    "repeat": (f"{HEAD}graph: [{{op: relu, repeat: 1000000000}}]".encode(), "AS321"),
    "nested repeat": (
        f"{HEAD}blocks:\n"
        "  a: {graph: [{op: relu, repeat: 999}]}\n"
        "  b: {graph: [{block: a, repeat: 999}]}\n"
        "  c: {graph: [{block: b, repeat: 999}]}\n"
        "graph: [{block: c, repeat: 999}]".encode(),
        "AS321",
    ),
    "deep": (b"a: " + b"[" * 500_000, "AS121"),
    "deep in a small file": (b"a: " + b"[" * 1_000_00, "AS121"),
    "deep mappings": (b"{a: " * 100_000, "AS121"),
    "deep block": (b"".join(b" " * n + b"a:\n" for n in range(1000)), "AS121"),
    "deep formula": (f"{HEAD}graph: {{a: ={'(' * 900}}}".encode(), "AS106"),
    "large": (b"#" * 100_000_000, "AS120"),
    "power": (f"{HEAD}graph: [{{op: slice, stop: =9**9**9}}]".encode(), "AS304"),
    "text": (f'{HEAD}graph: [{{op: slice, stop: ="a"*10**9}}]'.encode(), "AS303"),
    "digits": (f'{HEAD}graph: [{{op: slice, stop: =int("9"*1000)}}]'.encode(), "AS303"),
    "binary": (bytes(range(256)), "AS102"),
    "nothing but zeros": (b"\0" * 1000, "AS103"),
    "utf-16": ("archspec: 1".encode("utf-16"), "AS102"),
    "tabs": (b"archspec: 1\ngraph:\n\ta: relu\n", "AS103"),
    "a billion items": (
        f"{HEAD}params: {{a: =range(9000), b: '=[a, a, a]'}}\ngraph: [relu]".encode(),
        "AS304",
    ),
    "much work": (
        f"{HEAD}params: {{a: =range(19999), b: 1}}\ngraph:\n".encode()
        + b"".join(
            b"  n%d: {op: relu, when: =sum(a) > %d}\n" % (n, n) for n in range(999)
        ),
        "AS322",
    ),
    "too many nodes": (
        b"archspec: 1\nname: net\nextends: keras_resnet50v2\n"
        b"params: {depths: [3, 4, 97000, 3]}\n",
        "AS321",
    ),
    "absent nodes": (
        f"{HEAD}graph: {{a: {{repeat: 4900, index: i, graph: {{c: relu, "
        "'b{index}': {op: relu, repeat: 4900, when: =i < 0}}}}".encode(),
        "AS322",
    ),
    "nodes that are all unlike": (
        f"{HEAD}graph: [{{op: conv2d, channels: =index + 1, kernel: 1, "
        "repeat: 90000}]".encode(),
        "AS321",
    ),
    "inlined nodes": (
        f"{HEAD}graph: [{{repeat: 30000, inline: true, graph: [relu, relu, relu]}}]"
        "".encode(),
        "AS321",
    ),
    "many faults": (
        HEAD.encode()
        + b"graph:\n"
        + b"".join(b"  n%d: rellu\n" % n for n in range(19_000)),
        "AS205",
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_a_hostile_file(name: str, tmp_path: Path) -> None:
    data, code = FILES[name]
    path = tmp_path / "net.yaml"
    path.write_bytes(data)
    start = time.process_time()
    result = CliRunner().invoke(application(), ["validate", str(path)])
    assert time.process_time() - start < SECONDS
    assert result.exit_code == 1
    assert f"[{code}]" in result.stderr
    assert len(result.stderr) < 50_000


@pytest.mark.parametrize("ending", ["\r\n", "\r", "\n"])
def test_line_ends_and_a_byte_order_mark(ending: str, tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    path.write_bytes(f"\ufeff{HEAD}graph: {{a: relu}}\n".replace("\n", ending).encode())
    assert archspec.load(path).graph.nodes[0].at.line == 4


@pytest.mark.parametrize("path", ["/dev/zero", "/dev/stdin", ".", "missing.yaml", ""])
def test_what_is_no_file(path: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "archspec", "validate", path]
    found = subprocess.run(
        command,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
    )
    assert found.returncode == 1
    assert "[AS101]" in found.stderr and "Traceback" not in found.stderr


@pytest.mark.parametrize("how", ["extends: {}\n", "graph: {{a: {{spec: {}}}}}\n"])
def test_files_outside_the_folder(how: str, tmp_path: Path) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    inside.mkdir()
    outside.mkdir()
    (outside / "base.yaml").write_text(f"{HEAD}graph: [relu]\n")
    (inside / "link.yaml").symlink_to(outside / "base.yaml")
    (inside / "folder").symlink_to(outside)
    (inside / "zero.yaml").symlink_to("/dev/zero")
    path = inside / "net.yaml"
    for name in (
        "../outside/base.yaml",
        str(outside / "base.yaml"),
        "link.yaml",
        "folder/base.yaml",
        "zero.yaml",
        "folder/../../outside/base.yaml",
        "https://example.org/base.yaml",
        "file:///etc/base.yaml",
    ):
        head = HEAD if "graph" in how else "archspec: 1\nname: net\n"
        path.write_text(head + how.format(name))
        with pytest.raises(ArchspecError) as caught:
            archspec.load(path)
        assert caught.value.code == "AS110", name
    (inside / "sub").mkdir()
    (inside / "sub" / "base.yaml").write_text(f"{HEAD}graph: [relu]\n")
    path.write_text(head + how.format("sub/base.yaml"))
    assert archspec.load(path).graph.nodes
    os.mkfifo(inside / "pipe.yaml")
    path.write_text(head + how.format("pipe.yaml"))
    with pytest.raises(ArchspecError, match="not a file"):
        archspec.load(path)


@pytest.mark.parametrize(
    "text",
    [
        "round(1e308)",
        "round(5, -10 ** 9)",
        "[" + ", ".join(["range(100000)"] * 60) + "]",
        "len(range(0, 10 ** 15))",
        "2 ** 64 ** 64",
        "1e308 * 10",
        "-" * 900 + "1",
        "not " * 240 + "true",
        "(" * 450 + "1" + ")" * 450,
        "[" * 450 + "]" * 450,
        "+".join(["1"] * 500),
        " if true else ".join(["1"] * 200),
        "a." * 480 + "b",
        "().__class__",
        "'{0.__class__}'.format(1)",
        "[x for x in range(9)]",
        "(lambda: 1)()",
        "__import__('os')",
        "int('9' * 1000)",
        "1 if true else (yield)",
        "f'{1}'",
        "b'a'",
        "1j",
        "...",
        "a := 1",
        "*range(3)",
        "max(*range(3))",
        "min(1, key=2)",
        "'a' + 'b'",
        "[1] * 9",
        "9" * 1000,
    ],
)
def test_a_hostile_formula(text: str) -> None:
    start = time.process_time()
    with pytest.raises(ArchspecError):
        evaluate(text, {})
    assert time.process_time() - start < SECONDS


def test_nothing_of_a_spec_moves_a_terminal(tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    path.write_text(f'{HEAD}graph:\n  "a\\e[31m": relu # \x9b\n', encoding="utf-8")
    result = CliRunner().invoke(application(), ["validate", str(path)])
    assert result.exit_code == 1
    assert "\x1b" not in result.stderr and "\x9b" not in result.stderr
