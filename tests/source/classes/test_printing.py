"""Small outlines, and the classes that are printed for them, side by side."""

from __future__ import annotations

import re
import textwrap
from dataclasses import replace
from typing import Any

import pytest
from nets import graph_of
from outlines import conv, cut, definition, op
from spoken import DIALECT

from archspec.source.classes import Container, Dialect, Extra, printed
from archspec.source.expr import equal, named, over_zero
from archspec.source.outline import Definition, Line, Nested, Ref, Use
from archspec.source.text import Call

INPUT = Ref(None)
RELU, NORM, SAME, ADD = op("relu"), op("batch_norm"), op("identity"), op("add")
C: Any = named("c", "int")
N: Any = named("n", "int")
FLAG: Any = named("flag", "bool")
OTHER: Any = named("other", "int")
CS, NS, FLAGS = ("c", 8), ("n", 3), ("flag", True)


def line(name: str, target: object, *inputs: Ref, **more: object) -> Line:
    return Line(name, target, inputs or (INPUT,), **more)  # type: ignore[arg-type]  # as a line takes them


def chain(*targets: object) -> list[Line]:
    """Lines without names, one after the other."""
    return [
        line("", target, Ref(n - 1) if n else INPUT) for n, target in enumerate(targets)
    ]


DOCSTRING = re.compile(r'^ *"""[^"]*"""\n\n?', re.MULTILINE)


def text_of(*definitions: Definition, dialect: Dialect = DIALECT) -> str:
    """The classes of a file, without docstrings and what stands above them."""
    inputs = definitions[-1].inputs
    given = ", ".join(f"{name}: [4, 8, 8]" for name in inputs)
    node = f"{{op: concat, from: [{', '.join(inputs)}]}}"
    node = "relu" if len(inputs) == 1 else node
    graph = graph_of(f"inputs: {{{given}}}\ngraph: {{all: {node}}}\n")
    text = printed(graph, list(definitions), dialect).text
    _, _, code = text.partition("\nimport toy\n")
    return DOCSTRING.sub("", code).lstrip("\n")


def check(text: str, *definitions: Definition, dialect: Dialect = DIALECT) -> None:
    found = text_of(*definitions, dialect=dialect)
    assert found == textwrap.dedent(text).lstrip("\n")


# Children with names.


def test_a_chain_of_calls() -> None:
    lines = [line("conv", conv(C)), line("bn", NORM, Ref(0)), line("act", RELU, Ref(1))]
    check(
        """
        class Net(toy.Module):
            def __init__(self, *, c: int = 8) -> None:
                super().__init__()
                self.conv = toy.Conv(c)
                self.bn = toy.Norm(4)
                self.act = toy.Relu()

            def forward(self, x: toy.Value) -> toy.Value:
                return self.act(self.bn(self.conv(x)))
        """,
        definition(lines, arguments=[CS]),
    )


def test_a_call_that_would_not_fit_in_another_is_a_statement() -> None:
    long = "a_name_that_takes_a_good_part_of_a_line"
    lines = [line(f"{long}1", conv()), line(f"{long}2", NORM, Ref(0))]
    check(
        f"""
        class Net(toy.Module):
            def __init__(self) -> None:
                super().__init__()
                self.{long}1 = toy.Conv(4)
                self.{long}2 = toy.Norm(4)

            def forward(self, x: toy.Value) -> toy.Value:
                x = self.{long}1(x)
                return self.{long}2(x)
        """,
        definition(lines),
    )


def test_only_an_op_that_follows_others_is_written_around_one() -> None:
    unit = definition([line("conv", conv())], title="unit")
    lines = [
        line("a", conv()),
        line("b", conv(), Ref(0)),
        line("c", Use(unit, {}), Ref(1)),
        line("d", RELU, Ref(2)),
    ]
    assert "x = self.a(x)\n        x = self.b(x)\n        return self.d(self.c(x))" in (
        text_of(unit, definition(lines))
    )


def test_a_value_with_several_readers_is_no_part_of_a_call() -> None:
    lines = [
        line("conv", conv()),
        line("bn", NORM, Ref(0)),
        line("add", ADD, Ref(1), Ref(0)),
    ]
    assert """\
        conv = self.conv(x)
        x = self.bn(conv)
        return toy.total(x, conv)
""" in text_of(definition(lines))


def test_the_last_value_is_returned_at_once() -> None:
    assert text_of(definition([line("a", conv())])).endswith("return self.a(x)\n")


def test_a_value_of_several() -> None:
    two = definition(
        [line("a", conv()), line("b", ADD, Ref(0), Ref(0)), line("c", conv(), Ref(0))],
        {"0": Ref(1), "1": Ref(2)},
        title="two",
    )
    net = definition([line("t", Use(two, {}), outputs=2)], {"": Ref(0)})
    text = text_of(two, net)
    assert (
        """\
        a = self.a(x)
        b = toy.total(a, a)
        c = self.c(a)
        return b, c
"""
        in text
    )
    assert (
        """\
        t_0, _ = self.t(x)
        return t_0
"""
        in text
    )


@pytest.mark.parametrize(
    ("lines", "body"),
    [
        pytest.param(
            [line("a", conv()), line("b", cut(0, 2), Ref(0))],
            "x = self.a(x)\nreturn toy.cut(x, 0, 2)",
            id="a call of a function",
        ),
        pytest.param(
            [line("a", conv()), line("b", SAME, Ref(0)), line("c", SAME, Ref(1))],
            "return self.a(x)",
            id="nothing to compute",
        ),
        pytest.param(
            [
                line("a", conv()),
                line("b", SAME, Ref(0)),
                line("c", ADD, Ref(1), Ref(0)),
            ],
            "x = self.a(x)\nreturn toy.total(x, x)",
            id="what is handed on has no variable of its own",
        ),
        pytest.param([], "return x", id="nothing at all"),
        pytest.param(
            [
                line("a", conv()),
                line("b", conv()),
                line("c", conv(), Ref(0), when=FLAG, otherwise=Ref(1)),
            ],
            "y = self.a(x)\nx = self.b(x)\n"
            "if self.c is not None:\n    x = self.c(y)\nreturn x",
            id="what stands for it has a variable of its own",
        ),
        pytest.param(
            [
                line("a", conv()),
                line("b", conv()),
                line("c", conv(), Ref(0), when=FLAG, otherwise=Ref(1)),
                line("d", ADD, Ref(2), Ref(1)),
            ],
            "y = self.a(x)\nb = self.b(x)\n"
            "x = self.c(y) if self.c is not None else b\nreturn toy.total(x, b)",
            id="what stands for it is read later",
        ),
        pytest.param(
            [line("a", cut(1, C), when=FLAG), line("b", SAME, Ref(0), when=FLAG)],
            "if self.a:\n    x = toy.cut(x, 1, self.c)\nreturn x",
            id="a function that isn't always there",
        ),
        pytest.param(
            [
                line("0", conv()),
                line("a-b", conv(), Ref(0), when=FLAG, otherwise=INPUT),
            ],
            'y = getattr(self, "0")(x)\n'
            'if getattr(self, "a-b") is not None:\n'
            '    x = getattr(self, "a-b")(y)\nreturn x',
            id="names that are no identifiers",
        ),
        pytest.param(
            [line("a", conv(), when=FLAG), line("b", NORM, Ref(0))],
            "if self.a is not None:\n    x = self.a(x)\nreturn self.b(x)",
            id="no call around what isn't always there",
        ),
        pytest.param(
            [line("a", conv()), line("b", NORM, Ref(0), when=FLAG)],
            "x = self.a(x)\nif self.b is not None:\n    x = self.b(x)\nreturn x",
            id="what isn't always there is around no call",
        ),
    ],
)
def test_bodies(lines: list[Line], body: str) -> None:
    text = text_of(definition(lines, arguments=[CS, FLAGS]))
    found = text.partition("-> toy.Value:\n")[2]
    assert textwrap.dedent(found) == f"{body}\n"


@pytest.mark.parametrize(
    ("lines", "body"),
    [
        pytest.param(
            [line("a", conv(), when=FLAG)],
            "self.a = toy.Conv(4) if flag else None",
            id="a child that isn't always there",
        ),
        pytest.param(
            [line("a", SAME, when=FLAG, count=1, index="i")],
            "self.a = toy.Sequential(*(toy.Same() for _ in range(1)))",
            id="a loop of one turn",
        ),
        pytest.param(
            [line("a", conv(named("i", "int")), count=N, index="i")],
            "self.a = toy.Sequential(*(toy.Conv(i) for i in range(n)))",
            id="a loop",
        ),
        pytest.param(
            [line("a", cut(C, C + 2)), line("b", cut(C + 2, C), Ref(0))],
            "self.c = c\nself.stop = c + 2\nself.start = c + 2",
            id="what functions read of arguments",
        ),
        pytest.param(
            [line("stop", cut(0, C * 2)), line("c", conv(), Ref(0))],
            "self.stop_stop = c * 2\nself.c = toy.Conv(4)",
            id="attributes beside children of their names",
        ),
        pytest.param(
            [line("0", cut(0, C), when=FLAG), line("has_0", conv(), Ref(0))],
            "self.has = flag\nself.c = c\nself.has_0 = toy.Conv(4)",
            id="a flag beside a child of its name",
        ),
        pytest.param(
            [line("a", conv(), single=True)],
            "self.a = toy.Sequential(toy.Conv(4))",
            id="a repeat of one",
        ),
        pytest.param(
            [line("a", cut(0, 3), single=True), line("b", cut(0, 2), Ref(0))],
            "self.a = toy.Sequential(toy.Cut(0, 3))",
            id="a repeat of one that a function could compute",
        ),
        pytest.param(
            [
                line("a", conv(), single=True),
                line("a", NORM, Ref(0), count=2, index="i"),
            ],
            "self.a = toy.Sequential(toy.Conv(4), *(toy.Norm(4) for _ in range(2)))",
            id="a repeat of unlike instances",
        ),
        pytest.param(
            [line("1", conv(), when=FLAG), line("a", conv(), Ref(0))],
            'setattr(self, "1", toy.Conv(4) if flag else None)\nself.a = toy.Conv(4)',
            id="a number that isn't always there",
        ),
        pytest.param(
            [line("a", conv(), INPUT, when=FLAG, otherwise=INPUT)],
            "self.a = toy.Conv(4) if flag else None",
            id="a child that something else stands for",
        ),
        pytest.param(
            [
                line(
                    "a",
                    conv(C),
                    count=N,
                    index="i",
                    carried={"c": C * 2},
                ),
                line(
                    "b",
                    NORM,
                    Ref(0),
                    count=N,
                    index="i",
                    start={"w": 3},
                    carried={"w": 4},
                ),
            ],
            "layers: list[toy.Module] = []\nfor _ in range(n):\n"
            "    layers.append(toy.Conv(c))\n    c = c * 2\n"
            "self.a = toy.Sequential(*layers)\nlayers = []\nw = 3\nfor _ in range(n):\n"
            "    layers.append(toy.Norm(4))\n    w = 4\n"
            "self.b = toy.Sequential(*layers)",
            id="loops that carry",
        ),
        pytest.param(
            [
                line(
                    "",
                    conv(named("i", "int")),
                    count=2,
                    index="i",
                    template=("layer", named("i", "int") + 1),
                )
            ],
            'for i in range(2):\n    setattr(self, f"layer{i + 1}", toy.Conv(i))',
            id="children that are named by an index",
        ),
    ],
)
def test_attributes(lines: list[Line], body: str) -> None:
    text = text_of(definition(lines, arguments=[CS, NS, FLAGS]))
    found = text.partition("super().__init__()\n")[2].partition("\n\n    def")[0]
    assert textwrap.dedent(found).rstrip() == body


def test_a_child_that_is_not_always_there() -> None:
    long = "a_name_that_takes_a_good_part_of_a_line_and_more"
    lines = [
        line(long, conv(), when=FLAG),
        line("b", conv(C * 1000000), Ref(0), when=equal(C, N), otherwise=INPUT),
        line(f"{long}2", conv(), Ref(1), when=FLAG, otherwise=INPUT),
    ]
    assert f"""\
        self.{long} = (
            toy.Conv(4) if flag else None
        )
        self.b = toy.Conv(c * 1000000) if c == n else None
        self.{long}2 = (
            toy.Conv(4) if flag else None
        )
""" in text_of(definition(lines, arguments=[CS, NS, FLAGS]))


# Children with numbers.


@pytest.mark.parametrize(
    ("lines", "body"),
    [
        pytest.param([], "super().__init__()", id="none"),
        pytest.param(
            chain(conv(), RELU),
            "super().__init__(toy.Conv(4), toy.Relu())",
            id="always there",
        ),
        pytest.param(
            [line("", conv(), when=FLAG), line("", RELU, Ref(0), count=N, index="i")],
            "super().__init__(\n"
            "    *([toy.Conv(4)] if flag else []), *(toy.Relu() for _ in range(n))\n)",
            id="sometimes there, or often",
        ),
        pytest.param(
            [
                line("", conv(), when=over_zero(N)),
                line("", RELU, Ref(0), when=equal(N, 0), instead=True),
                line("", NORM, Ref(1), when=equal(N, 0)),
            ],
            "super().__init__(\n"
            "    toy.Conv(4) if n > 0 else toy.Relu(), *([toy.Norm(4)] if n == 0 else [])\n)",
            id="one or the other",
        ),
        pytest.param(
            [
                line("", conv(C), count=N, index="i", carried={"c": 4}),
                line("", RELU, Ref(0)),
                line("", NORM, Ref(1), when=FLAG),
            ],
            "super().__init__()\nfor _ in range(n):\n    self.append(toy.Conv(c))\n"
            "    c = 4\nself.append(toy.Relu())\n"
            "self.extend([toy.Norm(4)] if flag else [])",
            id="a loop that carries",
        ),
        pytest.param(
            [
                line(
                    "",
                    Nested("in", True, True, chain(conv(), RELU), (Ref(1),)),
                    count=N,
                    index="i",
                ),
                line(
                    "", Nested("in", True, True, chain(NORM, RELU), (Ref(1),)), Ref(0)
                ),
                line(
                    "",
                    Nested("in", True, True, chain(NORM), (Ref(0),)),
                    Ref(1),
                    when=FLAG,
                ),
            ],
            "super().__init__()\nfor _ in range(n):\n"
            "    self.extend([toy.Conv(4), toy.Relu()])\n"
            "self.append(toy.Norm(4))\nself.append(toy.Relu())\n"
            "self.extend([toy.Norm(4)] if flag else [])",
            id="lists that are inlined",
        ),
        pytest.param(
            [
                line(
                    "",
                    Nested(
                        "in",
                        True,
                        True,
                        [line("", conv(C), count=2, index="j", carried={"c": 4})],
                        (Ref(0),),
                    ),
                    when=FLAG,
                )
            ],
            "super().__init__()\nif flag:\n    for _ in range(2):\n"
            "        self.append(toy.Conv(c))\n        c = 4",
            id="a loop in a list that isn't always there",
        ),
        pytest.param(
            [line("", Nested("part", True, False, chain(conv(), RELU), (Ref(1),)))],
            "super().__init__(toy.Sequential(toy.Conv(4), toy.Relu()))",
            id="a list in a list",
        ),
    ],
)
def test_lists(lines: list[Line], body: str) -> None:
    text = text_of(definition(lines, arguments=[CS, NS, FLAGS], listed=True))
    assert text.startswith("class Net(toy.Sequential):\n")
    assert textwrap.dedent(text.partition("-> None:\n")[2]).rstrip() == body


def test_a_list_that_is_given_one_list() -> None:
    packed = replace(DIALECT, sequential=Container("toy.Chain"))
    loop = [line("a", conv(), count=N, index="i")]
    assert "self.a = toy.Chain(toy.Conv(4) for _ in range(n))" in text_of(
        definition(loop, arguments=[NS]), dialect=packed
    )
    both = definition(chain(conv(), RELU), listed=True)
    assert "super().__init__([toy.Conv(4), toy.Relu()])" in text_of(
        both, dialect=packed
    )
    assert "super().__init__()" in text_of(definition([], listed=True), dialect=packed)


def test_a_function_for_a_list_that_is_inlined() -> None:
    lines = [
        line("", conv(C), count=N, index="i", carried={"c": C * 2}),
        line("", RELU, Ref(0)),
    ]
    stage = definition(
        lines,
        title="stage",
        arguments=[CS, NS],
        listed=True,
        inline=True,
        positional=["c"],
    )
    act = definition(chain(RELU), title="act", listed=True, inline=True)
    grown = definition(
        lines[:1], title="grown", arguments=[CS, NS], listed=True, inline=True
    )
    use = Use(stage, {"c": 4, "n": N})
    net = definition(
        [
            line("", use),
            line("", Use(act, {}), Ref(0), when=FLAG),
            line("", Use(grown, {"c": 3, "n": 2}), Ref(1)),
            line("", use, Ref(2), count=2, index="i"),
        ],
        listed=True,
        arguments=[NS, FLAGS],
    )
    check(
        """
        def stage(c: int, n: int) -> list[toy.Module]:
            layers: list[toy.Module] = []
            for _ in range(n):
                layers.append(toy.Conv(c))
                c = c * 2
            return [*layers, toy.Relu()]


        def act() -> list[toy.Module]:
            return [toy.Relu()]


        def grown(c: int, n: int) -> list[toy.Module]:
            layers: list[toy.Module] = []
            for _ in range(n):
                layers.append(toy.Conv(c))
                c = c * 2
            return layers


        class Net(toy.Sequential):
            def __init__(self, *, n: int = 3, flag: bool = True) -> None:
                super().__init__(*stage(4, n=n), *(act() if flag else []), *grown(c=3, n=2))
                for _ in range(2):
                    self.extend(stage(4, n=n))
        """,
        stage,
        act,
        grown,
        net,
    )


# Several values.


def test_a_list_that_keeps_values_of_its_children() -> None:
    net = definition(
        chain(conv(), RELU, conv()),
        {"low": Ref(0), "high": Ref(2), "again": Ref(0)},
        listed=True,
        numbers=(0, 2),
    )
    check(
        """
        class Net(toy.Sequential):
            def __init__(self) -> None:
                super().__init__(toy.Conv(4), toy.Relu(), toy.Conv(4))

            def forward(self, x: toy.Value) -> dict[str, toy.Value]:
                outputs = []
                for i, layer in enumerate(self):
                    x = layer(x)
                    if i in (0, 2):
                        outputs.append(x)
                return {"low": outputs[0], "high": outputs[1], "again": outputs[0]}
        """,
        net,
    )


def test_a_list_of_children_with_several_values() -> None:
    two = definition(
        [line("a", conv()), line("b", conv())],
        {"0": Ref(0), "1": Ref(1)},
        title="two",
    )
    inner = [line("", Use(two, {}), outputs=2)]
    lines = [
        line("", conv()),
        line("", RELU, Ref(0)),
        line("", Use(two, {}), Ref(1), outputs=2),
        line("", conv(), Ref(2, 1)),
        line(
            "",
            Nested("in", True, True, inner, (Ref(0, 0), Ref(0, 1))),
            Ref(3),
            outputs=2,
        ),
    ]
    block = definition(
        lines,
        {"0": Ref(2, 0), "1": Ref(4, 0), "2": Ref(4, 1)},
        title="stage",
        listed=True,
        numbers=(2, 4, 4),
    )
    net = definition([line("s", Use(block, {}), outputs=3)], {"": Ref(0, 2)})
    assert """\
    def forward(self, x: toy.Value) -> tuple[toy.Value, toy.Value, toy.Value]:
        for layer in list(self)[:2]:
            x = layer(x)
        x, y = self[2](x)
        y = self[3](y)
        y, z = self[4](y)
        return x, y, z
""" in text_of(two, block, net)


def test_a_block_of_several_values_in_a_list() -> None:
    """An inlined block gives what the one in it gives; the next child reads one."""
    two = definition(
        [line("a", conv()), line("b", conv())],
        {"0": Ref(0), "1": Ref(1)},
        title="two",
    )
    inner = definition(
        [line("", Use(two, {}), outputs=2), line("", conv(), Ref(0))],
        {"0": Ref(0, 1), "1": Ref(1)},
        title="inner",
        listed=True,
        inline=True,
    )
    block = definition(
        [line("", Use(inner, {}), outputs=2), line("", conv(), Ref(0, 1))],
        {"0": Ref(0, 0), "1": Ref(1)},
        title="stage",
        listed=True,
        numbers=(0, 2),
    )
    net = definition([line("s", Use(block, {}), outputs=2)], {"": Ref(0, 1)})
    assert """\
        x, y = self[0](x)
        x = self[1](x)
        x = self[2](x)
        return y, x
""" in text_of(two, inner, block, net)


def test_a_nested_list_of_several_values_is_a_class() -> None:
    part = Nested(
        "part", True, False, chain(conv(), RELU), (Ref(0), Ref(1)), numbers=(0, 1)
    )
    net = definition([line("p", part, outputs=2)], {"": Ref(0, 1)})
    assert """\
class Part(toy.Sequential):
    def __init__(self) -> None:
        super().__init__(toy.Conv(4), toy.Relu())
""" in text_of(net)


def test_a_list_that_is_not_always_there_is_a_class_where_its_loop_carries() -> None:
    loop = line("", conv(C), count=N, index="i", carried={"c": 4})
    plain = line("", conv(C), count=N, index="i")
    nested = [
        line("a", Nested("a", True, False, [plain], (Ref(0),)), when=FLAG),
        line("body", Nested("body", True, False, [loop], (Ref(0),)), Ref(0), when=FLAG),
    ]
    text = text_of(definition(nested, arguments=[CS, NS, FLAGS]))
    assert "self.body = Body(c, n) if flag else None\n" in text
    assert "toy.Sequential(*(toy.Conv(c) for _ in range(n))) if flag" in text
    assert """
        for _ in range(n):
            self.append(toy.Conv(c))
            c = 4
""" in text.partition("class Net")[0]


def test_a_net_of_one_list_that_names_its_output() -> None:
    net = definition(chain(conv()), {"end": Ref(0)}, listed=True)
    assert """\
    def forward(self, x: toy.Value) -> dict[str, toy.Value]:
        end = super().forward(x)
        return {"end": end}
""" in text_of(net)


def test_children_that_are_only_numbered() -> None:
    lines = [line("0", conv()), line("1", conv(), Ref(None, 1))]
    level = definition(
        lines, {"0": Ref(0), "1": Ref(1)}, title="level", inputs=("a", "b")
    )
    net = definition(
        [line("l", Use(level, {}), INPUT, INPUT, outputs=2)], {"": Ref(0, 1)}
    )
    assert """\
class Level(toy.List):
    def __init__(self) -> None:
        super().__init__([toy.Conv(4), toy.Conv(4)])

    def forward(self, a: toy.Value, b: toy.Value) -> tuple[toy.Value, toy.Value]:
        a = self[0](a)
        b = self[1](b)
        return a, b
""" in text_of(level, net)


@pytest.mark.parametrize(
    "change",
    [
        {"name": "2"},
        {"when": FLAG},
        {"count": 2, "index": "i"},
        {"target": cut(0, C)},
    ],
    ids=str,
)
def test_children_of_which_not_all_are_only_numbered(change: dict[str, object]) -> None:
    lines = [line("0", conv()), line("1", conv(), Ref(0))]
    for key, value in change.items():
        setattr(lines[1], key, value)
    text = text_of(definition(lines, arguments=[CS, FLAGS]))
    assert text.startswith("class Net(toy.Module):")


def test_instances_of_a_repeat_of_which_others_read() -> None:
    lines = [
        line("a", conv(), count=2, index="i"),
        line("a", conv(), Ref(0), single=True),
        line("a", NORM, Ref(1), count=N, index="i"),
        line("b", ADD, Ref(0), Ref(2)),
    ]
    text = text_of(definition(lines, arguments=[NS]))
    assert (
        """\
        for layer in self.a[:2]:
            x = layer(x)
        y = self.a[2](x)
        for layer in self.a[3:]:
            y = layer(y)
        return toy.total(x, y)
"""
        in text
    )


def test_an_instance_of_a_repeat_that_is_not_always_there() -> None:
    lines = [
        line("a", conv(), single=True),
        line("a", NORM, Ref(0), single=True, when=FLAG),
        line("b", ADD, Ref(0), Ref(1)),
    ]
    text = text_of(definition(lines, arguments=[FLAGS]))
    assert "toy.Sequential(toy.Conv(4), *([toy.Norm(4)] if flag else []))" in text
    assert (
        """\
        x = self.a[0](x)
        y = x
        for layer in self.a[1:]:
            y = layer(y)
        return toy.total(x, y)
"""
        in text
    )


def test_an_op_of_several_values_is_a_function_though_it_could_be_a_child() -> None:
    both = dict(DIALECT.modules) | {"add": lambda use: Call("toy.Add")}
    dialect = replace(DIALECT, modules=both)
    text = text_of(definition([line("a", ADD, INPUT, INPUT)]), dialect=dialect)
    assert "toy.Add" not in text and "return toy.total(x, x)" in text


def test_attributes_that_every_module_has_are_left_alone() -> None:
    dialect = replace(DIALECT, reserved=frozenset(("c", "stop")))
    text = text_of(definition([line("a", cut(0, C))], arguments=[CS]), dialect=dialect)
    assert "self.a_stop = c\n" in text


# Arguments, and other definitions.


def test_arguments() -> None:
    unit = definition(
        [line("a", conv(C)), line("b", cut(0, N), Ref(0))],
        title="my_unit",
        arguments=[CS, NS],
        positional=["c"],
    )
    unit.constants["wide"] = C * 2
    unit.lines.append(line("d", conv(named("wide", "int")), Ref(1)))
    unit.outputs = {"": Ref(2)}
    net = definition([line("u", Use(unit, {"c": 5, "n": N}))], arguments=[NS])
    check(
        """
        class MyUnit(toy.Module):
            def __init__(self, c: int, n: int) -> None:
                super().__init__()
                wide = c * 2
                self.a = toy.Conv(c)
                self.n = n
                self.d = toy.Conv(wide)

            def forward(self, x: toy.Value) -> toy.Value:
                x = self.a(x)
                x = toy.cut(x, 0, self.n)
                return self.d(x)


        class Net(toy.Module):
            def __init__(self, *, n: int = 3) -> None:
                super().__init__()
                self.u = MyUnit(5, n=n)

            def forward(self, x: toy.Value) -> toy.Value:
                return self.u(x)
        """,
        unit,
        net,
    )


def test_a_nested_graph_is_a_class_of_what_it_reads() -> None:
    wide, deep = named("wide", "int"), named("deep", "float")
    inner = Nested(
        "part",
        False,
        False,
        [line("a", conv(wide)), line("b", conv(deep), Ref(0))],
        (Ref(1),),
    )
    unit = definition(
        [line("p", inner), line("q", conv(named("other", "int")), Ref(0))],
        title="unit",
        arguments=[CS, NS],
    )
    unit.constants.update(
        other=C * 3,
        wide=C * 2,
        deep=OTHER * 0.5,
    )
    net = definition([line("u", Use(unit, {"c": 4, "n": 4}))])
    assert """\
class Part(toy.Module):
    def __init__(self, c: int, other: int) -> None:
        super().__init__()
        wide = c * 2
        deep = other * 0.5
        self.a = toy.Conv(wide)
        self.b = toy.Conv(deep)
""" in text_of(unit, net)
    assert """\
        other = c * 3
        self.p = Part(c, other)
        self.q = toy.Conv(other)
""" in text_of(unit, net)


def test_a_nested_graph_reads_what_a_loop_takes_from_a_table() -> None:
    row, turn = named("rate", "float"), named("i", "int")
    inner = Nested(
        "p",
        False,
        False,
        [line("a", conv(row)), line("b", conv(turn), Ref(0))],
        (Ref(1),),
    )
    loop = line("s", inner, count=2, index="i", rows={"rate": (0.5, 1)})
    assert """\
class NetP(toy.Module):
    def __init__(self, i: int, rate: float) -> None:
        super().__init__()
        self.a = toy.Conv(rate)
        self.b = toy.Conv(i)
""" in text_of(definition([loop]))
    assert "for i, rate in enumerate((0.5, 1))" in text_of(definition([loop]))


def test_an_argument_that_is_handed_down() -> None:
    """As NNX's `rngs`: by every class below which a child takes it, and by no other."""
    extra = Extra("rngs", ("*", "rngs: toy.Rngs"), lambda use: use.kind == "conv2d")
    nnx = replace(DIALECT, extra=extra, initialised=False)
    plain = definition([line("a", RELU)], title="plain")
    weighted = definition(chain(conv()), title="weighted", listed=True, inline=True)
    inner = Nested("inside", False, False, [line("a", conv())], (Ref(0),))
    empty = definition([line("a", cut(0, 1))], title="empty")
    net = definition(
        [
            line("a", Use(plain, {})),
            line("b", Use(weighted, {}), Ref(0), count=2, index="i"),
            line("c", inner, Ref(1)),
            line("d", Use(empty, {}), Ref(2)),
        ],
        arguments=[CS],
    )
    text = text_of(plain, weighted, empty, net, dialect=nnx)
    assert (
        """\
class Plain(toy.Module):
    def __init__(self) -> None:
        self.a = toy.Relu()
"""
        in text
    )
    assert (
        """\
def weighted(*, rngs: toy.Rngs) -> list[toy.Module]:
    return [toy.Conv(4, rngs=rngs)]
"""
        in text
    )
    assert (
        "class Empty(toy.Module):\n    def __init__(self) -> None:\n        pass\n"
        in text
    )
    assert (
        """\
    def __init__(self, *, c: int = 8, rngs: toy.Rngs) -> None:
        self.a = Plain()
        layers: list[toy.Module] = []
        for _ in range(2):
            layers += weighted(rngs=rngs)
        self.b = toy.Sequential(*layers)
        self.c = Inside(rngs=rngs)
        self.d = Empty()
"""
        in text
    )


class Ones:
    """Initial weights that are said at each child, above the classes, and at the end."""

    def __init__(
        self,
        graph: object,
        definitions: list[Definition],
        titles: dict[int, str],
        names: object,
    ) -> None:
        self.title = titles[id(definitions[0])]

    def child(self, use: object, made: Call) -> Call:
        return replace(made, kwargs=(("start", 1),))

    def rules(self) -> list[str]:
        return [f"ONES = {self.title!r}"]

    def last(self, net: Definition) -> list[str]:
        return ["        self.fill()"]


def test_initial_weights() -> None:
    unit = definition([line("a", conv())], title="unit")
    start = replace(DIALECT, start=Ones)  # type: ignore[arg-type]  # of this test
    text = text_of(unit, definition([line("b", Use(unit, {}))]), dialect=start)
    assert text.startswith("ONES = 'Unit'\n\n\nclass Unit(toy.Module):")
    assert "self.a = toy.Conv(4, start=1)\n\n" in text
    assert "        self.b = Unit()\n        self.fill()\n\n" in text


# Names.


def titles(*names: str, **more: object) -> list[str]:
    blocks = [definition([line("a", conv())], title=name, **more) for name in names]  # type: ignore[arg-type]  # as above
    uses = [line(f"b{n}", Use(b, {})) for n, b in enumerate(blocks)]
    text = text_of(*blocks, definition(uses, {"": Ref(0)}, arguments=[CS]))
    rows = [row for row in text.splitlines() if row.startswith(("class ", "def "))]
    return [row.split()[1].partition("(")[0] for row in rows]


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("basic_block", "BasicBlock"),
        ("SEUnit", "SEUnit"),
        ("mb_conv3x3", "MbConv3x3"),
        ("layer{index + 1}", "Layer"),
        ("{index}", "Index"),
        ("net_", "Net2"),
        ("none", "None2"),
        ("toy", "Toy"),
    ],
)
def test_titles(name: str, title: str) -> None:
    assert titles(name) == [title, "Net"]


@pytest.mark.parametrize(
    ("name", "title", "found"),
    [("tiny", "", "Tiny"), ("tiny", "ResNet-18", "ResNet18"), ("net", "", "Net")],
)
def test_a_net_is_called_by_its_title_or_its_name(
    name: str, title: str, found: str
) -> None:
    graph = graph_of("inputs: {x: [4, 8, 8]}\ngraph: {all: relu}\n")
    graph = replace(graph, name=name, title=title)
    text = printed(graph, [definition([line("a", conv())])], DIALECT).text
    assert f"\nclass {found}(toy.Module):\n" in text


def test_titles_are_unlike_and_no_names_of_variables() -> None:
    assert titles("unit", "Unit", "unit_") == ["Unit", "Unit2", "Unit3", "Net"]
    assert titles("toy", "c", "layers", "list", listed=True, inline=True) == [
        "toy2",
        "c2",
        "layers2",
        "list2",
        "Net",
    ]


def test_inputs_are_no_names_that_code_uses() -> None:
    unit = definition(
        [line("a", ADD, INPUT, Ref(None, 1))], title="unit", inputs=("toy", "self")
    )
    net = definition([line("b", Use(unit, {}), INPUT, INPUT)])
    assert "def forward(self, toy2: toy.Value, self2: toy.Value)" in text_of(unit, net)


def test_helpers_are_no_names_of_variables() -> None:
    helped = replace(DIALECT, helpers={"pad": "def pad():\n    return toy"})
    lines = [
        line("pad", conv()),
        line("b", ADD, Ref(0), Ref(0)),
        line("c", ADD, Ref(0), Ref(1)),
    ]
    assert "x = self.pad(x)" in text_of(definition(lines), dialect=helped)
    assert "pad = self.pad(x)" in text_of(definition(lines))
