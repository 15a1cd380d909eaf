"""Small specs, and the functions that are printed for them in a toy framework.

`toy.Pad` stands before every convolution; a slice is a function without a name.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from dataclasses import replace

import pytest
from nets import graph_of
from spoken_functions import DIALECT

from archspec.graph import Graph
from archspec.source.family import Family
from archspec.source.functions import emit
from archspec.source.functions.dialect import (
    Constants,
    Frame,
    Function,
    Layer,
    Name,
    Step,
)
from archspec.source.functions.printing import framed
from archspec.source.outline import OpUse
from archspec.source.text import Call, Code, Doc

NET = """


def Net("""
"""What stands before the net's own function."""


DOCSTRING = re.compile(r'^ *"""[^"]*"""\n', re.MULTILINE)


def printed(spec: str) -> str:
    """The functions of a spec, without docstrings and what stands before them."""
    text = emit(graph_of(textwrap.dedent(spec)), DIALECT).text
    return DOCSTRING.sub("", text[text.index("\ndef ") + 1 :])


def check(spec: str, wanted: str) -> None:
    """The printed text, or the blocks alone where that is all that is wanted."""
    found, said = printed(spec), textwrap.dedent(wanted).strip("\n") + "\n"
    if "def Net(" not in said:
        found = found.partition(NET)[0] + "\n"
    assert found == said


def test_a_chain() -> None:
    check(
        """
        inputs: {image: [3, 8, 8]}
        graph:
          conv: {op: conv2d, channels: 4, kernel: 1}
          same: identity
          cut: {op: slice, stop: 2}
          relu: relu
        """,
        """
        def Net(image_value: toy.Value, *, name: str = "net") -> dict[str, toy.Value]:
            x = toy.Pad(name="conv_pad")(image_value)
            x = toy.Conv(channels=4, name="conv")(x)
            x = toy.cut(x, 0, 2)
            x = toy.Relu(name="relu")(x)
            return toy.model([image_value], {"": x}, name=name)
        """,
    )


def test_a_block_returns_its_last_value_at_once() -> None:
    check(
        """
        inputs: {image: [4, 8, 8]}
        blocks:
          BasicBlock:
            params: {channels: int}
            graph:
              conv: {op: conv2d, channels: =channels, kernel: 1}
              add: {op: add, from: [conv, conv]}
              relu: relu
        graph:
          a: {block: BasicBlock, channels: 4}
          b: {block: BasicBlock, channels: 5}
        """,
        """
        def basic_block(x: toy.Value, channels: int, name: str) -> toy.Value:
            x = toy.Pad(name=f"{name}_conv_pad")(x)
            x = toy.Conv(channels=channels, name=f"{name}_conv")(x)
            x = toy.Add(name=f"{name}_add")([x, x])
            return toy.Relu(name=f"{name}_relu")(x)


        def Net(image_value: toy.Value, *, name: str = "net") -> dict[str, toy.Value]:
            x = basic_block(image_value, 4, name="a")
            x = basic_block(x, 5, name="b")
            return toy.model([image_value], {"": x}, name=name)
        """,
    )


def test_channels_come_from_the_value() -> None:
    check(
        """
        inputs: {image: [4, 8, 8]}
        blocks:
          unit:
            graph:
              conv: {op: conv2d, channels: =input.channels * 2, kernel: 1}
        graph: {a: {block: unit}, b: {block: unit}}
        """,
        """
        def unit(x: toy.Value, name: str) -> toy.Value:
            in_channels = x.channels
            x = toy.Pad(name=f"{name}_conv_pad")(x)
            return toy.Conv(channels=in_channels * 2, name=f"{name}_conv")(x)
        """,
    )


def test_several_values_have_the_names_of_the_spec() -> None:
    check(
        """
        inputs: {image: [4, 8, 8]}
        outputs: {c3: body.low, c4: last}
        blocks:
          body:
            outputs: {low: a, high: c}
            graph:
              a: relu
              b: {op: conv2d, channels: 4, kernel: 1}
              c: {op: add, from: [a, b]}
        graph:
          body: {block: body}
          last: {op: add, from: [body.low, body.high]}
        """,
        """
        def body(x: toy.Value, name: str) -> tuple[toy.Value, toy.Value]:
            low = toy.Relu(name=f"{name}_a")(x)
            x = toy.Pad(name=f"{name}_b_pad")(low)
            x = toy.Conv(channels=4, name=f"{name}_b")(x)
            high = toy.Add(name=f"{name}_c")([low, x])
            return low, high


        def Net(image_value: toy.Value, *, name: str = "net") -> dict[str, toy.Value]:
            c3, high = body(image_value, name="body")
            c4 = toy.Add(name="last")([c3, high])
            return toy.model([image_value], {"c3": c3, "c4": c4}, name=name)
        """,
    )


def test_many_values_are_a_tuple_of_any_length() -> None:
    spec = """
        inputs: {image: [4, 8, 8]}
        blocks:
          body:
            outputs: {a: a, b: b, c: c%s}
            graph: {a: relu, b: relu, c: relu, d: relu}
        graph:
          body: {block: body}
          all: {op: add, from: [body.a, body.b, body.c%s]}
        """
    assert "-> tuple[toy.Value, ...]:" in printed(spec % (", d: d", ", body.d"))
    three = "-> tuple[toy.Value, toy.Value, toy.Value]:"
    assert three in printed((spec % ("", "")).replace(", d: relu", ""))


def test_an_optional_node() -> None:
    check(
        """
        inputs: {image: [4, 8, 8]}
        blocks:
          unit:
            params: {wide: bool}
            graph:
              conv: {op: conv2d, channels: 4, kernel: 1}
              relu: {op: relu, when: =wide}
              again: {op: relu, when: =wide}
              short: {op: relu, from: input, when: =not wide}
              add: {op: add, from: [again, short]}
        graph: {a: {block: unit, wide: true}, b: {block: unit, wide: false}}
        """,
        """
        def unit(x: toy.Value, wide: bool, name: str) -> toy.Value:
            y = toy.Pad(name=f"{name}_conv_pad")(x)
            y = toy.Conv(channels=4, name=f"{name}_conv")(y)
            if wide:
                y = toy.Relu(name=f"{name}_relu")(y)
                y = toy.Relu(name=f"{name}_again")(y)
            if not wide:
                x = toy.Relu(name=f"{name}_short")(x)
            return toy.Add(name=f"{name}_add")([y, x])
        """,
    )


def test_what_stands_for_an_absent_node_is_kept() -> None:
    check(
        """
        inputs: {image: [4, 8, 8]}
        blocks:
          unit:
            params: {wide: bool}
            graph:
              conv: {op: conv2d, from: input, channels: 4, kernel: 1}
              more: {op: relu, from: conv, when: =wide}
              add: {op: add, from: [conv, more]}
        graph: {a: {block: unit, wide: true}, b: {block: unit, wide: false}}
        """,
        """
        def unit(x: toy.Value, wide: bool, name: str) -> toy.Value:
            conv = toy.Pad(name=f"{name}_conv_pad")(x)
            conv = toy.Conv(channels=4, name=f"{name}_conv")(conv)
            x = conv
            if wide:
                x = toy.Relu(name=f"{name}_more")(x)
            return toy.Add(name=f"{name}_add")([conv, x])
        """,
    )


def test_a_repeat_in_a_list_and_in_a_mapping() -> None:
    check(
        """
        inputs: {image: [4, 8, 8]}
        blocks:
          stage:
            params: {depth: int}
            graph:
            - {op: relu, repeat: =depth}
            - relu
          unit:
            params: {depth: int}
            graph:
              body: {op: relu, repeat: =depth}
              stage: {block: stage, depth: =depth + 1}
        graph:
          a: {block: unit, depth: 2}
          b: {block: unit, depth: 0}
        """,
        """
        def stage(x: toy.Value, depth: int, name: str) -> toy.Value:
            for i in range(depth):
                x = toy.Relu(name=f"{name}_{i}")(x)
            return toy.Relu(name=f"{name}_{depth}")(x)


        def unit(x: toy.Value, depth: int, name: str) -> toy.Value:
            for i in range(depth):
                x = toy.Relu(name=f"{name}_body_{i}")(x)
            return stage(x, depth=depth + 1, name=f"{name}_stage")
        """,
    )


def test_unlike_instances_of_a_repeat_are_numbered_on() -> None:
    check(
        """
        inputs: {image: [4, 8, 8]}
        graph:
          body:
            repeat: 4
            graph: [{op: '="relu" if index < 3 else "identity"'}, relu]
        """,
        """
        def Net(image_value: toy.Value, *, name: str = "net") -> dict[str, toy.Value]:
            x = image_value
            for i in range(3):
                x = toy.Relu(name=f"body_{i}_0")(x)
                x = toy.Relu(name=f"body_{i}_1")(x)
            x = toy.Relu(name="body_3_1")(x)
            return toy.model([image_value], {"": x}, name=name)
        """,
    )


def test_behind_an_optional_child_a_counter_counts() -> None:
    """It counts what has two layers, and what has none, once."""
    check(
        """
        inputs: {image: [4, 8, 8]}
        blocks:
          body:
            params: {wide: bool}
            graph:
            - {op: relu, when: =wide}
            - {op: conv2d, channels: 8, kernel: 1}
            - {op: slice, stop: 4}
            - identity
            - {graph: [relu, {op: relu, when: =wide}, relu]}
            - {graph: {deep: relu}}
            - relu
        graph: {a: {block: body, wide: true}, b: {block: body, wide: false}}
        """,
        """
        def body(x: toy.Value, wide: bool, name: str) -> toy.Value:
            names = (f"{name}_{i}" for i in count())
            if wide:
                x = toy.Relu(name=next(names))(x)
            label = next(names)
            x = toy.Pad(name=f"{label}_pad")(x)
            x = toy.Conv(channels=8, name=label)(x)
            next(names)
            x = toy.cut(x, 0, 4)
            next(names)
            prefix = next(names)
            names2 = (f"{prefix}_{i}" for i in count())
            x = toy.Relu(name=next(names2))(x)
            if wide:
                x = toy.Relu(name=next(names2))(x)
            x = toy.Relu(name=next(names2))(x)
            prefix2 = next(names)
            x = toy.Relu(name=f"{prefix2}_deep")(x)
            return toy.Relu(name=next(names))(x)
        """,
    )


def test_an_inlined_list_takes_the_names_of_the_list_around_it() -> None:
    check(
        """
        inputs: {image: [4, 8, 8]}
        blocks:
          pair: {graph: [relu, {op: slice, stop: 3}]}
        graph:
          all:
            graph:
            - {block: pair, inline: true}
            - {block: pair, inline: true, repeat: 2}
            - {graph: [relu, relu], inline: true}
        """,
        """
        def pair(x: toy.Value, names: Iterator[str]) -> toy.Value:
            x = toy.Relu(name=next(names))(x)
            next(names)
            return toy.cut(x, 0, 3)


        def Net(image_value: toy.Value, *, name: str = "net") -> dict[str, toy.Value]:
            names = (f"all_{i}" for i in count())
            x = pair(image_value, names=names)
            for _ in range(2):
                x = pair(x, names=names)
            x = toy.Relu(name=next(names))(x)
            x = toy.Relu(name=next(names))(x)
            return toy.model([image_value], {"": x}, name=name)
        """,
    )


def test_a_block_without_layers_takes_no_name() -> None:
    """Nor does it take an argument that nothing reads."""
    check(
        """
        inputs: {image: [4, 8, 8]}
        blocks:
          cut:
            params: {stop: int, name_of_scale: gamma}
            graph: [{op: slice, stop: =stop}]
          body:
            params: {wide: bool}
            graph:
            - {op: relu, when: =wide}
            - {block: cut, stop: 3}
            - relu
        graph:
          a: {block: body, wide: true}
          b: {block: body, wide: false}
          c: {block: cut, stop: 2}
        """,
        """
        def cut(x: toy.Value, stop: int) -> toy.Value:
            return toy.cut(x, 0, stop)


        def body(x: toy.Value, wide: bool, name: str) -> toy.Value:
            names = (f"{name}_{i}" for i in count())
            if wide:
                x = toy.Relu(name=next(names))(x)
            next(names)
            x = cut(x, stop=3)
            return toy.Relu(name=next(names))(x)
        """,
    )


def test_an_identity_is_not_printed() -> None:
    check(
        """
        inputs: {image: [4, 8, 8]}
        blocks:
          unit:
            params: {wide: bool}
            graph:
              same: {op: identity, when: =wide}
              many: {op: identity, repeat: 3}
              relu: {op: relu, when: =wide}
        graph: {a: {block: unit, wide: true}, b: {block: unit, wide: false}}
        """,
        """
        def unit(x: toy.Value, wide: bool, name: str) -> toy.Value:
            if wide:
                x = toy.Relu(name=f"{name}_relu")(x)
            return x
        """,
    )


def test_names_that_the_text_uses_itself() -> None:
    """Of functions, arguments, inputs and values; a counter gives way to them."""
    check(
        """
        inputs: {image: [4, 8, 8]}
        blocks:
          toy:
            inputs: [names, toy]
            params: {count: int, wide: bool}
            graph:
              label: {op: conv2d, from: names, channels: 4, kernel: 1}
              low: {op: add, from: [label, label, toy]}
              prefix: {op: add, from: [label, low]}
              Net:
                graph:
                - {op: relu, when: =wide}
                - {op: conv2d, channels: =count, kernel: 1}
          Net: {graph: [relu]}
        graph:
          first: relu
          a: {block: toy, from: [first, input], count: 4, wide: true}
          b: {block: toy, from: [a, input], count: 5, wide: false}
          c: {block: Net}
        """,
        """
        def toy2(
            names: toy.Value, toy_: toy.Value, count_: int, wide: bool, name: str
        ) -> toy.Value:
            label = toy.Pad(name=f"{name}_label_pad")(names)
            label = toy.Conv(channels=4, name=f"{name}_label")(label)
            x = toy.Add(name=f"{name}_low")([label, label, toy_])
            x = toy.Add(name=f"{name}_prefix")([label, x])
            names2 = (f"{name}_Net_{i}" for i in count())
            if wide:
                x = toy.Relu(name=next(names2))(x)
            label2 = next(names2)
            x = toy.Pad(name=f"{label2}_pad")(x)
            return toy.Conv(channels=count_, name=label2)(x)


        def net(x: toy.Value, name: str) -> toy.Value:
            return toy.Relu(name=f"{name}_0")(x)
        """,
    )


def test_names_of_the_nets_own_parameters() -> None:
    """A param that is called as the net's input is, gets another name."""
    check(
        """
        params: {image_value: 6}
        inputs: {image: [4, 8, 8]}
        graph:
          conv: {op: conv2d, channels: =image_value, kernel: 1}
        """,
        """
        def Net(
            image_value: toy.Value, *, image_value_: int = 6, name: str = "net"
        ) -> dict[str, toy.Value]:
            x = toy.Pad(name="conv_pad")(image_value)
            x = toy.Conv(channels=image_value_, name="conv")(x)
            return toy.model([image_value], {"": x}, name=name)
        """,
    )


def test_what_the_inputs_say_is_no_parameter() -> None:
    """Under its own name, or another where that is the text's own."""

    def frame(graph: Graph) -> Frame:
        given = {name: f"image_value.{name}" for name in ("count", "width")}
        return replace(DIALECT.frame(graph), given=given)

    spec = """
params: {count: 4, width: 5}
inputs: {image: [=count, 8, 8], low: [=width, 8, 8]}
graph:
  a: {op: conv2d, from: image, channels: =count * width, kernel: 1}
  b: {op: slice, from: low, stop: 2}
outputs: {a: a, b: b}
"""
    text = emit(graph_of(spec), replace(DIALECT, frame=frame)).text
    assert text.endswith(
        '''
def Net(
    image_value: toy.Value, low_value: toy.Value, *, name: str = "net"
) -> dict[str, toy.Value]:
    """Net."""
    count_ = image_value.count
    width = image_value.width
    a = toy.Pad(name="a_pad")(image_value)
    a = toy.Conv(channels=count_ * width, name="a")(a)
    b = toy.cut(low_value, 0, 2)
    return toy.model([image_value, low_value], {"a": a, "b": b}, name=name)
'''
    )


@pytest.mark.parametrize(
    ("name", "title", "found"),
    [("tiny", "", "Tiny"), ("tiny", "ResNet-18", "ResNet18"), ("net", "", "Net")],
)
def test_a_net_is_called_by_its_title_or_its_name(
    name: str, title: str, found: str
) -> None:
    graph = graph_of("inputs: {x: [4, 8, 8]}\ngraph: {all: relu}\n")
    text = emit(replace(graph, name=name, title=title), DIALECT).text
    assert f"\ndef {found}(" in text


def test_values_of_a_nested_graph_are_variables_at_once() -> None:
    check(
        """
        inputs: {image: [4, 8, 8]}
        graph:
          part: {graph: [relu, {op: slice, stop: 2}, relu]}
        outputs: {low: part.0, high: part}
        """,
        """
        def Net(image_value: toy.Value, *, name: str = "net") -> dict[str, toy.Value]:
            low = toy.Relu(name="part_0")(image_value)
            x = toy.cut(low, 0, 2)
            high = toy.Relu(name="part_2")(x)
            return toy.model([image_value], {"low": low, "high": high}, name=name)
        """,
    )


def test_a_constant_is_said_once() -> None:
    """Its name is no argument's; calls without a name of a layer share nothing."""

    def initial(use: OpUse, made: Layer, constants: Constants) -> Layer:
        if use.kind != "relu":
            return made
        big, other = constants.name("BIG", Call("toy.big")), constants.name("BIG", 2)
        assert constants.name("BIG", Call("toy.big")) == big
        call = replace(made.made, args=(big, other, Code("toy.kernel_of_all")))
        return replace(made, made=call)

    dialect = replace(DIALECT, initial=initial)
    spec = "params: {BIG: 4}\ninputs: {image: [4, 8, 8]}\ngraph:\n  a: relu\n"
    spec += "  b: {op: conv2d, channels: =BIG, kernel: 1}\n"
    text = emit(graph_of(spec), dialect).text
    assert "import toy\n\nBIG2 = toy.big()\nBIG3 = 2\n\n\ndef Net(" in text
    assert 'toy.Relu(BIG2, BIG3, toy.kernel_of_all, name="a")' in text
    assert "BIG: int = 4" in text and "channels=BIG" in text


def test_calls_that_share_much_are_shortened() -> None:
    def lower(use: object) -> list[Step]:
        options = (("momentum", 0.9), ("epsilon", 1e-5), ("axis", -1))
        return [Layer(Call("toy.Relu", (), options))]

    dialect = replace(DIALECT, lowerings={**DIALECT.lowerings, "relu": lower})
    spec = "inputs: {image: [4, 8, 8]}\ngraph: {a: relu, b: relu}"
    text = emit(graph_of(spec), dialect).text
    assert (
        "relu = partial(toy.Relu, momentum=0.9, epsilon=1e-5, axis=-1)\n\n\ndef Net("
        in text
    )
    assert text.count(' = relu(name="') == 2
    assert "from functools import partial\n\nimport toy\n" in text


def test_nodes_of_a_graph_say_the_names_of_their_weights() -> None:
    """As a file does that adds nodes to an ONNX graph."""

    def conv(use: OpUse) -> list[Step]:
        def value(values: Sequence[Doc], name: Name) -> Doc:
            return Call("toy.node", ("Conv", name(""), *values, name("weight")))

        return [Function(value, ("", "weight"))]

    def relu(use: OpUse) -> list[Step]:
        node = Function(lambda v, name: Call("toy.node", ("Relu", name(""), *v)), ("",))
        return [node]

    lowerings = {**DIALECT.lowerings, "conv2d": conv, "relu": relu}
    dialect = replace(DIALECT, lowerings=lowerings, separator=".")
    spec = """
    inputs: {image: [4, 8, 8]}
    blocks:
      unit:
        params: {wide: bool}
        graph:
        - {op: relu, when: =wide}
        - {op: conv2d, channels: 4, kernel: 1}
        - relu
    graph:
      conv: {op: conv2d, channels: 4, kernel: 1}
      a: {block: unit, wide: true}
      b: {block: unit, wide: false}
    """
    text = emit(graph_of(textwrap.dedent(spec)), dialect).text
    assert (
        """
    names = (f"{name}.{i}" for i in count())
    if wide:
        x = toy.node("Relu", next(names), x)
    label = next(names)
    x = toy.node("Conv", label, x, f"{label}.weight")
    return toy.node("Relu", next(names), x)
"""
        in text
    )
    assert 'toy.node("Conv", "conv", image_value, "conv.weight")\n' in text


def test_a_function_has_no_name_of_a_loop() -> None:
    check(
        """
        inputs: {image: [4, 8, 8]}
        blocks:
          i: {params: {channels: int}, graph: {conv: {op: conv2d, channels: =channels, kernel: 1}}}
        graph:
          stage: {repeat: 3, block: i, channels: =4 + index * 2}
        """,
        """
        def i2(x: toy.Value, channels: int, name: str) -> toy.Value:
            x = toy.Pad(name=f"{name}_conv_pad")(x)
            return toy.Conv(channels=channels, name=f"{name}_conv")(x)


        def Net(image_value: toy.Value, *, name: str = "net") -> dict[str, toy.Value]:
            x = image_value
            for i in range(3):
                x = i2(x, 4 + i * 2, name=f"stage_{i}")
            return toy.model([image_value], {"": x}, name=name)
        """,
    )


@pytest.mark.parametrize("name", ["conv_pad", "conv_pad_"])
def test_the_name_of_padding_is_no_other_ops(name: str) -> None:
    text = printed(
        f"""
        inputs: {{image: [4, 8, 8]}}
        graph:
          conv: {{op: conv2d, channels: 4, kernel: 1}}
          {name}: relu
        """
    )
    wanted = "conv_pad_" if name == "conv_pad" else "conv_pad"
    assert f'toy.Pad(name="{wanted}")' in text and f'toy.Relu(name="{name}")' in text


def test_nets_of_a_family_share_a_function_that_has_their_common_title() -> None:
    def net(width: int) -> Graph:
        spec = """
title: A 'tiny' net
params: {width: 4}
inputs: {image: [4, 8, 8]}
graph: {conv: {op: conv2d, channels: =width, kernel: 1}}
"""
        found = graph_of(spec, width=width)
        return replace(found, name=f"tiny{width}", title=f"Tiny-{width}")

    source = emit(Family((net(4), net(6))), DIALECT)
    assert (source.entry, source.entries) == ("Tiny4", ("Tiny4", "Tiny6"))
    assert source.text.endswith(
        '''
import toy


def a_tiny_net(
    image_value: toy.Value, *, width: int = 4, name: str
) -> dict[str, toy.Value]:
    """A 'tiny' net: maps [N, 4, H, W] to [N, width, H, W]."""
    x = toy.Pad(name="conv_pad")(image_value)
    x = toy.Conv(channels=width, name="conv")(x)
    return toy.model([image_value], {"": x}, name=name)


def Tiny4(
    image_value: toy.Value, *, width: int = 4, name: str = "net"
) -> dict[str, toy.Value]:
    """Tiny-4: 20 parameters, 1,024 MACs."""
    return a_tiny_net(image_value, width=width, name=name)


def Tiny6(
    image_value: toy.Value, *, width: int = 6, name: str = "net"
) -> dict[str, toy.Value]:
    """Tiny-6: 30 parameters, 1,536 MACs."""
    return a_tiny_net(image_value, width=width, name=name)
'''
    )


def bare(before: str, *opening: str, within: Doc = None) -> Frame:
    """A frame with one parameter before the arguments of a net and one behind them."""
    return Frame(
        [before], ['name: str = "net"'], opening, ["x"], {}, lambda made: None, within
    )


def test_what_the_function_of_several_nets_has_around_it() -> None:
    """What the largest needs, without defaults; the context is that of the first net."""
    small, large = bare("x: T = 1", within=Code("w")), bare("y: T = 2", "y += 1")
    assert framed([small]) is small and framed([large]) is large
    for frames, within in (([small, large], Code("w")), ([large, small], None)):
        found = framed(frames)
        assert (found.before, found.behind) == (["y: T"], ["name: str"])
        assert found.opening == ("y += 1",) and found.within == within


RELU = "inputs: {image: [4, 8, 8]}\ngraph: {a: relu}\n"


def test_a_result_within_a_context_and_what_the_finished_lines_tell() -> None:
    def frame(graph: Graph) -> Frame:
        plain = replace(DIALECT.frame(graph), within=Code("toy.scope()"))
        lines = replace(plain, opening=["    # one input"], before=[], behind=[])
        return replace(plain, told=lambda definition: lines)

    text = emit(graph_of(RELU), replace(DIALECT, frame=frame)).text
    assert text.endswith(
        '''
def Net(image_value: toy.Value, *, name: str = "net") -> dict[str, toy.Value]:
    """Maps [N, 4, H, W] to [N, 4, H, W]."""
    # one input
    x = toy.Relu(name="a")(image_value)
    with toy.scope():
        return toy.model([image_value], {"": x}, name=name)
'''
    )


def test_a_context_is_given_to_every_function_of_a_block() -> None:
    def frame(graph: Graph) -> Frame:
        plain = DIALECT.frame(graph)
        return replace(plain, before=["graph: toy.Graph", *plain.before])

    dialect = replace(DIALECT, context="graph: toy.Graph", frame=frame)
    spec = """
inputs: {image: [4, 8, 8]}
blocks:
  unit: {params: {stop: int}, graph: {a: relu, b: {op: slice, stop: =stop}}}
graph: {p: {block: unit, stop: 3}, q: {block: unit, stop: 2}}
"""
    text = emit(graph_of(spec), dialect).text
    assert "\ndef unit(graph: toy.Graph, x: toy.Value, stop: int, name: str)" in text
    assert 'x = unit(graph, image_value, stop=3, name="p")' in text
    assert "unit" not in emit(graph_of(RELU), dialect).text


def test_code_around_the_functions_stands_in_its_place() -> None:
    dialect = replace(
        DIALECT, constants={"ONE": "ONE = 1"}, last={"main": "main = Net"}
    )
    text = emit(graph_of(RELU), dialect).text
    assert "import toy\n\nONE = 1\n\n\ndef Net(" in text
    assert text.endswith("name=name)\n\n\nmain = Net\n")
