"""Weights that fit a graph, and what is said of those that don't."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray

from archspec.errors import WeightsError
from archspec.weights import check, fit
from archspec.weights.fit import LINES, Misfit, compare, grouped, named, rows


class TestCheck:
    expected: ClassVar[dict[str, tuple[int, ...]]] = {
        "conv1.weight": (8, 3, 3, 3),
        "bn1.weight": (8,),
        "bn1.bias": (8,),
        "fc.weight": (10, 8),
        "fc.bias": (10,),
    }

    def arrays(self, **changes: tuple[int, ...] | None) -> dict[str, NDArray[Any]]:
        shapes = self.expected | {
            name.replace("__", "."): shape for name, shape in changes.items()
        }
        return {n: np.zeros(s) for n, s in shapes.items() if s is not None}

    def notes(self, weights: dict[str, NDArray[Any]]) -> tuple[str, ...]:
        with pytest.raises(WeightsError) as caught:
            check(weights, self.expected)
        return caught.value.notes

    def test_fits(self) -> None:
        check(self.arrays(), self.expected)
        check(self.arrays(bn1__num_batches_tracked=()), self.expected)

    def test_a_renamed_tensor_names_its_counterpart(self) -> None:
        assert self.notes(self.arrays(fc__bias=None, fc__bais=(10,))) == (
            "missing: fc.bias [10] (the weights have fc.bais [10])",
            "surplus: fc.bais [10] (the net has fc.bias [10])",
        )

    def test_equal_shape_goes_before_a_better_name(self) -> None:
        weights = self.arrays(fc__weight=None, fc__weights=(8, 10), f__weight=(10, 8))
        assert self.notes(weights)[0] == (
            "missing: fc.weight [10, 8] (the weights have f.weight [10, 8])"
        )

    def test_equal_shape_without_a_likeness(self) -> None:
        weights = self.arrays(conv1__weight=None, zzz=(8, 3, 3, 3))
        assert self.notes(weights)[0] == (
            "missing: conv1.weight [8, 3, 3, 3] (the weights have zzz [8, 3, 3, 3])"
        )

    def test_among_more_names_than_a_net_has_none_is_near(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        weights = self.arrays(fc__bias=None, fc__bais=(10,), fc__more=(10,))
        for most, hinted in ((2, True), (1, False)):
            monkeypatch.setattr(fit, "MANY", most)
            assert ("have fc.bais" in self.notes(weights)[0]) == hinted

    def test_no_candidate(self) -> None:
        assert self.notes(self.arrays(fc__weight=None)) == (
            "missing: fc.weight [10, 8]",
        )

    def test_another_shape(self) -> None:
        assert self.notes(self.arrays(fc__weight=(8, 10))) == (
            "shape: fc.weight is [8, 10], expected [10, 8]",
        )
        assert self.notes(self.arrays(fc__weight=(5, 8), head=(10, 8)))[1] == (
            "shape: fc.weight is [5, 8], expected [10, 8] "
            "(the weights have head [10, 8])"
        )

    def test_all_in_one_error(self) -> None:
        weights = self.arrays(fc__weight=(3, 8), fc__bias=None, extra=(7, 7))
        with pytest.raises(WeightsError) as caught:
            check(weights, self.expected)
        assert str(caught.value) == (
            "the weights don't fit the net: 1 missing, 1 surplus, 1 of another shape "
            "[AS601]\n  missing: fc.bias [10]\n"
            "  surplus: extra [7, 7]\n"
            "  shape: fc.weight is [3, 8], expected [10, 8]"
        )

    def test_allowances(self) -> None:
        weights = self.arrays(fc__weight=None, fc__bias=None, head__weight=(2, 8))
        check(
            weights, self.expected, allow_missing=["fc.*"], allow_extra={"head.weight"}
        )
        check(weights, self.expected, allow_missing="fc.*", allow_extra="head.*")
        with pytest.raises(WeightsError, match="1 missing, 0 surplus"):
            check(weights, self.expected, allow_missing="fc.bias", allow_extra="*")

    def test_a_wrong_shape_is_allowed_where_it_is_named_by_both(self) -> None:
        weights = self.arrays(fc__weight=(3, 8))
        check(weights, self.expected, allow_missing=["fc.*"], allow_extra=["fc.*"])
        for missing, extra in ((["*"], []), ([], ["*"]), (["*"], ["bn1.*"])):
            with pytest.raises(WeightsError, match="1 of another shape"):
                check(weights, self.expected, allow_missing=missing, allow_extra=extra)

    def test_of_many_all_are_known_and_some_lines_printed(self) -> None:
        shapes = {f"a{i}.weight": (4, 4) for i in range(3000)}
        with pytest.raises(Misfit) as caught:
            check({f"b{i}.bias": np.zeros(4) for i in range(3000)}, shapes)
        assert len(caught.value.notes) == 2 * LINES
        assert caught.value.notes[LINES - 1] == "missing: 2,981 more"
        assert caught.value.missing == shapes and len(caught.value.surplus) == 3000
        assert caught.value.canonical == shapes.keys()

    def test_those_of_a_block_are_one_line(self) -> None:
        block = {f"layer1.{n}.conv.weight": (2,) for n in range(24)}
        with pytest.raises(Misfit) as caught:
            check({}, {**block, "fc.bias": (3,)})
        assert caught.value.notes == (
            "missing: layer1.*: 24 tensors",
            "missing: fc.bias [3]",
        )


@pytest.mark.parametrize(
    ("names", "lines", "found"),
    [
        ("", 1, []),
        ("a b", 2, ["a", "b"]),
        ("a.b.c a.b.d a.e", 2, ["a.b.*: 2 tensors", "a.e"]),
        ("a.b.c a.b.d a.e f.g", 2, ["a.*: 3 tensors", "f.g"]),
        ("a/0 a/1 b/0", 2, ["a/*: 2 tensors", "b/0"]),
        ("a.x b.x c.x d.x", 3, ["a.x", "b.x", "2 more"]),
        ("a b c", 1, ["3 more"]),
    ],
)
def test_rows(names: str, lines: int, found: list[str]) -> None:
    assert list(rows(names.split(), lines)) == found
    counts = [count for _, count in grouped(names.split(), lines)]
    assert sum(counts) == len(names.split())


class TestCompare:
    expected: ClassVar[dict[str, tuple[int, ...]]] = {
        "conv/kernel": (3, 2),
        "fc/kernel": (4,),
    }
    names: ClassVar[dict[str, str]] = {"conv/kernel": "conv.weight"}

    def notes(self, tensors: dict[str, tuple[int, ...]], **allowed: Any) -> Any:
        with pytest.raises(WeightsError) as caught:
            compare(tensors, self.expected, names=self.names, what="it", **allowed)
        assert caught.value.message.startswith("it don't fit the net: ")
        assert caught.value.code == "AS601"
        return caught.value.notes

    def test_canonical_names_are_shown(self) -> None:
        assert self.notes({"fc/kernel": (4,)}) == (
            "missing: conv/kernel = conv.weight [3, 2]",
        )
        assert self.notes({"conv/kernel": (3, 2)}) == ("missing: fc/kernel [4]",)
        assert self.notes({"conv/kernel": (3,), "fc/kernel": (4,)}) == (
            "shape: conv/kernel = conv.weight is [3], expected [3, 2]",
        )

    @pytest.mark.parametrize(
        "pattern", ["conv/kernel", "conv/*", "conv.weight", "conv.*"]
    )
    def test_either_name_is_allowed(self, pattern: str) -> None:
        given: dict[str, tuple[int, ...]] = {"fc/kernel": (4,)}
        compare(given, self.expected, names=self.names, allow_missing=[pattern])
        assert self.notes(given, allow_missing=["conv"])
        wrong: dict[str, tuple[int, ...]] = {"fc/kernel": (4,), "conv/kernel": (2, 3)}
        compare(
            wrong,
            self.expected,
            names=self.names,
            allow_missing=[pattern],
            allow_extra=[pattern],
        )
        assert self.notes(wrong, allow_extra=[pattern])


def test_patterns() -> None:
    assert named("fc.bias", ["conv.*", "fc.*"]) and named("fc.bias", "fc.b*")
    assert not named("fc.bias", []) and not named("fc.bias", ["fc", "FC.*"])


def test_what_an_error_knows_of_a_misfit() -> None:
    expected = {"a/k": (1,), "b/k": (2,), "c/k": (3,), "d/k": (4,)}
    found = {"a/k": (1,), "b/k": (9,), "x": (5,), "bn.num_batches_tracked": ()}
    names = {"b/k": "b.weight", "d/k": "d.weight"}
    with pytest.raises(Misfit) as caught:
        compare(found, expected, names=names, allow_missing="c*")
    error = caught.value
    assert error.message == (
        "the weights don't fit the net: 1 missing, 1 surplus, 1 of another shape"
    )
    assert error.missing == {"d/k": (4,)} and error.surplus == {"x": (5,)}
    assert error.wrong == {"b/k": (9,)}
    assert error.canonical == {"b.weight", "d.weight"} and error.adaptable == ""


def test_as_many_lines_as_there_are_rows() -> None:
    names = [f"x{n}" for n in range(LINES + 1)]
    assert list(fit.listed("- ", names[:-1])) == [f"- {name}" for name in names[:-1]]
    assert list(fit.listed("", names)) == [*names[: LINES - 1], "2 more"]
    few = names[: fit.FEW]
    assert list(rows(few)) == few
    assert list(rows(few, line=str.upper)) == [name.upper() for name in few]
    assert list(rows(names[: fit.FEW + 1])) == [*few[:-1], "2 more"]
    assert list(rows([f"x{n}" for n in range(3000)], 1)) == ["3,000 more"]


def test_how_deep_names_are_put_together() -> None:
    names = [f"a.b.c.d.e.f.g.h.{n}" for n in range(3)]
    assert grouped(names, 1) == [("a.b.c.d.e.f.g.h.*", 3)]
    deeper = [f"a.b.c.d.e.f.g.h.i{n}.w" for n in range(3)]
    assert grouped(deeper, 2) == [("a.b.c.d.e.f.g.h.*", 3)]
    assert grouped(["a.x", "b.x", "b.y"], 2) == [("a.x", 1), ("b.*", 2)]
