"""`archspec diff` as a user meets it."""

from __future__ import annotations

import html
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from commands import command, done, refused
from markdown_it import MarkdownIt

import archspec

MANY = re.DOTALL | re.MULTILINE
NET = """archspec: 1
name: net
params: {width: 4}
inputs: {image: [3, 8, 8]}
graph:
  conv: {op: conv2d, channels: =width, kernel: 3}
  relu: relu
  pool: global_avg_pool2d
"""
BASE = "archspec: 1\nname: top\nextends: net.yaml\n"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("net.yaml").write_text(NET)
    return tmp_path


@pytest.fixture
def repository(here: Path) -> Path:
    """A repository with two states of a net, and of one that extends it."""
    git("init", "-q", "-b", "main")
    Path("nets").mkdir()
    Path("net.yaml").unlink()
    Path("nets/net.yaml").write_text(NET)
    Path("nets/top.yaml").write_text(BASE)
    git("add", ".")
    git("commit", "-qm", "first")
    Path("nets/net.yaml").write_text(NET.replace("width: 4", "width: 8"))
    return here


def git(*arguments: str) -> str:
    """What git prints."""
    who = ("-c", "user.name=a", "-c", "user.email=a@b.example")
    run = subprocess.run(
        ["git", *who, *arguments], check=True, capture_output=True, text=True
    )
    return run.stdout


@pytest.mark.usefixtures("here")
class TestSides:
    def test_a_file_and_a_net_of_the_zoo(self) -> None:
        told = done("diff", "net.yaml", "resnet18")
        assert told.startswith("net.yaml -> resnet18\nanother function: ")

    def test_params_go_where_they_are(self) -> None:
        told = done("diff", "net.yaml", "resnet18", "--set", "width=5")
        assert "channels 5 -> 64" in told
        message = refused("diff", "net.yaml", "resnet18", "--set", "wdth=5")
        assert "'wdth'" in message and "did you mean 'width'" in message

    def test_another_size(self) -> None:
        told = done("diff", "net.yaml", "net.yaml", "--input-size", "16")
        assert told == "net.yaml -> net.yaml\nequal: no difference\n"

    @pytest.mark.parametrize("name", ["no.yaml", "resnet19", "\0.yaml", "a\0:b.yaml"])
    def test_what_isnt_there(self, name: str) -> None:
        refused("diff", name, "net.yaml")
        refused("diff", "net.yaml", name)

    def test_a_wrong_spec_has_its_place(self) -> None:
        Path("bad.yaml").write_text(NET.replace("relu: relu", "relu: rellu"))
        assert "bad.yaml:7:9" in command("diff", "net.yaml", "bad.yaml").stderr

    def test_outside_of_a_repository(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(Path.cwd().parent))
        message = refused("diff", "HEAD:net.yaml", "net.yaml")
        assert "not a git repository" in message and "[AS112]" in message

    def test_a_file_of_such_a_name(self) -> None:
        """What is there is read, whatever git would say."""
        Path("HEAD:net.yaml").write_text(NET)
        assert "equal: no difference" in done("diff", "HEAD:net.yaml", "net.yaml")


@pytest.mark.usefixtures("repository")
class TestRevisions:
    def test_a_file_before(self) -> None:
        told = done("diff", "HEAD:nets/net.yaml", "nets/net.yaml")
        assert told.startswith("HEAD:nets/net.yaml -> nets/net.yaml\n")
        assert "~ params: width 4 -> 8" in told

    def test_what_it_extends_is_of_then(self) -> None:
        told = done("diff", "HEAD:nets/top.yaml", "nets/top.yaml")
        assert "~ params: width 4 -> 8" in told

    def test_the_index(self) -> None:
        git("add", ".")
        told = done("diff", "HEAD:nets/net.yaml", ":nets/net.yaml")
        assert "~ params: width 4 -> 8" in told

    def test_from_a_folder_inside(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir("nets")
        assert "width 4 -> 8" in done("diff", "HEAD:./net.yaml", "net.yaml")
        message = refused("diff", "HEAD:net.yaml", "net.yaml")
        assert "git has no such file" in message
        assert "from here it is HEAD:./net.yaml" in message

    @pytest.mark.parametrize(
        ("name", "code", "said"),
        [
            ("nowhere:nets/net.yaml", "AS112", "git knows no 'nowhere'"),
            ("--help:nets/net.yaml", "AS112", "'--help' is no revision"),
            ("HEAD:nets/none.yaml", "AS101", "git has no such file"),
            ("HEAD:nets", "AS101", "is no path of a .yaml file"),
            ("HEAD:../net.yaml", "AS101", "is no path of a .yaml file"),
            ("HEAD:/etc/net.yaml", "AS101", "is no path of a .yaml file"),
            ("HEAD:nets/\nnet.yaml", "AS101", "git has no such file"),
        ],
    )
    def test_what_git_hasnt(self, name: str, code: str, said: str) -> None:
        message = refused("diff", "--", name, "nets/net.yaml")
        assert said in message and f"[{code}]" in message

    @pytest.mark.parametrize(
        ("base", "said"),
        [
            ("../other.yaml", "lies outside the folder of the spec"),
            ("/etc/other.yaml", "lies outside the folder of the spec"),
            ("later.yaml", "git has no such file"),
            ("resnet19", "did you mean"),
        ],
    )
    def test_a_base_that_wasnt_there(self, base: str, said: str) -> None:
        Path("nets/top.yaml").write_text(BASE.replace("net.yaml", base))
        git("commit", "-qam", "second")
        Path("nets/later.yaml").write_text(NET)
        Path("other.yaml").write_text(NET)
        message = command("diff", "HEAD:nets/top.yaml", "nets/net.yaml").stderr
        assert said in message
        assert "HEAD:nets/top.yaml:3:" in message

    def test_a_mistake_of_then_has_its_line(self) -> None:
        Path("nets/net.yaml").write_text(NET.replace("relu: relu", "relu: rellu"))
        git("commit", "-qam", "second")
        message = command("diff", "HEAD:nets/net.yaml", "HEAD~1:nets/net.yaml").stderr
        assert "HEAD:nets/net.yaml:7:9: error" in message and "relu: rellu" in message

    def test_a_file_that_is_too_large(self) -> None:
        Path("nets/net.yaml").write_text(NET + "#" * 2**20)
        git("commit", "-qam", "second")
        message = command("diff", "HEAD:nets/net.yaml", "HEAD~1:nets/net.yaml").stderr
        assert "[AS120]" in message

    def test_without_git(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", "/nowhere")
        assert "git can't be run" in refused("diff", "HEAD:nets/net.yaml", "resnet18")

    def test_what_build_cant_read_is_no_command(self) -> None:
        done("weights", "init", "nets/net.yaml", "-o", "a.safetensors")
        given = ("--weights", "a.safetensors")
        told = done("diff", "nets/net.yaml", "HEAD:nets/net.yaml", *given)
        assert "they fill" in told and "to build it" not in told


GUIDE = Path(archspec.__file__).parent.parent / "docs" / "howto" / "diff.md"


@pytest.mark.usefixtures("repository")
class TestGit:
    """What the guide sets up, run by git itself."""

    @pytest.fixture(autouse=True)
    def commands(self, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """git as the guide has it set up, `archspec`, and a `gh` that prints."""
        folder = repository / ".bin"
        folder.mkdir()
        for name, text in (
            ("archspec", f'exec "{sys.executable}" -m archspec "$@"'),
            ("gh", 'echo "$@"; cat all.md'),
        ):
            (folder / name).write_text(f"#!/bin/sh\n{text}\n")
            (folder / name).chmod(0o755)
        told = re.findall(r'^```ini title="\.gitconfig"\n(.*?)^```', read(GUIDE), MANY)
        assert len(told) == 2
        (folder / "config").write_text("".join(told))
        monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(folder / "config"))
        monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))

    def test_difftool(self) -> None:
        told = git(
            "difftool", "--tool", "archspec", "--no-prompt", "--", "nets/net.yaml"
        )
        assert "~ params: width 4 -> 8" in told

    def test_textconv(self) -> None:
        Path(".gitattributes").write_text("nets/*.yaml diff=archspec\n")
        Path("nets/net.yaml").write_text(NET.replace("relu: relu", "relu: silu"))
        told = git("diff", "nets/net.yaml").splitlines()
        assert "-relu <- conv  (relu)" in told and "+relu <- conv  (silu)" in told

    def test_a_pull_request(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Both nets are told: the one that changed and the one that extends it."""
        (steps,) = re.findall(
            r"^```yaml title=\"\.github\S+\n(.*?)^```", read(GUIDE), MANY
        )
        script = yaml.safe_load(steps)["jobs"]["diff"]["steps"][-1]["run"]
        git("update-ref", "refs/remotes/origin/main", "HEAD")
        git("commit", "-qam", "second")
        Path("nets/new.yaml").write_text(NET)
        monkeypatch.setenv("GITHUB_BASE_REF", "main")
        monkeypatch.setenv("NUMBER", "7")
        run = subprocess.run(
            ["bash", "-eo", "pipefail", "-c", script], capture_output=True, text=True
        )
        assert run.returncode == 0, run.stderr
        assert run.stdout.startswith("pr comment 7 --body-file all.md")
        assert run.stdout.count("width 4 -> 8") == 2 and "new.yaml" not in run.stdout


def read(path: Path) -> str:
    return path.read_text()


@pytest.mark.usefixtures("here")
class TestOutput:
    def test_exit_codes(self) -> None:
        """0 where function and names are the same, whatever is written otherwise."""
        for edit, code in (
            (("relu: relu", "act: relu"), 0),
            (("kernel: 3", "kernel: [3, 3]"), 0),
            (("conv:", "first:"), 1),
            (("relu: relu", "relu: tanh"), 1),
        ):
            Path("other.yaml").write_text(NET.replace(*edit))
            for given, expected in (((), 0), (("--exit-code",), code)):
                result = command("diff", "net.yaml", "other.yaml", *given)
                assert result.exit_code == expected, edit

    def test_for_machines(self) -> None:
        found = json.loads(done("diff", "net.yaml", "net.yaml", "--json"))
        assert found["archspec_diff"] == 1
        assert (found["answer"], found["changes"], found["rename"]) == ("equal", [], {})
        assert found["a"]["fingerprint"] == found["b"]["fingerprint"]

    def test_for_a_review(self) -> None:
        told = done("diff", "resnet18", "resnet34", "--markdown")
        lines = told.splitlines()
        assert lines[0].startswith("**resnet18 -> resnet34**: another function: ")
        assert "| parameters | 11,689,512 | 21,797,672 | +86.5 % |" in lines
        assert "| `+` | layer2 | 2 -> 4 basic_block |" in lines

    @pytest.mark.parametrize(
        "told",
        [
            "<script>alert(1)</script>",
            "a | b",
            "https://e.example",
            "@someone",
            "`rm`",
            "[x](http://e.vil)",
            "*b*",
        ],
    )
    def test_texts_of_a_spec_are_no_marks(self, told: str) -> None:
        """A param may hold any text; in Markdown it is none but that text."""
        self.modes("plain", told)
        page = (
            MarkdownIt("commonmark")
            .enable(["table", "strikethrough"])
            .render(done("diff", "net.yaml", "other.yaml", "--markdown"))
        )
        people = "@" in told or "#" in told
        shown = f"mode plain -&gt; {html.escape(told)}"
        assert f"<td>{f'<code>{shown}</code>' if people else shown}</td>" in page
        assert "<a " not in page

    def modes(self, *modes: str) -> None:
        """Two files of a net that differ in a param of any text."""
        for name, mode in zip(("net.yaml", "other.yaml"), modes, strict=True):
            params = f"{{width: 4, mode: {json.dumps(mode)}}}"
            net = NET.replace("{width: 4}", params)
            Path(name).write_text(net.replace("=width", '"=width if mode != 1 else 1"'))

    def test_control_characters_are_escaped(self) -> None:
        self.modes("a", "\x1b[2J\a")
        for given in ((), ("--markdown",), ("--json",)):
            told = done("diff", "net.yaml", "other.yaml", *given)
            assert told.replace("\n", "").isprintable()
