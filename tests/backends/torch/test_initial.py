"""archspec_torch.initial: what a printed file says of initial weights, and does."""

from __future__ import annotations

from typing import Any

import archspec_torch
import pytest
import torch
from archspec_torch.fills import filled
from nets import graph_of

from archspec.ops.init import (
    AnyInit,
    Constant,
    FanInUniform,
    KaimingNormal,
    KaimingUniform,
    Normal,
    TruncNormal,
    Uniform,
    XavierNormal,
    XavierUniform,
)
from archspec.source.program import execute
from archspec.source.text import flat

LIKE = "{kaiming_uniform: {nonlinearity: leaky_relu, a: 2.23606797749979}}"


def said(spec: str) -> str:
    """What a printed file says of initial weights: its rules, and the net's own."""
    text = archspec_torch.backend.emit(graph_of(spec)).text
    _, _, rules = text.partition("def init_weights(module: nn.Module) -> None:\n")
    lines = rules.partition("\n\n\n")[0].splitlines()[1:]
    net = text.rpartition("class ")[2].partition("    def forward")[0].splitlines()
    start = next((n for n, row in enumerate(net) if "self.apply" in row), None)
    if start is None:
        start = next((n for n, row in enumerate(net) if "get_param" in row), len(net))
    return "\n".join([*lines, *(row for row in net[start:] if row.strip())])


def made(spec: str, **arguments: Any) -> Any:
    """The net that a printed file makes."""
    source = archspec_torch.backend.emit(graph_of(spec))
    return getattr(execute(source), source.entry)(**arguments)


@pytest.mark.parametrize(
    ("init", "text"),
    [
        (KaimingNormal(), 'nn.init.kaiming_normal_(w, nonlinearity="relu")'),
        (
            KaimingUniform(mode="fan_out", nonlinearity="leaky_relu", a=1.0),
            'nn.init.kaiming_uniform_(w, a=1.0, mode="fan_out")',
        ),
        (XavierNormal(), "nn.init.xavier_normal_(w)"),
        (XavierUniform(gain=2.0), "nn.init.xavier_uniform_(w, gain=2.0)"),
        (Normal(std=0.01), "nn.init.normal_(w, std=0.01)"),
        (Normal(mean=1.0, std=1.0), "nn.init.normal_(w, mean=1.0)"),
        (Uniform(a=-1.0, b=1.0), "nn.init.uniform_(w, a=-1.0)"),
        (TruncNormal(std=0.02), "nn.init.trunc_normal_(w, std=0.02)"),
        (
            TruncNormal(mean=1.0, std=1.0, a=-1.0, b=3.0),
            "nn.init.trunc_normal_(w, mean=1.0, a=-1.0, b=3.0)",
        ),
        (Constant(value=0.0), "nn.init.zeros_(w)"),
        (Constant(value=1.0), "nn.init.ones_(w)"),
        (Constant(value=0.5), "nn.init.constant_(w, 0.5)"),
        (FanInUniform(), "fan_in_uniform_(w, v)"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_statements(init: AnyInit, text: str) -> None:
    assert flat(filled(init, "w", "v")) == text


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        pytest.param(
            """
inputs: {image: [3, 8, 8]}
graph: {norm: batch_norm, act: prelu}
""",
            "",
            id="torch's own norms and slopes",
        ),
        pytest.param(
            """
inputs: {image: [3, 8, 8]}
graph:
  conv: {op: conv2d, channels: 4, kernel: 3, bias: false}
  norm: batch_norm
""",
            """\
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        self.apply(init_weights)""",
            id="a kind of layers",
        ),
        pytest.param(
            """
inputs: {image: [3, 8, 8]}
graph:
  conv: {op: conv2d, channels: 4, kernel: 3}
  pool: global_avg_pool2d
  fc: {op: linear, features: 2, init: {weight: {normal: {std: 0.01}}}}
""",
            """\
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
    elif isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, std=0.01)
    if isinstance(module, nn.Conv2d | nn.Linear) and module.bias is not None:
        nn.init.zeros_(module.bias)
        self.apply(init_weights)""",
            id="biases that start alike in unlike layers",
        ),
        pytest.param(
            """
inputs: {features: [3]}
graph:
  fc: {op: linear, features: 2, init: {weight: {normal: {std: 0.01}}}}
""",
            """\
    if isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, std=0.01)
        nn.init.zeros_(module.bias)
        self.apply(init_weights)""",
            id="a bias that is always there",
        ),
        pytest.param(
            """
inputs: {image: [4, 8, 8]}
blocks:
  unit:
    graph:
      conv: {op: conv2d, channels: 4, kernel: 3, padding: 1}
      gain: {op: scale, weight: gamma, init: {gamma: {constant: {value: 0.1}}}}
      norm: {op: batch_norm, init: {weight: zeros}}
      last: {op: conv2d, channels: 4, kernel: 1, init: {bias: ones}}
graph: {one: unit, two: {block: unit}}
""".replace("one: unit", "one: {block: unit}")
            .replace("{weight: zeros}", "{weight: {constant: {value: 0.0}}}")
            .replace("{bias: ones}", "{bias: {constant: {value: 1.0}}}"),
            """\
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, Unit):
        nn.init.constant_(module.get_parameter("gain.gamma"), 0.1)
        nn.init.zeros_(module.norm.weight)
        if module.last.bias is not None:
            nn.init.ones_(module.last.bias)
        self.apply(init_weights)""",
            id="what all instances of a block do otherwise",
        ),
        pytest.param(
            """
inputs: {image: [4, 8, 8]}
graph:
  a: {op: conv2d, channels: 4, kernel: 1, init: {weight: {normal: {std: 0.5}}}}
  b: {op: conv2d, channels: 4, kernel: 1, bias: false}
  c: {op: conv2d, channels: 4, kernel: 1, bias: false}
  n1: {op: batch_norm, init: {weight: {constant: {value: 0.0}}}}
  n2: {op: batch_norm, init: {weight: {constant: {value: 0.0}}}}
""",
            """\
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)
        self.apply(init_weights)
        nn.init.normal_(self.a.weight, std=0.5)
        for name in ("n1.weight", "n2.weight"):
            nn.init.zeros_(self.get_parameter(name))""",
            id="what single nodes of the net do otherwise",
        ),
    ],
)
def test_rules(spec: str, text: str) -> None:
    assert said(spec) == text
    made(spec)


OWN = "{weight: fan_in_uniform, bias: fan_in_uniform}"


@pytest.mark.parametrize("weight", ["fan_in_uniform", LIKE])
def test_what_torchs_layers_do_by_themselves_is_not_said(weight: str) -> None:
    inits = f"{{weight: {weight}, bias: fan_in_uniform}}"
    spec = f"""
inputs: {{image: [4, 8, 8]}}
graph:
  a: {{op: conv2d, channels: 4, kernel: 3, padding: same, stride: 2, init: {inits}}}
  b: {{op: conv_transpose2d, channels: 4, kernel: 2, init: {inits}}}
  pool: global_avg_pool2d
  fc: {{op: linear, features: 3, init: {inits}}}
"""
    assert said(spec) == ""
    torch.manual_seed(3)
    found = made(spec).fc
    torch.manual_seed(3)
    torch.nn.Conv2d(4, 4, 3)
    torch.nn.ConvTranspose2d(4, 4, 2)
    wanted = torch.nn.Linear(4, 3)
    assert torch.equal(found.weight, wanted.weight)
    assert torch.equal(found.bias, wanted.bias)


BIASES = f"""
params: {{free: true}}
inputs: {{image: [9, 8, 8]}}
blocks:
  unit:
    graph:
      conv: {{op: conv2d, channels: 9, kernel: 3, groups: 3, init: {OWN}}}
      list:
        graph:
          - {{op: conv2d, channels: 9, kernel: 1, init: {OWN}}}
  chain:
    graph:
      - {{op: conv2d, channels: 9, kernel: 1, init: {OWN}}}
  other:
    graph:
      conv: {{op: conv2d, channels: 9, kernel: 1, bias: =free, init: {OWN}}}
      list:
        graph:
          - {{op: conv2d, channels: 9, kernel: 1, bias: =free, init: {OWN}}}
graph:
  usual:
    block: plain
    repeat: 9
  one: {{block: unit}}
  chain: {{block: chain}}
  other: {{block: other}}
  last: {{op: conv2d, channels: 9, kernel: 1, bias: =free, init: {OWN}}}
  ones: {{op: conv2d, channels: 9, kernel: 2, init: {OWN}}}
  two: {{op: conv2d, channels: 9, kernel: 1, init: {OWN}}}
""".replace(
    "blocks:",
    "blocks:\n  plain:\n    graph: {conv: {op: conv2d, channels: 9, kernel: 1}}",
    1,
)


@pytest.mark.parametrize("free", [True, False])
def test_a_bias_that_is_drawn_where_others_are_zero(free: bool) -> None:
    net = made(BIASES, free=free)
    names = ["one.conv", "one.list.0", "chain.0", "ones", "two"]
    names += ["other.conv", "other.list.0", "last"] if free else []
    biases = {n for n, p in net.named_parameters() if n.endswith("bias") and p.any()}
    assert biases == {f"{name}.bias" for name in names}
    for name in names:
        weight, bias = net.get_submodule(name).parameters()
        bound = weight[0].numel() ** -0.5
        for values in (weight, bias):
            assert bound / 2 < values.abs().max() <= bound


@pytest.mark.parametrize("spec", [BIASES, BIASES.replace("bias: =free, ", "")])
def test_how_it_is_drawn(spec: str) -> None:
    more = (f"  more{n}: {{op: conv2d, channels: 9, kernel: 1}}\n" for n in range(4))
    text = archspec_torch.backend.emit(graph_of(spec + "".join(more))).text
    assert text.count("def fan_in_uniform_") == 1
    assert "fan_in_uniform_(module.conv.bias, module.conv.weight)" in text


PARTS = """
inputs: {image: [4, 8, 8]}
blocks:
  stage: {graph: {conv: {op: conv2d, channels: 4, kernel: 1, bias: false}}}
  head:
    params: {std: float}
    graph:
      conv: {op: conv2d, channels: 2, kernel: 1, init: {weight: {normal: {std: =std}}}}
  usual:
    graph: {conv: {op: conv2d, channels: 4, kernel: 3, init: INIT}}
graph:
  one: {block: stage}
  two: {block: stage}
  three: {block: usual}
  norm: batch_norm
  head: {block: head, from: norm, std: 0.5}
  aux: {block: head, from: two, std: 0.5}
  last: {block: head, from: norm, std: 0.25}
outputs: {head: head, aux: aux, last: last}
""".replace("INIT", OWN)


def test_no_weight_is_set_twice() -> None:
    text = archspec_torch.backend.emit(graph_of(PARTS)).text
    start = text.index("        self.one.apply")
    assert (
        text[start:].partition("\n\n")[0]
        == """\
        self.one.apply(init_weights)
        self.two.apply(init_weights)
        self.head.apply(init_head)
        self.aux.apply(init_head)
        self.last.apply(init_last)"""
    )
    set_by = {
        name: text.partition(f"def {name}(")[2].partition("\n\n\n")[0].count("nn.init")
        for name in ("init_weights", "init_head", "init_last")
    }
    assert set_by == {"init_weights": 1, "init_head": 2, "init_last": 2}
    assert "std=0.5" in text and "std=0.25" in text
    torch.manual_seed(0)
    found = made(PARTS)
    torch.manual_seed(0)
    for _ in range(2):
        torch.nn.Conv2d(4, 4, 1, bias=False)
    wanted = torch.nn.Conv2d(4, 4, 3)
    assert torch.equal(found.three.conv.weight, wanted.weight)
    assert not found.head.conv.bias.any()


def test_a_net_of_many_parts_has_one_rule() -> None:
    more = "".join(f"  more{n}: {{block: stage}}\n" for n in range(3))
    many = PARTS.replace("  three:", f"{more}  three:")
    text = archspec_torch.backend.emit(graph_of(many)).text
    assert text.count("self.apply(init_weights)") == text.count("def init_") == 1


MIXED = """
inputs: {image: [4, 8, 8]}
blocks:
  body:
    graph:
      one: {op: conv2d, channels: 4, kernel: 1, init: {weight: {normal: {std: 0.5}}}}
      two: {op: conv2d, channels: 4, kernel: 1}
graph:
  stem: {op: conv2d, channels: 4, kernel: 1}
  first: {block: body, repeat: 2}
  second: {block: body}
"""


def test_a_class_whose_layers_start_unlike_has_one_rule() -> None:
    text = archspec_torch.backend.emit(graph_of(MIXED)).text
    assert text.count("self.apply(init_weights)") == text.count("def init_") == 1
    assert "normal_(module.one.weight, std=0.5)" in text


FLAGS = """
params: {plain: true, biased: false}
inputs: {image: [4, 8, 8]}
blocks:
  unit:
    params: {affine: bool, free: bool}
    graph:
      norm: {op: batch_norm, affine: =affine, init: {weight: {constant: {value: 0.5}}}}
      list:
        graph:
          - {op: conv2d, channels: 4, kernel: 1}
      conv: {op: conv2d, channels: 4, kernel: 1, bias: =free, init: {bias: {constant: {value: 2.0}}}}
  chain:
    params: {free: bool}
    graph:
      - {op: conv2d, channels: 4, kernel: 1, bias: =free, init: {bias: {constant: {value: 3.0}}}}
graph:
  one: {block: unit, affine: =plain, free: =biased}
  chain: {block: chain, free: =biased}
  last: {op: conv2d, channels: 4, kernel: 1, bias: =not plain, init: {bias: {constant: {value: 4.0}}}}
  pool: global_max_pool2d
  fc: {op: linear, features: 3, bias: =biased}
"""


@pytest.mark.parametrize("plain", [True, False])
@pytest.mark.parametrize("biased", [True, False])
def test_what_an_argument_takes_away_is_not_set(plain: bool, biased: bool) -> None:
    net = made(FLAGS, plain=plain, biased=biased)
    values = dict(net.named_parameters())
    wanted = {"one.conv.bias": 2.0, "chain.0.bias": 3.0} if biased else {}
    wanted |= {"fc.bias": 0.0} if biased else {}
    wanted |= {"one.norm.weight": 0.5} if plain else {"last.bias": 4.0}
    names = ("bias", "norm.weight")
    assert {name for name in values if name.endswith(names)} == {
        *wanted,
        "one.list.0.bias",
        *(["one.norm.bias"] if plain else []),
    }
    for name, value in wanted.items():
        assert (values[name] == value).all(), name


@pytest.mark.parametrize("bias", [True, False])
def test_a_bias_that_some_layers_lack_is_asked_for(bias: bool) -> None:
    text = said(f"""
inputs: {{image: [3]}}
defaults: {{linear: {{init: {{bias: {{constant: {{value: 0.5}}}}}}}}}}
graph:
  a: {{op: linear, features: 4}}
  b: {{op: linear, features: 4, bias: {str(bias).lower()}}}
""")
    assert ("if module.bias is not None:" in text) is not bias
    assert "nn.init.constant_(module.bias, 0.5)" in text
