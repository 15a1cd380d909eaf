"""The schema for editors: current, and as strict as the language."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from bad_specs import cases, prelude
from typer.testing import CliRunner

from archspec.authoring.schema import BLOCK, EXPECT, FILE, NODE, WEIGHTS, schema
from archspec.catalog import root
from archspec.cli.app import application
from archspec.language.reader import parse
from archspec.language.syntax import (
    BlockKeys,
    ExpectKeys,
    FileKeys,
    NodeKeys,
    WeightsKeys,
)

HERE = Path(__file__).parents[2]
GUIDE = (HERE / "docs" / "language.md").read_text()
LISTINGS = re.findall(r'```yaml(?: title="(\S+)")?\n(.*?)```', GUIDE, re.DOTALL)


def test_the_committed_schema_is_current() -> None:
    text = (HERE / "docs" / "archspec.schema.json").read_text()
    assert json.loads(text) == json.loads(json.dumps(schema())), (
        "run: archspec schema -o docs/archspec.schema.json --force"
    )
    assert CliRunner().invoke(application(), ["schema"]).stdout == text


def test_every_key_is_documented() -> None:
    for model, texts in (
        (FileKeys, FILE),
        (BlockKeys, BLOCK),
        (NodeKeys, NODE),
        (ExpectKeys, EXPECT),
        (WeightsKeys, WEIGHTS),
    ):
        names = {f.alias or name for name, f in model.model_fields.items()}
        assert names == set(texts)


VALIDATOR = jsonschema.Draft202012Validator(schema())


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())


@pytest.mark.parametrize(
    "path",
    [*root().rglob("*.yaml"), *(HERE / "examples").rglob("*.yaml")],
    ids=lambda path: path.stem,
)
def test_the_schema_accepts(path: Path) -> None:
    VALIDATOR.validate(parse(path.read_bytes(), path.name))


def test_the_schema_accepts_the_guide() -> None:
    for _, text in LISTINGS:
        VALIDATOR.validate(parse(text, "guide"))


SCHEMA_LEVEL = ("AS201", "AS203", "AS204", "AS205", "AS206", "AS208", "AS210")
REFUSED = [
    case
    for case in cases()
    # What a formula chose, or what stands in a second file, no schema can see.
    if case.expected[0][0] in SCHEMA_LEVEL
    and len(case.files) == 1
    and not re.search(r"a: =act|channels: =8 / 2", case.files["net.yaml"])
]


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.name)
def test_the_schema_refuses(case: Any) -> None:
    text = case.files["net.yaml"]
    value = parse(prelude("net.yaml", text) + text, "net.yaml")
    assert not VALIDATOR.is_valid(value)
