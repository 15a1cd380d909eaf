"""The commands that read specs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from commands import command, done, refused
from typer.testing import CliRunner

import archspec
from archspec import table
from archspec.authoring import reference, resolved
from archspec.backend import backends
from archspec.cli.app import application
from archspec.ops import BY_KIND

HEAD = "archspec: 1\nname: net\ninputs: {image: [3, 8, 8]}\n"


WIDE = (
    f"{HEAD}params: {{width: 4}}\ngraph:\n"
    "  conv: {op: conv2d, channels: =width, kernel: 1}\n"
    "  body: {graph: {act: relu}}\n"
    "expect: {params: 16, macs: 768}\n"
)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("net.yaml").write_text(WIDE)
    Path("other.yaml").write_text(WIDE.replace("params: 16", "params: 17"))
    Path("bad.yaml").write_text(WIDE.replace("relu", "rellu"))


@pytest.mark.usefixtures("here")
class TestValidate:
    def test_a_spec(self) -> None:
        assert done("validate", "net.yaml") == "net.yaml: ok, 16 params, 768 MACs\n"

    def test_other_params_and_sizes(self) -> None:
        assert done("validate", "net.yaml", "--set", "width=8") == (
            "net.yaml: ok, 32 params, 1,536 MACs, expect skipped\n"
        )
        assert done("validate", "net.yaml", "--input-size", "4x2") == (
            "net.yaml: ok, 16 params, 96 MACs, expect skipped\n"
        )

    def test_several(self) -> None:
        """All are read, whichever is wrong."""
        result = command("validate", "bad.yaml", "none.yaml", "other.yaml", "net.yaml")
        assert result.exit_code == 1
        assert result.stdout == "net.yaml: ok, 16 params, 768 MACs\n"
        for text in ("did you mean 'relu'", "none.yaml", "expected params 17, the net"):
            assert text in result.stderr

    def test_for_machines(self) -> None:
        assert json.loads(done("validate", "net.yaml", "--json")) == []
        result = command("validate", "bad.yaml", "other.yaml", "net.yaml", "--json")
        assert result.exit_code == 1 and result.stderr == ""
        assert [(f["file"], f["code"]) for f in json.loads(result.stdout)] == [
            ("bad.yaml", "AS205"),
            ("other.yaml", "AS410"),
        ]


@pytest.mark.usefixtures("here")
class TestManyFiles:
    def test_a_folder(self) -> None:
        Path("more/deep/.cache").mkdir(parents=True)
        Path("net.yaml").rename("more/deep/net.yml")
        Path("bad.yaml").rename("more/deep/.cache/bad.yaml")
        Path("more/notes.txt").touch()
        assert (
            done("validate", "more") == "more/deep/net.yml: ok, 16 params, 768 MACs\n"
        )
        Path("none").mkdir()
        assert "no .yaml file is in the folder 'none'" in refused("validate", "none")

    def test_standard_input(self) -> None:
        run = CliRunner().invoke
        result = run(application(), ["validate", "-"], input=WIDE)
        assert result.stdout == "<stdin>: ok, 16 params, 768 MACs\n"
        wrong = WIDE.replace("relu", "rellu")
        result = run(application(), ["validate", "-"], input=wrong)
        assert result.exit_code == 1 and ":7:23: error: " in result.stderr

    def test_how_many_are_wrong(self) -> None:
        result = command("validate", "bad.yaml", "none.yaml", "other.yaml", "net.yaml")
        assert result.stderr.endswith("\nFound 3 errors in 3 files\n")
        assert "Found" not in command("validate", "net.yaml").stderr

    def test_formats(self) -> None:
        result = command("validate", "bad.yaml", "--format", "github")
        assert (result.exit_code, result.stderr) == (1, "")
        assert result.stdout.startswith("::error file=bad.yaml,line=7,col=23,")
        assert done("validate", "net.yaml", "--format", "json") == "[]\n"
        assert command("validate", "net.yaml", "--format", "xml").exit_code == 2

    def test_a_net_of_the_zoo_by_a_path(self) -> None:
        found = refused("validate", "specs/resnet34.yaml")
        assert "hint: 'resnet34' is in the zoo, by its name alone" in found
        assert "zoo" not in refused("validate", "specs/mine.yaml")


@pytest.mark.usefixtures("here")
class TestShow:
    def test_each_form(self) -> None:
        graph = archspec.load("net.yaml").graph
        assert done("show", "net.yaml") == table.render(graph, 2)
        assert done("show", "net.yaml", "--depth", 1) == table.render(graph, 1)
        assert done("show", "net.yaml", "--graph") == table.edges(graph)
        rows = "\n".join(table.params(graph, 80).lines)
        assert done("show", "net.yaml", "--params") == f"{rows}\n"
        assert done("show", "net.yaml", "--resolved") == resolved.render(graph)
        assert json.loads(done("show", "net.yaml", "--json")) == table.data(graph)

    def test_what_a_net_is_made_of_for_machines(self) -> None:
        shown = json.loads(done("show", "resnet18", "--json"))
        spec = archspec.load("resnet18")
        assert shown["fingerprint"] == spec.fingerprint
        assert shown["params"]["depths"] == [2, 2, 2, 2]
        assert shown["arguments"] == ["num_classes", "in_channels"]
        assert shown["preprocessing"]["mean"] == [0.485, 0.456, 0.406]
        attributes = shown["nodes"][0]["attributes"]
        assert (attributes["kernel"], attributes["bias"]) == (7, False)

    def test_other_params_and_sizes(self) -> None:
        graph = archspec.load("net.yaml", width=8, size=(4, 2)).graph
        given = ("--set", "width=8", "--input-size", "4x2")
        assert done("show", "net.yaml", *given) == table.render(graph, 2)

    def test_what_is_wrong(self) -> None:
        result = command("show", "bad.yaml")
        assert result.exit_code == 1 and not result.stdout
        assert "bad.yaml:7:" in result.stderr
        assert command("show", "net.yaml", "--depth", 0).exit_code == 2


def test_all_ops() -> None:
    assert done("ops") == reference.listing(80)
    assert all(kind in done("ops") for kind in BY_KIND)
    assert "did you mean 'relu'" in refused("ops", "rellu")


def test_warnings_are_errors_if_asked(tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    path.write_text(f"{HEAD}params: {{width: 3}}\ngraph: [relu]\n")
    run = CliRunner().invoke
    found = run(application(), ["validate", str(path)])
    assert found.exit_code == 0
    assert "warning: no formula reads the param 'width' [AS701]" in found.stderr
    assert run(application(), ["validate", "--strict", str(path)]).exit_code == 1
    facts = json.loads(run(application(), ["validate", "--json", str(path)]).stdout)
    assert [fact["severity"] for fact in facts] == ["warning"]


@pytest.mark.parametrize("kind", BY_KIND)
def test_an_ops_page(kind: str) -> None:
    result = CliRunner().invoke(application(), ["ops", kind])
    assert result.exit_code == 0
    for name in backends():
        shown = result.stdout.partition(f"in {name}:\n")[2]
        assert shown.startswith("    ")
    for name in BY_KIND[kind].model_fields:
        assert f"\n  {name}: " in result.stdout


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("net.json", "there is such a file, but the name of a spec ends in .yaml"),
        ("net", "there is such a file, but the name of a spec ends in .yaml"),
        ("net.pth", "a weight file is shown by `archspec weights inspect net.pth`"),
        ("folder", "it is a folder: name a file in it"),
        ("x" * 5000, "`archspec list` names the nets"),
        ("resnet19", "did you mean 'resnet18'?"),
    ],
)
@pytest.mark.usefixtures("here")
def test_what_is_there_and_is_no_spec(name: str, told: str) -> None:
    for made in ("net.json", "net", "net.pth"):
        Path(made).write_text(WIDE)
    Path("folder").mkdir()
    assert f"hint: {told}" in refused("show", name)
