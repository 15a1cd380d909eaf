"""Files are written whole or not at all."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

import numpy as np
import pytest

from archspec.errors import ArchspecError
from archspec.files import (
    leave,
    read_regular,
    scratch,
    temporary,
    write_folder,
    write_together,
    write_whole,
)
from archspec.weights import save


class TestReadRegular:
    @pytest.mark.parametrize("most", [2, 3, 4])
    def test_a_byte_too_many_is_read_too(self, tmp_path: Path, most: int) -> None:
        (tmp_path / "a").write_bytes(b"1234")
        assert read_regular(tmp_path / "a", most) == b"1234"[: most + 1]

    @pytest.mark.parametrize("name", ["pipe", "zero", "."])
    def test_what_is_no_file(self, tmp_path: Path, name: str) -> None:
        os.mkfifo(tmp_path / "pipe")
        (tmp_path / "zero").symlink_to("/dev/zero")
        with pytest.raises(OSError, match="a folder or a device, not a file"):
            read_regular(tmp_path / name, 9)

    def test_a_file_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError):
            read_regular(tmp_path / "a", 9)


class TestWriteWhole:
    def test_text_and_bytes(self, tmp_path: Path) -> None:
        write_whole(tmp_path / "a", "é\r\n")
        write_whole(tmp_path / "a", "é\n")
        write_whole(str(tmp_path / "b"), b"\0\1")
        assert (tmp_path / "a").read_bytes() == b"\xc3\xa9\n"
        assert (tmp_path / "b").read_bytes() == b"\0\1"
        assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]

    def test_a_writer_gets_a_path_with_the_same_suffixes(self, tmp_path: Path) -> None:
        seen: list[Path] = []

        def write(path: Path) -> None:
            seen.append(path)
            path.write_text("x")

        write_whole(tmp_path / "m.weights.h5", write)
        assert seen[0].parent.parent == tmp_path
        assert seen[0].name == "m.weights.h5"
        assert [path.name for path in tmp_path.iterdir()] == ["m.weights.h5"]

    @pytest.mark.parametrize("error", [RuntimeError("x"), KeyboardInterrupt()])
    def test_a_failing_writer_leaves_the_old_file(
        self, tmp_path: Path, error: BaseException
    ) -> None:
        def broken(path: Path) -> None:
            path.write_text("half")
            raise error

        (tmp_path / "a").write_text("old")
        with pytest.raises(type(error)):
            write_whole(tmp_path / "a", broken)
        assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]

    def test_a_full_disk(self, tmp_path: Path) -> None:
        def full(path: Path) -> None:
            path.write_text("half")
            raise OSError(28, "No space left on device")

        with pytest.raises(ArchspecError, match=r"can't write .*No space left"):
            write_whole(tmp_path / "a", full)
        assert list(tmp_path.iterdir()) == []

    def test_a_missing_folder(self, tmp_path: Path) -> None:
        with pytest.raises(
            ArchspecError, match=r"there is no folder .*models.*make it"
        ):
            write_whole(tmp_path / "models" / "a.py", "x")

    def test_a_file_for_a_folder(self, tmp_path: Path) -> None:
        (tmp_path / "a").touch()
        with pytest.raises(ArchspecError, match="there is no folder"):
            write_whole(tmp_path / "a" / "b", "x")

    @pytest.mark.parametrize("place", [".", "/dev/null"])
    def test_folders_and_devices(self, place: str) -> None:
        with pytest.raises(ArchspecError, match="a folder or a device"):
            write_whole(place, "x")

    def test_a_name_too_long(self, tmp_path: Path) -> None:
        with pytest.raises(ArchspecError, match="can't write"):
            write_whole(tmp_path / ("a" * 300), "x")

    def test_modes(self, tmp_path: Path) -> None:
        plain = tmp_path / "plain"
        plain.touch()
        save(tmp_path / "new", {"x": np.zeros(1)}, {})
        assert (tmp_path / "new").stat().st_mode == plain.stat().st_mode
        plain.chmod(0o640)
        save(plain, {"x": np.zeros(1)}, {})
        assert stat.S_IMODE(plain.stat().st_mode) == 0o640

    def test_a_link_stays_a_link(self, tmp_path: Path) -> None:
        (tmp_path / "link").symlink_to(tmp_path / "file")
        write_whole(tmp_path / "link", "x")
        assert (tmp_path / "link").is_symlink()
        assert (tmp_path / "file").read_text() == "x"


class TestTogether:
    def test_all(self, tmp_path: Path) -> None:
        (tmp_path / "a").write_text("old")
        write_together({tmp_path / "a": "x", str(tmp_path / "b"): b"y"})
        found = {path.name: path.read_text() for path in tmp_path.iterdir()}
        assert found == {"a": "x", "b": "y"}

    def test_none_where_one_fails(self, tmp_path: Path) -> None:
        def broken(path: Path) -> None:
            raise OSError(28, "No space left on device")

        (tmp_path / "a").write_text("old")
        with pytest.raises(ArchspecError, match=r"can't write '.*/c': No space left"):
            write_together(
                {tmp_path / "a": "x", tmp_path / "b": "y", tmp_path / "c": broken}
            )
        assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
            "a": "old"
        }

    def test_none_where_the_last_can_not_be_put_in_its_place(
        self, tmp_path: Path
    ) -> None:
        def taken(path: Path) -> None:
            path.write_text("y")
            (tmp_path / "b").mkdir()  # by somebody else, meanwhile
            (tmp_path / "b" / "more").touch()

        with pytest.raises(ArchspecError):
            write_together({tmp_path / "a": "x", tmp_path / "b": taken})
        assert [path.name for path in tmp_path.iterdir()] == ["b"]


class TestFullDisk:
    """What libraries do with a full disk is not tried: that is seen before."""

    def test_no_writer_is_asked(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(*_: int) -> None:
            raise OSError(28, "a library's own words")

        monkeypatch.setattr("os.posix_fallocate", full)
        with pytest.raises(ArchspecError, match="No space left on device") as caught:
            write_whole(tmp_path / "a", Path.touch, size=1)
        assert caught.value.code == "AS190" and list(tmp_path.iterdir()) == []

    def test_a_writer_finds_an_empty_file(self, tmp_path: Path) -> None:
        write_whole(tmp_path / "a", lambda draft: None, size=1 << 20)
        assert (tmp_path / "a").read_bytes() == b""

    def test_a_disk_that_somebody_fills_meanwhile(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(*_: int) -> None:
            raise OSError(28, "No space left on device")

        def broken(path: Path) -> None:
            monkeypatch.setattr("os.posix_fallocate", full)
            raise RuntimeError("enforce fail at inline_container.cc")

        with pytest.raises(ArchspecError, match="No space left on device"):
            write_whole(tmp_path / "a", broken, size=1)

    @pytest.mark.parametrize("code", [95, 22, 38])
    def test_a_file_system_that_reserves_nothing(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
    ) -> None:
        def unknown(*_: int) -> None:
            raise OSError(code, "not here")

        monkeypatch.setattr("os.posix_fallocate", unknown)
        write_whole(tmp_path / "a", Path.touch, size=1)


class TestScratch:
    def test_it_goes(self, tmp_path: Path) -> None:
        with scratch(tmp_path) as folder:
            (folder / "deep").mkdir()
            assert folder.parent == tmp_path
        assert list(tmp_path.iterdir()) == []

    def test_only_what_is_called_so_is_removed(self, tmp_path: Path) -> None:
        names = [
            ".archspec-0123",
            "archspec-0123456789abcdef",
            ".archspec-0123456789abcdeg",
        ]
        for name in names:
            (tmp_path / name).mkdir()
        (tmp_path / ".archspec-0123456789abcdef").touch()
        (tmp_path / ".archspec-0000000000000000").symlink_to(tmp_path / names[0])
        (tmp_path / ".archspec-aaaaaaaaaaaaaaaa").mkdir()
        with scratch(tmp_path) as folder:
            left = {path.name for path in tmp_path.iterdir()} - {folder.name}
        assert ".archspec-aaaaaaaaaaaaaaaa" not in left
        assert len(left) == len(names) + 2

    def test_temporary_files_of_others(self, tmp_path: Path) -> None:
        before, around = tempfile.gettempdir(), os.environ.get("TMPDIR")
        with temporary():
            inside = Path(tempfile.mkdtemp())
            assert inside.parent.parent == Path(before)
            assert os.environ["TMPDIR"] == str(inside.parent)  # for what isn't Python
        assert os.environ.get("TMPDIR") == around
        assert tempfile.gettempdir() == before and not inside.exists()


class TestLeave:
    def test_folders_go_before_the_end(self, tmp_path: Path) -> None:
        seen: list[list[Path]] = []
        with scratch(tmp_path):
            leave(lambda: seen.append(list(tmp_path.iterdir())))
        assert seen == [[]]

    def test_not_amid_moves(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Of two files the second comes to its place, too."""
        seen: list[list[str]] = []
        move = Path.replace

        def interrupted(draft: Path, target: Path) -> Path:
            made = move(draft, target)
            leave(lambda: seen.append(sorted(p.name for p in tmp_path.iterdir())))
            return made

        monkeypatch.setattr(Path, "replace", interrupted)
        write_together({tmp_path / "a": "x", tmp_path / "b": "y"})
        assert seen[-1] == ["a", "b"] and all(len(names) == 2 for names in seen)


class TestWriteFolder:
    @staticmethod
    def fill(draft: Path) -> None:
        draft.mkdir()
        (draft / "mark").write_text("new")

    def test_a_folder_of_the_kind_is_replaced_whole(self, tmp_path: Path) -> None:
        path = tmp_path / "net"
        path.mkdir()
        for name in ("mark", "old"):
            (path / name).write_text("old")
        write_folder(path, self.fill, known=("mark",))
        assert [place.name for place in path.iterdir()] == ["mark"]
        assert (path / "mark").read_text() == "new"
        assert [place.name for place in tmp_path.iterdir()] == ["net"]

    def test_what_is_another_thing_stays(self, tmp_path: Path) -> None:
        path = tmp_path / "net"
        path.mkdir()
        (path / "diary").write_text("mine")
        with pytest.raises(ArchspecError, match="a folder of something else"):
            write_folder(path, self.fill, known=("mark",))
        assert (path / "diary").read_text() == "mine"
        (tmp_path / "file").write_text("mine")
        with pytest.raises(ArchspecError, match="that is a file"):
            write_folder(tmp_path / "file", self.fill, known=("mark",))
        with pytest.raises(ArchspecError, match="there is no folder"):
            write_folder(tmp_path / "no" / "net", self.fill, known=("mark",))

    def test_room_is_sought_before(self, tmp_path: Path) -> None:
        """A library whose disk is full says so from all of its threads."""
        with pytest.raises(ArchspecError, match="can't write"):
            write_folder(tmp_path / "net", self.fill, known=("mark",), size=2**60)
        assert not [*tmp_path.iterdir()]

    def test_a_library_of_many_words(self, tmp_path: Path) -> None:
        def fail(draft: Path) -> None:
            raise ValueError("no room\n" * 1000)

        with pytest.raises(ArchspecError) as caught:
            write_folder(tmp_path / "net", fail, known=("mark",))
        assert len(caught.value.message) < 400 and "\n" not in caught.value.message

    @pytest.mark.parametrize("error", [OSError(28, "full"), ValueError("full")])
    def test_the_old_one_stays_where_the_new_fails(
        self, error: Exception, tmp_path: Path
    ) -> None:
        path = tmp_path / "net"
        self.fill(path)

        def fail(draft: Path) -> None:
            draft.mkdir()
            raise error

        with pytest.raises(ArchspecError, match="can't write"):
            write_folder(path, fail, known=("mark",))
        assert (path / "mark").read_text() == "new"
        assert [place.name for place in tmp_path.iterdir()] == ["net"]

    def test_killed_between_two_moves(self, tmp_path: Path) -> None:
        """The old folder is away, the new one not yet there: the next run has it."""
        path = tmp_path / "net"
        self.fill(path)
        if (child := os.fork()) == 0:
            move = Path.rename

            def killed(old: Path, new: Path) -> Path:
                if old == path:
                    move(old, new)
                os._exit(0)

            Path.rename = killed  # type: ignore[method-assign, assignment]
            write_folder(path, self.fill, known=("mark",))
            os._exit(1)
        assert os.waitpid(child, 0)[1] == 0
        assert not path.exists()
        with scratch(tmp_path):
            assert (path / "mark").read_text() == "new"
        assert [place.name for place in tmp_path.iterdir()] == ["net"]
