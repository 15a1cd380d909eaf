"""Pickles as torch writes them, read without running anything.

    >>> Pickles(pickle.dumps({"epoch": 3, "lr": Fraction(1, 2)})).next()
    {'epoch': 3, 'lr': <fractions.Fraction>}

A pickle is a program that may call whatever it names. Here nothing that it names is
looked up: a few names that torch writes build the values of this module, any other one
is an `Opaque` thing, which takes what it is given and does nothing. So a checkpoint may
hold what it likes beside its tensors. The opcodes are those that `pickletools` parses;
time and memory grow with the file and no faster, and the number of steps is bounded.
"""

from __future__ import annotations

import io
import pickletools
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import IO, Any, NamedTuple

STEPS = 700_000
"""Steps that a pickle may take: torch needs about 40 for a tensor."""
DEEPEST = 64
"""Axes that an array of numpy's may have."""
SMALL = 1 << 60
"""Smaller integers have hashes of their own. Those of larger ones, of floats, of tuples
can be made to collide, and then a dict is as slow as a list."""
HASHED = (str, bool, type(None))


class Unreadable(Exception):
    """What is read is no pickle, or one that takes too long."""


@dataclass(slots=True, eq=False)
class Opaque:
    """Something that a pickle builds, and of which only its state is kept."""

    name: str
    state: Any = None

    def __repr__(self) -> str:
        return f"<{self.name}>"


@dataclass(frozen=True, slots=True)
class Named:
    """A class or function that a pickle names; it is not looked up."""

    name: str


class Storage(NamedTuple):
    """Where the values of tensors are: their type, a key, and how many there are.

    Where they stand in the pickle itself, `data` has them.
    """

    dtype: str
    key: str
    size: int
    data: bytes | None = None


class Tensor(NamedTuple):
    """A view of a storage; offset and strides count values."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


DTYPES = {
    "Double": "float64",
    "Float": "float32",
    "Half": "float16",
    "BFloat16": "bfloat16",
    "Long": "int64",
    "Int": "int32",
    "Short": "int16",
    "Char": "int8",
    "Byte": "uint8",
    "Bool": "bool",
    "ComplexFloat": "complex64",
    "ComplexDouble": "complex128",
}
"""torch's classes of storages, by what stands before `Storage`."""


def _counted(number: Any) -> bool:
    """Whether it is a number of values, as many as a machine counts."""
    return type(number) is int and 0 <= number < 1 << 63


def view(storage: Any, offset: Any, shape: Any, strides: Any, *rest: Any) -> Any:
    """A tensor, where it is one."""
    numbers = (offset, *shape, *strides)
    whole = all(map(_counted, numbers))
    whole &= len(shape) == len(strides) <= DEEPEST
    if not isinstance(storage, Storage) or not whole:
        return Opaque("torch.Tensor")
    return Tensor(storage, offset, tuple(shape), tuple(strides))


def _typed(storage: Any, offset: Any, shape: Any, strides: Any, *rest: Any) -> Any:
    """A tensor of a storage without a type; its own type stands behind."""
    dtype = rest[2] if len(rest) > 2 else None  # requires_grad, hooks
    if not isinstance(storage, Storage) or not isinstance(dtype, Named):
        return Opaque("torch.Tensor")
    kind = dtype.name.removeprefix("torch.")
    return view(storage._replace(dtype=kind), offset, shape, strides)


def _ordered(items: Any = ()) -> Any:
    held: dict[Any, Any] = {}
    for key, value in items:
        _put(held, key, value)
    return held


def _first(value: Any, *rest: Any) -> Any:
    return value


def _subclass(build: Any, kind: Any, arguments: Any, *rest: Any) -> Any:
    """A tensor of a subclass: as a tensor."""
    return _called(build, arguments)


def _encoded(text: Any, *rest: Any) -> Any:
    """Bytes, which older protocols write as a text."""
    return text.encode("latin-1")


def _dtype(kind: Any, *rest: Any) -> Opaque:
    """A type of numpy's, such as `f4`; its byte order comes as its state."""
    return Opaque(f"numpy.dtype.{kind}")


def _array(values: Any, dtype: Any, shape: Any, order: Any, *rest: Any) -> Opaque:
    """An array of numpy's, as protocol 5 has it."""
    return Opaque(ARRAY, (1, shape, dtype, order == "F", values))


def _inner(data: Any) -> Any:
    """A storage as a file of its own: what `pickle.dump` makes of it."""
    return Storage(WHOLE, "", 0, data) if isinstance(data, bytes) else Opaque("bytes")


ARRAY = "numpy.ndarray"
"""An array: its state is a version, its shape, type, whether by columns, its values."""
NUMPY = {
    **{"f2": "float16", "f4": "float32", "f8": "float64", "b1": "bool"},
    **{"i1": "int8", "i2": "int16", "i4": "int32", "i8": "int64", "u1": "uint8"},
}
WHOLE = "a file"
"""The type of a storage whose data are a whole file of torch's older kind."""
INNER = 1000
"""Steps of such a file: torch needs about 60."""
CALLS: dict[str, Callable[..., Any]] = {
    "collections.OrderedDict": _ordered,
    "__builtin__.bytes": lambda: b"",
    "_codecs.encode": _encoded,
    "numpy.dtype": _dtype,
    "numpy.core.multiarray._reconstruct": lambda *of: Opaque(ARRAY),
    "numpy._core.multiarray._reconstruct": lambda *of: Opaque(ARRAY),
    "numpy.core.numeric._frombuffer": _array,
    "numpy._core.numeric._frombuffer": _array,
    "torch.storage._load_from_bytes": _inner,
    "torch._utils._rebuild_tensor": view,
    "torch._utils._rebuild_tensor_v2": view,
    "torch._utils._rebuild_tensor_v3": _typed,
    "torch._utils._rebuild_parameter": _first,
    "torch._utils._rebuild_parameter_with_state": _first,
    "torch.nn.parameter.Parameter": _first,
    "torch._tensor._rebuild_from_type_v2": _subclass,
}
"""What a pickle may build, by the names that torch writes."""


def _called(what: Any, arguments: Any) -> Any:
    """What is built by a call: a value of ours, or something opaque."""
    name = what.name if isinstance(what, Named) else "?"
    call = CALLS.get(name)
    if call is None or not isinstance(arguments, tuple):
        return Opaque(name)
    try:
        return call(*arguments)
    except (AttributeError, TypeError, ValueError):
        return Opaque(name)


def tensor(value: Any, inner: dict[int, Storage]) -> Tensor | None:
    """A tensor, or an array of numpy's as one; None for anything else.

    Storages that are files of their own are read once, and kept in `inner`.
    """
    if isinstance(value, Opaque):
        return _of_array(value)
    if not isinstance(value, Tensor):
        return None
    data = value.storage.data
    if data is None or value.storage.dtype != WHOLE:
        return value
    if id(data) not in inner:
        pickles = Pickles(data, INNER)
        *_, storage, _ = (pickles.next() for _ in range(5))
        if not isinstance(storage, Storage):
            raise Unreadable("it holds bytes that are no storage")
        values = data[pickles.file.tell() + 8 :]  # their number, and they
        inner[id(data)] = storage._replace(data=values)
    return value._replace(storage=inner[id(data)])


def _of_array(value: Opaque) -> Tensor | None:
    match value:
        case Opaque(
            name, (_, tuple(shape), Opaque(kind, (_, order, *_)), columns, data)
        ):
            dtype = NUMPY.get(kind.removeprefix("numpy.dtype."))
            if isinstance(data, str):  # of Python 2
                data = _encoded(data)
            right = all(map(_counted, shape))
            right &= len(shape) <= DEEPEST and isinstance(data, bytes | bytearray)
            if name == ARRAY and dtype and order != ">" and right:
                sizes = shape if columns else shape[::-1]
                steps = tuple(prod(sizes[:number]) for number in range(len(sizes)))
                storage = Storage(dtype, "", prod(shape), bytes(data))
                return Tensor(storage, 0, shape, steps if columns else steps[::-1])
    return None


class Pickles:
    """The values of the pickles that stand in a file one behind the other.

    Behind each value the file stands behind its pickle.

    Attributes:
        storages: what the pickles name so far, by their keys.
    """

    def __init__(self, file: IO[bytes] | bytes, steps: int = STEPS) -> None:
        self.file = io.BytesIO(file) if isinstance(file, bytes) else file
        self.storages: dict[str, Storage] = {}
        self.left = self.most = steps

    def next(self) -> Any:
        """The value of the next pickle; Unreadable where there is none."""
        self.stack: list[Any] = []
        self.below: list[list[Any]] = []
        self.memo: dict[int, Any] = {}
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of odd escapes in texts
                return self._run()
        # Whatever is missing or of another kind: the bytes decide.
        except (ValueError, IndexError, KeyError, TypeError, OverflowError) as error:
            raise Unreadable(f"{error}".partition("\n")[0]) from error

    def _run(self) -> Any:
        for code, arg, _ in pickletools.genops(self.file):
            self.left -= 1
            if code.name == "STOP":
                return self.stack.pop()
            if not self.left:
                raise Unreadable(f"it takes more than {self.most:,} steps")
            self._step(code.name, arg)
        raise Unreadable("it has no end")

    def _step(self, code: str, arg: Any) -> None:
        stack = self.stack
        if code in PUSHED:
            stack.append(arg)
        elif code in MADE:
            stack.append(MADE[code]())
        elif code == "MARK":
            self.below.append(stack)
            self.stack = []
        elif code in MARKED:
            items, self.stack = stack, self.below.pop()
            MARKED[code](self.stack, items)
        elif code in ("PUT", "BINPUT", "LONG_BINPUT"):
            self.memo[arg] = stack[-1]
        elif code == "MEMOIZE":
            self.memo[len(self.memo)] = stack[-1]
        elif code in ("GET", "BINGET", "LONG_BINGET"):
            stack.append(self.memo[arg])
        elif code in ("GLOBAL", "INST"):
            named = Named(str(arg).replace(" ", ".", 1))
            if code == "INST":
                items, self.stack = stack, self.below.pop()
                self.stack.append(_called(named, tuple(items)))
            else:
                stack.append(named)
        elif code in ("PERSID", "BINPERSID"):
            stack.append(self._stored(arg if code == "PERSID" else stack.pop()))
        elif code in STEP:
            STEP[code](stack)
        elif code not in ("PROTO", "FRAME"):
            raise Unreadable(f"it asks for {code}")

    def _stored(self, told: Any) -> Any:
        """What a persistent id stands for: a storage."""
        match told:
            case ("storage", Named(kind), str(key), _, int(size), *_) if size >= 0:
                name = kind.rpartition(".")[2].removesuffix("Storage")
                made = Storage(DTYPES.get(name, "untyped"), key, size)
                return self.storages.setdefault(key, made)
        return Opaque("a persistent id")


PUSHED = frozenset(
    (
        "INT",
        "BININT",
        "BININT1",
        "BININT2",
        "LONG",
        "LONG1",
        "LONG4",
        "FLOAT",
        "BINFLOAT",
        "STRING",
        "BINSTRING",
        "SHORT_BINSTRING",
        "UNICODE",
        "SHORT_BINUNICODE",
        "BINUNICODE",
        "BINUNICODE8",
        "BINBYTES",
        "SHORT_BINBYTES",
        "BINBYTES8",
        "BYTEARRAY8",
    )
)
"""Opcodes that push what stands behind them."""
MADE: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
    "EMPTY_DICT": dict,
    "EMPTY_SET": list,
}
"""Opcodes that push a value; a set is a list here, whose items need no hash."""


def _put(held: Any, key: Any, value: Any) -> None:
    if isinstance(held, dict):
        plain = isinstance(key, HASHED) or (type(key) is int and abs(key) < SMALL)
        held[key if plain else Opaque("a key")] = value


def _set_all(stack: list[Any], items: list[Any]) -> None:
    for key, value in zip(items[::2], items[1::2], strict=True):
        _put(stack[-1], key, value)


def _dict(stack: list[Any], items: list[Any]) -> None:
    stack.append({})
    _set_all(stack, items)


def _extend(stack: list[Any], items: list[Any]) -> None:
    if isinstance(stack[-1], list):
        stack[-1].extend(items)


def _object(stack: list[Any], items: list[Any]) -> None:
    stack.append(_called(items[0], tuple(items[1:])))


MARKED: dict[str, Callable[[list[Any], list[Any]], None]] = {
    "LIST": lambda stack, items: stack.append(items),
    "FROZENSET": lambda stack, items: stack.append(items),
    "TUPLE": lambda stack, items: stack.append(tuple(items)),
    "DICT": _dict,
    "SETITEMS": _set_all,
    "APPENDS": _extend,
    "ADDITEMS": _extend,
    "OBJ": _object,
    "POP_MARK": lambda stack, items: None,
}
"""Opcodes that take all down to a mark: the stack below, and what was above."""


def _several(count: int) -> Callable[[list[Any]], None]:
    def step(stack: list[Any]) -> None:
        if len(stack) < count:
            raise IndexError("too few values for a tuple")
        stack[-count:] = [tuple(stack[-count:])]

    return step


def _set(stack: list[Any]) -> None:
    value, key = stack.pop(), stack.pop()
    _put(stack[-1], key, value)


def _append(stack: list[Any]) -> None:
    value = stack.pop()
    _extend(stack, [value])


def _call(stack: list[Any]) -> None:
    arguments, what = stack.pop(), stack.pop()
    stack.append(_called(what, arguments))


def _call_named(stack: list[Any]) -> None:
    stack.pop()
    _call(stack)


def _name(stack: list[Any]) -> None:
    name, module = stack.pop(), stack.pop()
    stack.append(Named(f"{module}.{name}" if isinstance(name, str) else "?"))


def _build(stack: list[Any]) -> None:
    state = stack.pop()
    if isinstance(stack[-1], Opaque):
        stack[-1].state = state


STEP: dict[str, Callable[[list[Any]], None]] = {
    "POP": lambda stack: stack.__delitem__(-1),
    "DUP": lambda stack: stack.append(stack[-1]),
    "TUPLE1": _several(1),
    "TUPLE2": _several(2),
    "TUPLE3": _several(3),
    "SETITEM": _set,
    "APPEND": _append,
    "REDUCE": _call,
    "NEWOBJ": _call,
    "NEWOBJ_EX": _call_named,
    "BUILD": _build,
    "STACK_GLOBAL": _name,
}
"""Opcodes that work on the top of the stack."""
