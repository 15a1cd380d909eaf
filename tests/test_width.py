"""What fits: tables shortened step by step, and all commands at several widths."""

from __future__ import annotations

import doctest
import os
import pty
import struct
import subprocess
import sys
import termios
from fcntl import ioctl
from pathlib import Path

import pytest
from commands import done, saved
from typer.core import TyperGroup
from typer.main import get_command

from archspec import width
from archspec.cli.app import application
from archspec.width import Column, count, cut, hung, table

LONG = "encoder_with_a_long_name_of_a_block_that_somebody_chose"
NETS = {
    "long": (
        "inputs: {image: [3, 512, 1024]}\n"
        f"blocks:\n  inverted_residual_with_squeeze_and_excitation:\n    graph:\n"
        "      depthwise_separable_convolution: "
        "{op: conv2d, channels: 64, kernel: 3, padding: 1}\n"
        "graph:\n"
        f"  {LONG}: {{block: inverted_residual_with_squeeze_and_excitation, repeat: 3}}\n"
        "  head: {op: conv2d, channels: 8, kernel: 1}\n"
    ),
    "inputs": (
        "inputs: {"
        + ", ".join(f"camera_{n}: [3, 64, 64]" for n in range(12))
        + "}\ngraph:\n  sum: {op: concat, from: ["
        + ", ".join(f"camera_{n}" for n in range(12))
        + "]}\n  conv: {op: conv2d, channels: 8, kernel: 3}\n"
        "taps: {" + ", ".join(f"feature_{n}: conv" for n in range(9)) + "}\n"
    ),
    "deep": (
        "inputs: {x: [123456, 1, 1]}\ngraph:\n  stage: {graph: {layer: {graph: "
        "{block: {graph: {branch: {graph: {conv: {op: conv2d, channels: 123457, "
        "kernel: 1}}}}}}}}}\n"
    ),
}
TABLES = {
    "list": ["list"],
    "family": ["list", "--family", "resnetd"],
    "fpn": ["show", "fpn_resnet50", "--depth", "9"],
    "resnet": ["show", "keras_resnet152v2", "--depth", "9"],
    **{name: ["show", f"{name}.yaml", "--depth", "9"] for name in NETS},
    "ops": ["ops"],
    "codes": ["explain"],
    "inspect": ["weights", "inspect", "small.safetensors"],
    "published": ["weights", "published"],
}


@pytest.fixture(scope="module")
def nets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("nets")
    for name, text in NETS.items():
        head = f"archspec: 1\nname: {name}\n"
        (folder / f"{name}.yaml").write_text(head + text)
    before = Path.cwd()
    os.chdir(folder)
    saved()
    os.chdir(before)
    return folder


def is_prose(line: str) -> bool:
    """A line `key: text` or a sentence below a table: whole where nobody reads."""
    return ": " in line or line.startswith("      ")


def too_long(text: str, columns: int) -> list[str]:
    """Rows of tables that have no room, though their first names are not to blame."""
    return [
        line
        for line in text.splitlines()
        if len(line) > columns and not is_prose(line) and LONG not in line
    ]


@pytest.mark.parametrize("columns", [60, 80, 120])
@pytest.mark.parametrize("arguments", TABLES.values(), ids=TABLES)
def test_tables_fit(
    arguments: list[str], columns: int, nets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(nets)
    monkeypatch.setenv("COLUMNS", str(columns))
    assert not too_long(done(*arguments), columns)


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_helps_fit(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    whole = get_command(application())
    assert isinstance(whole, TyperGroup)
    weights = whole.commands["weights"]
    assert isinstance(weights, TyperGroup)
    context = whole.make_context("archspec", ["list"])
    helps = [
        command.make_context(
            name, [], parent=context, resilient_parsing=True
        ).get_help()
        for name, command in [*whole.commands.items(), *weights.commands.items()]
    ]
    lengths = [len(line) for text in helps for line in text.splitlines()]
    assert columns - 20 < max(lengths) <= columns


def test_a_pipe_has_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    assert width.room() == width.PIPE and width.read_by_a_person() is None
    assert not too_long(done("list"), 80)


def seen(columns: int, *arguments: str) -> str:
    """What a command writes on a terminal of so many columns."""
    ours, theirs = pty.openpty()
    ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    environment = {k: v for k, v in os.environ.items() if k != "COLUMNS"}
    with subprocess.Popen(
        [sys.executable, "-m", "archspec", *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment,
    ) as process:
        os.close(theirs)
        parts = []
        while True:
            try:
                parts.append(os.read(ours, 2**16))
            except OSError:  # Linux says so that the other side is closed
                break
            if not parts[-1]:
                break
    os.close(ours)
    assert process.returncode == 0
    return b"".join(parts).decode()


def test_a_terminal(nets: Path) -> None:
    """Its width is used; texts go on in the next line, and what has no room is said."""
    narrow = seen(60, "show", str(nets / "inputs.yaml"))
    assert max(map(len, narrow.splitlines())) <= 60
    assert "\r\n  " in narrow and "feature_8" in narrow
    assert "no room for: what" not in narrow and "no room for: " in narrow
    wide = seen(150, "show", "resnet50")
    assert "118,013,952" in wide and "no room" not in wide


ROWS = [
    ("conv", "conv2d", "64 x 112 x 112", "118,013,952", "pads by one"),
    (LONG, "relu", "64 x 112 x 112", "", ""),
]
COLUMNS = (
    Column("layer"),
    Column("what", rank=1),
    Column("output", short=width.shape),
    Column("MACs", right=True, short=count),
    Column("note", rank=2, least=6),
)


@pytest.mark.parametrize(
    ("room", "row", "left_out"),
    [
        (None, "conv  conv2d  64 x 112 x 112  118,013,952  pads by one", []),
        (60, "conv  conv2d  64 x 112 x 112  118,013,952  pads by one", []),
        (53, "conv  conv2d  64x112x112  118,013,952  pads by one", []),
        (46, "conv  conv2d  64x112x112  118M  pads by one", []),
        (40, "conv  conv2d  64x112x112  118M  pads...", []),
        (36, "conv  conv2d  64x112x112  118M", ["note"]),
        (28, "conv  64x112x112  118M", ["what", "note"]),
        (9, "conv  64x112x112  118M", ["what", "note"]),
    ],
)
def test_steps(room: int | None, row: str, left_out: list[str]) -> None:
    made = table(COLUMNS, ROWS[:1], room)
    assert made.lines[1].split() == row.split()
    assert made.left_out == left_out
    if room and room > 20:
        assert all(len(line) <= room for line in made.lines)


def test_a_long_name_is_whole_and_moves_no_other_row() -> None:
    made = table(COLUMNS, ROWS, 60)
    assert made.left_out == ["what", "note"]
    heading, conv, long = made.lines
    assert long == f"{LONG}  64x112x112"
    assert len(conv) <= 60 and heading.index("output") == conv.index("64x")


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("", ""),
        ("0", "0"),
        ("9,999", "9999"),
        ("10,000", "10.0K"),
        ("25,557,032", "25.6M"),
        ("999,499", "999K"),
        ("999,500", "1.00M"),
        ("9,995,000", "10.0M"),
        ("99,950,000", "100M"),
        ("4,089,184,256", "4.09G"),
        ("1" + ",000" * 7, "1000E"),
    ],
)
def test_counts(text: str, short: str) -> None:
    assert count(text) == short


def test_texts() -> None:
    assert cut("a text, that is long", 10) == "a text..."
    assert cut("short", 5) == "short"
    assert hung("a b", None) == ["a b"]
    assert hung("outputs: aaaa bbbb-cccc", 14) == ["outputs: aaaa", "  bbbb-cccc"]


def test_the_example() -> None:
    found = doctest.testmod(width)
    assert found.attempted and not found.failed
