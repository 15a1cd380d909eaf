"""archspec_keras.model: what the function of a net has around its statements."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from functools import partial
from pathlib import Path

import archspec_keras
import numpy as np
import pytest
from archspec_keras.model import DEEP, LAST, frame, prepared
from nets import graph_of

from archspec.graph import Graph


def function(spec: str) -> str:
    """The net's own function."""
    text = archspec_keras.backend.emit(graph_of(textwrap.dedent(spec))).text
    return text[text.rindex("\ndef ") + 1 :]


def check(spec: str, wanted: str) -> None:
    assert function(spec) == textwrap.dedent(wanted).lstrip("\n")


def test_one_image() -> None:
    check(
        """
        inputs: {image: [3, 32, 48]}
        graph: {relu: relu}
        """,
        '''
        def Net(
            input_shape: tuple[int | None, int | None, int] = (32, 48, 3), *, name: str = "net"
        ) -> keras.Model:
            """Maps [N, H, W, 3] to [N, H, W, 3]."""
            if keras.config.image_data_format() != "channels_last":
                raise ValueError("call keras.config.set_image_data_format('channels_last')")
            inputs = keras.Input(input_shape, name="image")
            x = layers.ReLU(name="relu")(inputs)
            return keras.Model(inputs, x, name=name)
        ''',
    )


def test_several_inputs_and_outputs() -> None:
    check(
        """
        inputs: {image: [3, 8, 8], words: [5]}
        outputs: {seen: a, said: b, given: words}
        graph:
          a: {op: relu, from: image}
          b: {op: relu, from: words}
        """,
        '''
        def Net(
            image_shape: tuple[int | None, int | None, int] = (8, 8, 3),
            words_shape: tuple[int] = (5,),
            *,
            name: str = "net",
        ) -> keras.Model:
            """Maps [N, H, W, 3] and [N, 5] to [N, H, W, 3], [N, 5] and [N, 5]."""
            if keras.config.image_data_format() != "channels_last":
                raise ValueError("call keras.config.set_image_data_format('channels_last')")
            image_input = keras.Input(image_shape, name="image")
            words_input = keras.Input(words_shape, name="words")
            seen = layers.ReLU(name="a")(image_input)
            said = layers.ReLU(name="b")(words_input)
            return keras.Model(
                [image_input, words_input],
                {"seen": seen, "said": said, "given": words_input},
                name=name,
            )
        ''',
    )


def test_a_net_that_needs_a_size_says_so() -> None:
    text = function(
        """
        inputs: {image: [3, 8, 8]}
        graph: {flatten: flatten, fc: {op: linear, features: 2}}
        """
    )
    assert (
        "    if None in input_shape:\n"
        '        raise ValueError("this net needs an input_shape with a height and a '
        'width")\n    inputs = keras.Input('
    ) in text
    text = function(
        """
        inputs: {one: [3, 8, 8], words: [5], other: [3, 8, 8]}
        graph:
          add: {op: add, from: [one, other]}
          flatten: flatten
          all: {op: concat, from: [flatten, words]}
        """
    )
    assert "    if None in (*one_shape, *other_shape):\n        raise" in text


def test_the_channels_of_an_input_are_read_from_its_shape() -> None:
    text = function(
        """
        params: {in_channels: 3, layers: 4, width: 8}
        inputs: {image: [=in_channels, 8, 8], other: [=layers, 8, 8]}
        graph:
          a: {op: conv2d, from: image, channels: =in_channels * width, kernel: 1}
          b: {op: conv2d, from: other, channels: =layers * width, kernel: 1}
          c: {op: concat, from: [a, b]}
        """
    )
    head, _, body = text.partition(") -> keras.Model:\n")
    assert "width: int = 8" in head
    assert "in_channels" not in head and "layers" not in head
    assert (
        '"other")\n    in_channels = image_shape[-1]\n    layers_ = other_shape[-1]\n'
        in body
    )
    assert "in_channels * width" in body and "layers_ * width" in body


def test_what_the_channels_of_an_input_are_computed_from_is_no_argument() -> None:
    graph = graph_of(
        """
params: {groups: 3, width: 4}
inputs: {image: [=groups * 2, 8, 8]}
graph:
  a: {op: conv2d, channels: =groups * width, kernel: 1}
"""
    )
    assert set(graph.arguments) == {"groups", "width"}
    assert prepared(graph).arguments == ("width",)
    assert "groups" not in archspec_keras.backend.emit(graph).text


@pytest.mark.parametrize("name", ["input_shape", "inputs", "keras", "static_size"])
def test_a_param_that_is_called_like_what_the_text_uses(name: str) -> None:
    text = function(
        f"""
        params: {{{name}: 4}}
        inputs: {{image: [3, 8, 8]}}
        graph:
          a: {{op: conv2d, channels: ={name}, kernel: 1}}
          b: {{op: avg_pool2d, kernel: 3, stride: 1, padding: same}}
        """
    )
    assert f"    {name}_: int = 4,\n" in text and f"Conv2D({name}_, 1" in text


def test_a_block_that_is_called_like_a_variable_of_the_net() -> None:
    text = archspec_keras.backend.emit(
        graph_of(
            """
inputs: {image: [3, 8, 8]}
blocks:
  inputs: {graph: [relu]}
  input_shape: {graph: [relu, relu]}
graph: {a: {block: inputs}, b: {block: input_shape}}
"""
        )
    ).text
    assert "def inputs2(" in text and "def input_shape2(" in text


def chain(depth: int) -> Graph:
    """So many nodes, one behind another."""
    nodes = "".join(f"  n{n}: relu\n" for n in range(depth))
    return graph_of(f"inputs: {{image: [3, 8, 8]}}\ngraph:\n{nodes}")


def test_only_a_deep_net_has_another_limit_of_recursion() -> None:
    assert frame(chain(DEEP)).within is None
    text = archspec_keras.backend.emit(chain(DEEP + 1)).text
    assert text.endswith(
        f"    with recursion_limit({20 * (DEEP + 1)}):\n"
        "        return keras.Model(inputs, x, name=name)\n"
    )


def test_the_limit_of_recursion_is_as_it_was_when_a_deep_net_is_made() -> None:
    graph, before = chain(DEEP + 1), sys.getrecursionlimit()
    model = archspec_keras.backend.build(graph, {})
    assert len(model.layers) == DEEP + 2
    assert sys.getrecursionlimit() == before
    given = {"image": np.ones((1, 3, 8, 8), "float32")}
    assert archspec_keras.backend.forward(graph, model, given)[""].all()
    assert sys.getrecursionlimit() == before


FIRST = """
import sys

import archspec
from archspec.errors import BackendError
from archspec.source.program import execute

import keras
assert keras.config.image_data_format() == "channels_first"
spec = archspec.load(sys.argv[1])
source = spec.codegen("keras")
try:
    getattr(execute(source), source.entry)()
except ValueError as error:
    print(error)
try:
    spec.build("keras")
except BackendError as error:
    print(error.code)
archspec.load(sys.argv[2]).build("keras")  # no image is no matter
keras.config.set_image_data_format("channels_last")
assert spec.build("keras").output_shape == (None, 8, 8, 3)
"""


def test_channels_first_is_refused(tmp_path: Path) -> None:
    """A model that Keras' own setting would make another one, or break.

    On JAX, the engine that starts soonest.
    """
    (tmp_path / "keras.json").write_text('{"image_data_format": "channels_first"}')
    net = tmp_path / "net.yaml"
    net.write_text(
        "archspec: 1\nname: net\ninputs: {image: [3, 8, 8]}\ngraph: [batch_norm]\n"
    )
    around = {**os.environ, "KERAS_HOME": str(tmp_path), "KERAS_BACKEND": "jax"}
    ran = partial(subprocess.run, env=around, text=True, capture_output=True)
    words = tmp_path / "words.yaml"
    words.write_text("archspec: 1\nname: net\ninputs: {words: [3]}\ngraph: [relu]\n")
    made = ran([sys.executable, "-c", FIRST, str(net), str(words)], check=True)
    assert made.stdout.split("\n") == [LAST, "AS514", ""]
    command = [sys.executable, "-m", "archspec", "verify", str(net)]
    checked = ran([*command, "--backends", "keras:jax", "--quick"])
    assert checked.returncode == 1 and "[AS514]" in checked.stdout


def test_the_name_and_the_docstring() -> None:
    graph = graph_of(
        'title: ResNet "20"\ninputs: {image: [3, 8, 9]}\ngraph: {a: relu, b: {op: slice, stop: 2}}'
    )
    source = archspec_keras.backend.emit(graph)
    assert source.entry == "ResNet20" and source.backend == "keras"
    assert "input: image 8 x 9 x 3." in source.text
    assert source.name == "net" and 'name: str = "net"' in source.text
