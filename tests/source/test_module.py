"""archspec.source.module: a printed file from its parts."""

from __future__ import annotations

import pytest

from archspec.errors import BackendError
from archspec.source.module import (
    definitions,
    import_lines,
    module,
    needed,
    read_in,
)
from archspec.source.project import seal, untouched

IMPORTS = {
    "Tensor": "from torch import Tensor",
    "nn": "from torch import nn",
    "torch": "import torch",
    "F": "from torch.nn import functional as F",
    "partial": "from functools import partial",
    "Callable": "from collections.abc import Callable",
    "jnp": "import jax.numpy as jnp",
    "sys": "import sys",
}
HELPERS = {
    "Scale": "class Scale(nn.Module):\n    pass",
    "pad": "def pad(x):\n    return F.pad(x, sides(x))",
    "sides": "def sides(x):\n    return x",
}


@pytest.mark.parametrize(
    ("read", "text"),
    [
        ("nn", "from torch import nn"),
        ("nn Tensor", "from torch import Tensor, nn"),
        ("torch nn", "import torch\nfrom torch import nn"),
        ("F nn", "from torch import nn\nfrom torch.nn import functional as F"),
        ("partial nn", "from functools import partial\n\nfrom torch import nn"),
        (
            "sys Callable partial jnp torch F",
            "import sys\nfrom collections.abc import Callable\n"
            "from functools import partial\n\nimport jax.numpy as jnp\nimport torch\n"
            "from torch.nn import functional as F",
        ),
        ("x y z", ""),
    ],
)
def test_imports(read: str, text: str) -> None:
    assert import_lines(set(read.split()), IMPORTS) == text


def test_an_import_of_more_than_a_line() -> None:
    names = [f"{letter * 20}_{number}" for number, letter in enumerate("abcd", 1)]
    imports = {name: f"from pkg import {name}" for name in names}
    wanted = ["from pkg import (", *(f"    {name}," for name in names), ")"]
    assert import_lines({*names}, imports).splitlines() == wanted
    text = f"from pkg import {', '.join(names[:3])}"
    assert len(text) <= 88 and import_lines({*names[:3]}, imports) == text


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("x = y", "y"),
        ("x = 1\nz = x", "x"),
        ("def f(a: T = d) -> R:\n    b = a\n    return b + c", "T d R c"),
        ("class A(nn.Module):\n    def f(self):\n        return self.x.y", "nn"),
        ("v = [a for a in b]", "b"),
        ("x = s.join('t')", "s"),
    ],
)
def test_names_that_code_reads(code: str, names: str) -> None:
    assert read_in(code) == set(names.split())


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("x = nn.ReLU()", []),
        ("x = pad(1)", ["pad", "sides"]),
        ("x = pad(Scale(1))", ["Scale", "pad", "sides"]),
        ("def f(pad, Scale):\n    return pad(Scale)", []),
    ],
)
def test_helpers_bring_what_they_read(code: str, names: list[str]) -> None:
    assert needed(code, HELPERS) == names


def test_a_module() -> None:
    text = module(
        ["A net.", "", "More."],
        ["", "NUMBER = 3", "x = pad(NUMBER)"],
        IMPORTS,
        HELPERS,
        "0" * 64,
        ["# mypy: strict"],
    )
    lines = text.splitlines()
    sealed = lines.pop(5)
    assert sealed == seal("0" * 64, text)
    assert lines == [
        '"""A net.',
        "",
        "More.",
        '"""',
        "",
        "# mypy: strict",
        "",
        "from torch.nn import functional as F",
        "",
        "",
        "def pad(x):",
        "    return F.pad(x, sides(x))",
        "",
        "",
        "def sides(x):",
        "    return x",
        "",
        "",
        "NUMBER = 3",
        "",
        "",
        "x = pad(NUMBER)",
    ]
    assert text.endswith("(NUMBER)\n")
    assert untouched(text)


def test_a_module_without_imports() -> None:
    text = module(["A net."], ["x = 1"], IMPORTS, HELPERS, "0" * 64)
    assert text.splitlines()[4:] == ["", "", "x = 1"]


@pytest.mark.parametrize(
    "code", ["def f(x):\n    return [x for _ in range(i)]", "x = f'{i}'", "x: i = 1"]
)
def test_a_name_that_nothing_defines(code: str) -> None:
    with pytest.raises(BackendError) as caught:
        module(["A net."], [code], IMPORTS, HELPERS, "0" * 64)
    assert caught.value.code == "AS506" and "'i'" in caught.value.message
    module(["A net."], [f"i = 2\n{code}"], IMPORTS, HELPERS, "0" * 64)


@pytest.mark.parametrize("package", ["archspec_torch", "archspec_keras"])
def test_definitions_of_a_package(package: str) -> None:
    """Each is found under its name, and all of them are the file."""
    found = definitions(package)
    assert found and "" not in found
    for name, text in found.items():
        assert f"class {name}" in text or f"def {name}(" in text or f"{name} = " in text
        assert set(found) - {name} or text
    assert definitions(package) is found
