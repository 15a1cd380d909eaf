"""The first file of a net of one's own."""

from __future__ import annotations

from archspec.authoring.resolved import flow
from archspec.language.files import Files
from archspec.language.names import check_spec

SCHEMA = "archspec.schema.json"
EDITOR = f"# yaml-language-server: $schema={SCHEMA}"
OWN = """\
params: {width: 32, num_classes: 10}
inputs: {image: [3, 32, 32]}
defaults:
  conv2d: {kernel: 3, padding: 1, bias: false}
blocks:
  unit:
    params: {channels: int, stride: 1}
    graph:
      conv: {op: conv2d, channels: =channels, stride: =stride}
      bn: batch_norm
      relu: relu
graph:
  stem: {block: unit, channels: =width}
  stage1: {block: unit, repeat: 2, channels: =width}
  down: {block: unit, channels: =width * 2, stride: 2}
  stage2: {block: unit, repeat: 2, channels: =width * 2}
  pool: global_avg_pool2d
  fc: {op: linear, features: =num_classes}
"""


def starter(name: str, base: str | None) -> str:
    """The text of a spec that validates: from scratch, or one that extends a base.

    Raises SpecError for a name that is none, or a base that the zoo lacks.
    """
    check_spec(name)
    head = f"{EDITOR}\narchspec: 1\nname: {name}\n"
    if base is None:
        return head + OWN
    unit = Files().open(base)
    lines = [f"extends: {base}", "# What it lets you change, with the values it has:"]
    lines.append("# params:")
    lines += [
        f"#   {name}: {param.type if param.required else flow(param.default)}"
        for name, param in unit.params.items()
    ]
    lines.append(
        "# What a file extends, it may also replace, by name: blocks, nodes, taps."
    )
    return head + "\n".join(lines) + "\n"
