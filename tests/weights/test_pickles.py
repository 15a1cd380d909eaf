"""archspec.weights.pickles: what pickle reads of plain data, and never a call."""

from __future__ import annotations

import argparse
import copyreg
import datetime
import io
import os
import pickle
import time
from collections import OrderedDict, defaultdict
from fractions import Fraction
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
import torch

from archspec.weights.pickles import (
    ARRAY,
    CALLS,
    DEEPEST,
    STEPS,
    WHOLE,
    Named,
    Opaque,
    Pickles,
    Storage,
    Tensor,
    Unreadable,
    tensor,
    view,
)

PROTOCOLS = pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
SHARED = [1, 2]
PLAIN: list[Any] = [
    *(None, True, False, 0, 1, -1, 255, 256, 65536, -(2**31), 2**31, 2**80, -(2**80)),
    *(0.0, -1.5, 1e300, "", "a", "ä" * 300, "\n\\'\"", (), (1,), (1, 2), (1, 2, 3)),
    *((1, 2, 3, 4), [], [1], [1, 2], {}, {"a": 1}, {7: 2, None: 3, True: 5}),
    {"deep": [{"er": ({"x": [SHARED, SHARED]},)}]},
    [SHARED] * 3,
    {f"key{n}": n for n in range(2000)},
]


class Harm:
    """What a hostile pickle does when it is loaded."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("harmed",)


def value(data: bytes) -> Any:
    return Pickles(data).next()


@PROTOCOLS
@pytest.mark.parametrize("held", PLAIN, ids=lambda held: repr(held)[:20])
def test_plain_data(held: Any, protocol: int) -> None:
    found = value(pickle.dumps(held, protocol))
    assert found == held and repr(found) == repr(held)


@PROTOCOLS
def test_what_is_one_stays_one(protocol: int) -> None:
    held: list[Any] = [SHARED, SHARED]
    held.append(held)
    found = value(pickle.dumps(held, protocol))
    assert found[0] is found[1] and found[2] is found


@PROTOCOLS
def test_bytes(protocol: int) -> None:
    """As encoded texts where a protocol has no bytes of its own."""
    held = [bytes(range(256)), b"ab", b"x" * 300]
    assert value(pickle.dumps(held, protocol)) == held


@PROTOCOLS
def test_sets_are_lists(protocol: int) -> None:
    found = value(pickle.dumps([{3}, frozenset([4])], protocol))
    if protocol > 3:
        assert found == [[3], [4]]
    else:
        assert repr(found) == "[<builtins.set>, <builtins.frozenset>]".replace(
            "builtins", "__builtin__" if protocol < 3 else "builtins"
        )


@PROTOCOLS
@pytest.mark.parametrize(
    "held",
    [
        argparse.Namespace(rate=0.1),
        Fraction(1, 2),
        np.float64(2.5),
        np.arange(3),
        datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC),
        Path("x"),
        defaultdict(list, {"a": [1]}),
        Harm(),
        os.system,
        slice(1, 2),
        1j,
    ],
    ids=lambda held: type(held).__name__,
)
def test_anything_else_is_opaque(
    held: object, protocol: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = value(pickle.dumps({"x": held, "y": 1}, protocol))
    assert isinstance(found["x"], Opaque | Named) and found["y"] == 1
    assert not Path("harmed").exists()


@PROTOCOLS
def test_the_state_of_an_object_is_kept(protocol: int) -> None:
    found = value(pickle.dumps(argparse.Namespace(rate=0.1), protocol))
    assert found.state == {"rate": 0.1}


@PROTOCOLS
def test_ordered_dicts_are_dicts(protocol: int) -> None:
    found = value(pickle.dumps(OrderedDict(a=1, b=[2]), protocol))
    assert found == {"a": 1, "b": [2]} and list(found) == ["a", "b"]


def test_pickles_in_a_row() -> None:
    pickles = Pickles(pickle.dumps(1) + pickle.dumps("two"))
    assert [pickles.next(), pickles.next()] == [1, "two"]
    with pytest.raises(Unreadable):
        pickles.next()


def test_tensors() -> None:
    class Writer(pickle.Pickler):
        def persistent_id(self, held: Any) -> Any:
            return held if isinstance(held, tuple) else None

    file = io.BytesIO()
    writer = Writer(file, 2)
    writer.dump(("storage", os.getcwd, "0", "cpu", 24))
    pickles = Pickles(file.getvalue())
    found = pickles.next()
    assert found == Storage("untyped", "0", 24) and pickles.storages == {"0": found}


def test_what_torch_writes() -> None:
    file = io.BytesIO()
    held = {"w": torch.zeros(6)[2:5], "h": torch.zeros(2, 3, dtype=torch.half).t()}
    torch.save(held, file, _use_new_zipfile_serialization=False)
    pickles = Pickles(file.getvalue())
    for _ in range(3):
        pickles.next()
    found = pickles.next()
    assert found["w"][1:] == (2, (3,), (1,))
    assert found["h"][1:] == (0, (3, 2), (1, 3))
    assert [storage.dtype for storage in pickles.storages.values()] == [
        "float32",
        "float16",
    ]
    assert isinstance(found["w"], Tensor)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "exhausted"),
        (b"\x80\x02", "exhausted"),
        (b"garbage", "newline"),
        (b"\x80\x02K\x01", "exhausted"),
        (b"\x80\x02.", "pop from empty list"),
        (b"\x80\x02h\x05.", "5"),
        (b"\x80\x02t.", "pop from empty list"),
        (b"\x80\x02K\x01\x86.", "too few values"),
        (b"\x80\x02(K\x01u.", "zip()"),
        (b"\x80\x02}(K\x01u.", "zip()"),
        (b"\x80\x02\x82\x01.", "it asks for EXT1"),
        (b"\x80\x05\x97.", "it asks for NEXT_BUFFER"),
        (b"\x8e\xff\xff\xff\xff\xff\xff\xff\x7fabc.", "bytes"),
        (b"I" + b"9" * 9999 + b"\n.", "integer"),
    ],
)
def test_no_pickle(data: bytes, told: str) -> None:
    with pytest.raises(Unreadable, match=told.replace("(", r"\(").replace(")", r"\)")):
        value(data)


def test_an_extension_is_not_looked_up() -> None:
    copyreg.add_extension(os.getcwd.__module__, "getcwd", 17)
    try:
        with pytest.raises(Unreadable, match="EXT1"):
            value(pickle.dumps(os.getcwd, 2))
    finally:
        copyreg.remove_extension(os.getcwd.__module__, "getcwd", 17)


def test_a_pickle_that_never_ends() -> None:
    data = b"\x80\x02]" + b"K\x01a" * STEPS
    start = time.process_time()
    with pytest.raises(Unreadable, match=f"more than {STEPS:,} steps"):
        value(data)
    assert time.process_time() - start < 60  # it is no endless loop


def test_memory_grows_with_the_file_alone() -> None:
    """A memo's number, which pickle takes for the length of an array."""
    assert value(b"\x80\x02K\x01r\xff\xff\xff\xff.") == 1


def test_values_that_nest_deeply() -> None:
    depth = 100_000
    found = value(b"\x80\x02" + b"]" * depth + b"a" * (depth - 1) + b".")
    count = 0
    while found:
        found, count = found[0], count + 1
    assert count == depth - 1


@pytest.mark.parametrize("key", [(1, 2), b"x", [1], Fraction(1, 2)])
def test_keys_whose_hashes_collide(key: Any) -> None:
    """Only texts, numbers and None are keys as they are."""
    as_dict = b"\x80\x04}" + pickle.dumps(key, 4)[2:-1] + b"K\x01s."
    (only,) = value(as_dict).items()
    assert isinstance(only[0], Opaque) and only[1] == 1


@pytest.mark.parametrize("seed", range(10))
def test_changed_bytes(seed: int) -> None:
    draw = Random(seed)
    held = [*PLAIN, argparse.Namespace(a=SHARED), np.float64(1), OrderedDict(a=(1,))]
    whole = pickle.dumps(held[:-2] if seed % 2 else held, seed % 6)
    for _ in range(100):
        data = bytearray(whole)
        for _ in range(draw.randrange(1, 6)):
            data[draw.randrange(len(data))] = draw.randrange(256)
        try:
            value(bytes(data))
        except Unreadable as error:
            assert "\n" not in str(error)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_key_whose_hash_anyone_can_make_again_is_none(sign: int) -> None:
    """Python's hash of an int starts over at 2**61 - 1: many would be one's."""
    near, far = sign * ((1 << 60) - 1), sign * (1 << 60)
    found = value(pickle.dumps({near: "kept", far: "not"}))
    assert found.pop(near) == "kept"
    assert [type(key) for key in found] == [Opaque]


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        (b"(K\x01ios\nsystem\n.", "<os.system>"),  # INST
        (b"(icollections\nOrderedDict\n.", "{}"),
        (b"(X\x01\0\0\0ai_codecs\nencode\n.", "b'a'"),
        (b"(cos\nsystem\nK\x01o.", "<os.system>"),  # OBJ
        (b"(ccollections\nOrderedDict\no.", "{}"),
        (b"(c_codecs\nencode\nX\x01\0\0\0ao.", "b'a'"),
        (b"\x80\x04c_codecs\nencode\nX\x01\0\0\0a\x85}\x92.", "b'a'"),  # NEWOBJ_EX
        (b"\x80\x04cos\nsystem\n)}\x92.", "<os.system>"),
        (b"ca\nb c\n.", "Named(name='a.b c')"),
        (b"ccollections\nOrderedDict\nK\x05\x85R.", "<collections.OrderedDict>"),
        (b"ccollections\nOrderedDict\nK\x05R.", "<collections.OrderedDict>"),
        (b"P17\n.", "<a persistent id>"),
        (b"K\x01Q.", "<a persistent id>"),
    ],
)
def test_other_ways_to_call(data: bytes, wanted: str) -> None:
    """What pickle has for older classes, and what does not fit what it is given to."""
    assert repr(value(data)) == wanted


def test_an_ordered_dict_of_python_2() -> None:
    """It is made of its items; now they are put into it."""
    items = pickle.dumps([["a", 1], ["b", 2], [(1,), 3]], 2)[2:-1]
    found = value(b"ccollections\nOrderedDict\n" + items + b"\x85R.")
    assert list(found.items())[:2] == [("a", 1), ("b", 2)]
    assert [type(key) for key in found] == [str, str, Opaque]


SIX = Storage("float32", "0", 6)
MOST = (1 << 63) - 1


@pytest.mark.parametrize(
    ("offset", "shape", "strides"),
    [
        (0, (), ()),
        (1, (2,), (1,)),
        (MOST, (MOST,), (MOST,)),
        (0, [2, 3], [3, 1]),
        (0, (1,) * DEEPEST, (1,) * DEEPEST),
    ],
)
def test_a_view(offset: int, shape: Any, strides: Any) -> None:
    wanted = Tensor(SIX, offset, tuple(shape), tuple(strides))
    assert view(SIX, offset, shape, strides) == wanted
    assert view(SIX, offset, shape, strides, False, {}) == wanted  # hooks


@pytest.mark.parametrize(
    ("storage", "offset", "shape", "strides"),
    [
        ("0", 0, (2,), (1,)),
        (SIX, -1, (2,), (1,)),
        (SIX, MOST + 1, (2,), (1,)),
        (SIX, True, (2,), (1,)),
        (SIX, 0.0, (2,), (1,)),
        (SIX, 0, (2.0,), (1,)),
        (SIX, 0, (2,), (-1,)),
        (SIX, 0, (2, 3), (1,)),
        (SIX, 0, (), (1,)),
        (SIX, 0, (1,) * (DEEPEST + 1), (1,) * (DEEPEST + 1)),
    ],
)
def test_no_view(storage: Any, offset: Any, shape: Any, strides: Any) -> None:
    assert repr(view(storage, offset, shape, strides)) == "<torch.Tensor>"


EIGHTH = Named("torch.float8_e4m3fn")
"""A type without a storage of its own: it stands behind the tensor."""


@pytest.mark.parametrize(
    ("storage", "rest", "wanted"),
    [
        (SIX, (False, {}, EIGHTH), "float8_e4m3fn"),
        (SIX, (False, {}, EIGHTH, {}), "float8_e4m3fn"),
        (SIX, (False, {}), None),
        (SIX, (), None),
        (SIX, (False, {}, "float8_e4m3fn"), None),
        ("0", (False, {}, EIGHTH), None),
    ],
)
def test_a_type_behind_a_tensor(
    storage: Any, rest: tuple[Any, ...], wanted: str | None
) -> None:
    made = CALLS["torch._utils._rebuild_tensor_v3"](storage, 1, (2,), (1,), *rest)
    if wanted is None:
        assert repr(made) == "<torch.Tensor>"
    else:
        assert made == Tensor(Storage(wanted, "0", 6), 1, (2,), (1,))


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("torch._utils._rebuild_tensor", (SIX, 1, (2,), (1,))),
        ("torch._utils._rebuild_parameter", (Tensor(SIX, 1, (2,), (1,)), True, {})),
        (
            "torch._tensor._rebuild_from_type_v2",
            (
                Named("torch._utils._rebuild_tensor_v2"),
                Named("torchvision.tv_tensors._image.Image"),
                (SIX, 1, (2,), (1,), False, {}),
                {},
            ),
        ),
    ],
)
def test_what_is_around_a_tensor(name: str, arguments: tuple[Any, ...]) -> None:
    """A parameter or a subclass is the tensor that it holds."""
    assert CALLS[name](*arguments) == Tensor(SIX, 1, (2,), (1,))


def test_a_file_within_a_pickle() -> None:
    loaded = CALLS["torch.storage._load_from_bytes"]
    assert loaded(b"x") == Storage(WHOLE, "", 0, b"x")
    assert repr(loaded("x")) == "<bytes>"


def test_storages_within_a_pickle() -> None:
    """Each is read once; its values stand behind their number."""
    inner: dict[int, Storage] = {}
    found = value(pickle.dumps(torch.arange(6.0).reshape(2, 3).t()[1:]))
    first, second = tensor(found, inner), tensor(found, inner)
    assert first is not None and second is not None
    assert first[1:] == second[1:] == (1, (2, 2), (1, 3))
    assert first.storage is second.storage and len(inner) == 1
    assert (first.storage.dtype, first.storage.size) == ("float32", 6)
    assert first.storage.data == np.arange(6, dtype="float32").tobytes()


def test_a_file_that_holds_no_storage() -> None:
    of = Tensor(Storage(WHOLE, "", 0, b"N." * 5), 0, (2,), (1,))
    with pytest.raises(Unreadable, match="bytes that are no storage"):
        tensor(of, {})


@pytest.mark.parametrize(
    "storage", [SIX, Storage("float32", "", 2, b"\0" * 8), Storage(WHOLE, "0", 2)]
)
def test_a_tensor_whose_values_are_known_is_itself(storage: Storage) -> None:
    """Also where something else is named as whole files are."""
    held = Tensor(storage, 0, (2,), (1,))
    assert tensor(held, {}) is held


@pytest.mark.parametrize("held", [None, 3, "x", [1], SIX, Opaque("x"), Named("x")])
def test_no_tensor(held: Any) -> None:
    assert tensor(held, {}) is None


@PROTOCOLS
@pytest.mark.parametrize(
    "array",
    [
        np.arange(24, dtype="<f4").reshape(2, 3, 4),
        np.asfortranarray(np.arange(24, dtype="<i8").reshape(2, 3, 4)),
        np.array(2.5),
        np.zeros((0, 3), "u1"),
    ],
    ids=["rows", "columns", "scalar", "empty"],
)
def test_an_array_is_a_tensor(array: Any, protocol: int) -> None:
    """With numpy's own strides, which count bytes."""
    opaque = value(pickle.dumps(array, protocol))
    version, shape, _, columns, data = array.__reduce__()[2]
    assert opaque.name == ARRAY and opaque.state[:2] == (version, shape)
    assert bool(opaque.state[3]) == bool(columns)
    found = tensor(opaque, {})
    assert found is not None
    kept = (array.dtype.name, "", array.size, data)
    assert found.storage == Storage(*kept)
    assert found.offset == 0 and found.shape == array.shape
    if array.size:
        assert found.strides == tuple(step // array.itemsize for step in array.strides)


LITTLE: Any = Opaque("numpy.dtype.f4", (3, "<", None, None, None, -1, -1, 0))
TWO = np.array([1, 2], "<f4").tobytes()


@pytest.mark.parametrize(
    "data", [TWO, bytearray(TWO), TWO.decode("latin-1")], ids=lambda d: type(d).__name__
)
def test_values_of_an_array(data: Any) -> None:
    """Python 2 wrote them as a text."""
    wanted = Tensor(Storage("float32", "", 2, TWO), 0, (2,), (1,))
    assert tensor(Opaque(ARRAY, (1, (2,), LITTLE, False, data)), {}) == wanted


def test_an_array_of_as_many_axes_as_numpy_has() -> None:
    shape = (1,) * DEEPEST
    found = tensor(Opaque(ARRAY, (1, shape, LITTLE, False, TWO[:4])), {})
    assert found is not None and found.shape == found.strides == shape


@pytest.mark.parametrize(
    ("name", "state"),
    [
        ("numpy.matrix", (1, (2,), LITTLE, False, TWO)),
        (ARRAY, None),
        (ARRAY, (1, (2,), LITTLE, False)),
        (ARRAY, (1, [2], LITTLE, False, TWO)),
        (ARRAY, (1, (2.0,), LITTLE, False, TWO)),
        (ARRAY, (1, (-2,), LITTLE, False, TWO)),
        (ARRAY, (1, (1,) * (DEEPEST + 1), LITTLE, False, TWO[:4])),
        (ARRAY, (1, (2,), LITTLE, False, [1, 2])),
        (ARRAY, (1, (2,), Opaque("numpy.dtype.f4"), False, TWO)),
        (ARRAY, (1, (2,), Opaque("numpy.dtype.f4", (3, ">")), False, TWO)),
        (ARRAY, (1, (2,), Opaque("numpy.dtype.O8", (3, "|")), False, TWO)),
    ],
)
def test_an_array_that_is_no_tensor(name: str, state: Any) -> None:
    assert tensor(Opaque(name, state), {}) is None
