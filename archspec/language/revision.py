"""Files of a git repository as they were: `REV:path`, as `git show` takes it.

What such a spec extends is read at the same revision, and so is the zoo where it is
part of the repository.
"""

from __future__ import annotations

import os
import posixpath
import subprocess
from pathlib import Path, PurePosixPath

from archspec import catalog
from archspec.errors import Location, SpecError, nearest
from archspec.language.files import Files
from archspec.language.reader import Map, parse
from archspec.language.syntax import Unit
from archspec.limits import Limits

YAML = (".yaml", ".yml")


class Revision(Files):
    """The files of one compilation, at a revision.

    Args:
        revision: what git knows: `HEAD~1`, a branch, a tag, a hash; "" for the index.
    """

    def __init__(self, revision: str, bounds: Limits | None = None) -> None:
        super().__init__(bounds)
        self.revision = revision
        if revision.startswith("-"):  # It would be an option.
            raise _error(f"{revision!r} is no revision")
        self.top = Path(_git("rev-parse", "--show-toplevel").decode().rstrip("\n"))
        self.prefix = _git("rev-parse", "--show-prefix").decode().rstrip("\n")
        if revision:
            _git(
                "rev-parse",
                "--verify",
                "--quiet",
                f"{revision}^{{tree}}",
                told=revision,
            )
        self.inside = ""
        self.zoo = self._zoo()

    def open(self, spec: str | os.PathLike[str]) -> Unit:
        """The file of a path in the repository; `./` begins one from here."""
        path = os.fspath(spec)
        if path.startswith(("./", "../")):
            path = posixpath.normpath(posixpath.join(self.prefix, path))
        path = posixpath.normpath(path)
        if path.startswith(("/", "../")) or not path.endswith(YAML):
            told = f"{self._named(path)} is no path of a .yaml file in the repository"
            raise SpecError(told, code="AS101", hint="git's paths begin at its top")
        self.inside = posixpath.dirname(path)
        return self._merged(Path(self._named(path)))

    def _named(self, path: str) -> str:
        return f"{self.revision}:{path}"

    def _path(self, named: str) -> str | None:
        """The path in the repository, of a file at the revision."""
        lead = self._named("")
        return named[len(lead) :] if named.startswith(lead) else None

    def _zoo(self) -> str | None:
        """Where the zoo is in the repository, if it was there at the revision."""
        root = catalog.root().resolve()
        if not root.is_relative_to(self.top.resolve()):
            return None
        path = root.relative_to(self.top.resolve()).as_posix()
        found = self._listed(path)
        return path if found and found[0] == "tree" else None

    def _listed(self, path: str) -> tuple[str, int] | None:
        """What git has under a path, `blob` or `tree`, and its size in bytes."""
        asked = f"{self._named(path)}\n".encode("utf-8", "surrogateescape")
        if "\n" in path:
            return None
        told = _git("cat-file", "--batch-check", given=asked).decode().split()
        return (told[1], int(told[2])) if len(told) == 3 else None

    def _resolve(self, name: str, at: Location) -> Path:
        here = self._path(at.file)
        if here is None:  # A file of the zoo that is no part of the repository.
            return super()._resolve(name, at)
        if not name.endswith(YAML):
            if self.zoo is None:
                return super()._resolve(name, at)
            path = f"{self.zoo}/{name}.yaml"
            if posixpath.normpath(path) == path and self._listed(path):
                return Path(self._named(path))
            told = f"{name!r} was no net of the zoo at {self.revision or 'the index'}"
            hint = nearest(name, (*catalog.names(), *catalog.families()))
            raise SpecError(told, code="AS101", at=at, hint=hint)
        inside = self.inside
        if self.zoo is not None and PurePosixPath(here).is_relative_to(self.zoo):
            inside = self.zoo
        path = posixpath.normpath(posixpath.join(posixpath.dirname(here), name))
        within = PurePosixPath(path).is_relative_to(inside or ".")
        if path.startswith(("/", "..")) or "\0" in name or not within:
            told = f"{name!r} lies outside the folder of the spec"
            raise SpecError(told, code="AS110", at=at)
        return Path(self._named(path))

    def _raw(self, path: Path) -> Map:
        inside = self._path(str(path))
        if inside is None:
            return super()._raw(path)
        found = self._listed(inside)
        if found is None or found[0] != "blob":
            there = "it is a folder there" if found else "git has no such file"
            hint = None
            if self.prefix and self._listed(self.prefix + inside):
                hint = f"from here it is {self._named('./' + inside)}"
            raise SpecError(f"{path} can't be read: {there}", code="AS101", hint=hint)
        self._count(path, found[1])
        name = self._named(inside)
        data = _git("cat-file", "blob", name)
        self.texts[name] = data
        return parse(data, name, self.limits)


def split(text: str) -> tuple[str, str] | None:
    """`REV:path` as both; None where it is none. `HEAD^{/a: b}` is a revision, too."""
    depth = 0
    for place, sign in enumerate(text):
        depth += (sign == "{") - (sign == "}")
        if sign == ":" and not depth:
            return text[:place], text[place + 1 :]
    return None


def _git(*arguments: str, given: bytes = b"", told: str = "") -> bytes:
    """What git prints; SpecError with what it says otherwise."""
    try:
        run = subprocess.run(
            ["git", *arguments],
            input=given,
            capture_output=True,
            check=False,
            env={**os.environ, "LC_ALL": "C", "GIT_NO_LAZY_FETCH": "1"},
        )
    except (OSError, ValueError) as error:
        raise _error(f"git can't be run: {error}") from None
    if run.returncode:
        said = run.stderr.decode("utf-8", "replace").strip().splitlines()
        reason = said[0].removeprefix("fatal: ") if said else f"git knows no {told!r}"
        raise _error(reason)
    return run.stdout


def _error(message: str) -> SpecError:
    hint = "REV:path is what `git show` takes; a file or a net of the zoo needs no git"
    return SpecError(message, code="AS112", hint=hint)
