"""What printed PyTorch nets are used for, each use as a function that raises.

`python -m uses.torch_uses` runs all and writes the table of docs/uses.md anew.
"""

from __future__ import annotations

import copy
import importlib.util
import pickle
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

import archspec

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "uses.md"
MARK = "<!-- torch -->"
NETS = {
    "resnet18": 64,
    "resnet50": 64,
    "resnext50_32x4d": 64,
    "resnetv2_18": 64,
    "resnet20": 32,
    "wrn_16_8": 32,
    "resnet18d": 64,
    "seresnet18": 64,
    "resnetrs50": 64,
    "vgg11_bn": 64,
    "fpn_resnet50": 64,
    "fcn_resnet50": 64,
    "examples/squeezenet1_1.yaml": 64,
}
"""Specs, and the height and width of the images that they are given."""
Made = Callable[[], nn.Module]
"""Makes a net in eval mode, each time with the same weights."""
DIMS = {
    0: torch.export.Dim("batch", max=64),
    2: torch.export.Dim("height", min=33, max=512),
    3: torch.export.Dim("width", min=33, max=512),
}
MULTIPLES = {
    0: torch.export.Dim("batch", max=64),
    2: 32 * torch.export.Dim("rows", min=1, max=16),
    3: 32 * torch.export.Dim("columns", min=1, max=16),
}


@contextmanager
def printed(spec: str, folder: Path) -> Iterator[Made]:
    """A spec's printed file, imported as a module of its own."""
    path = ROOT / spec if spec.endswith(".yaml") else spec
    source = archspec.load(path).codegen("torch")
    name = f"printed_{Path(spec).stem}"
    (folder / f"{name}.py").write_text(source.text)
    sys.path.insert(0, str(folder))
    module = importlib.import_module(name)
    try:
        yield partial(_made, getattr(module, source.entry))
    finally:
        sys.path.remove(str(folder))
        del sys.modules[name]
        importlib.invalidate_caches()


def _made(kind: type[nn.Module]) -> nn.Module:
    torch.manual_seed(0)
    return kind().eval()


def images(size: int, count: int = 2, more: int = 8) -> Tensor:
    """Images that are not the same, and no squares: they are wider by so many pixels."""
    draw = torch.Generator().manual_seed(1)
    return torch.randn(count, 3, size, size + more, generator=draw)


def tensors(outputs: Any) -> list[Tensor]:
    """The outputs of a net, which may be one or a dict of them."""
    return [*outputs.values()] if isinstance(outputs, dict) else [outputs]


def agree(found: Any, wanted: Any, bound: float = 1e-4) -> None:
    """Raises where outputs differ by more than a bound, relative to the largest."""
    pairs = list(zip(tensors(found), tensors(wanted), strict=True))
    if not any(other.any() for _, other in pairs):
        raise AssertionError("all is 0")
    for one, other in pairs:
        scale, error = float(other.abs().max()), float((one - other).abs().max())
        if not error <= bound * scale:
            raise AssertionError(f"{error:.2g} off, where the largest is {scale:.2g}")


def loss(outputs: Any) -> Tensor:
    """A number that depends on all outputs."""
    return torch.stack([out.float().square().mean() for out in tensors(outputs)]).sum()


def gradients(model: nn.Module, x: Tensor) -> list[Tensor]:
    """Those of the parameters."""
    return list(torch.autograd.grad(loss(model(x)), list(model.parameters())))


def compiled(make: Made, size: int) -> None:
    """torch.compile without a break."""
    torch._dynamo.reset()
    model, x = make(), images(size)
    agree(torch.compile(model, fullgraph=True, backend="aot_eager")(x), model(x))


def dynamic(make: Made, size: int) -> None:
    """One compilation for any batch and any size."""
    torch._dynamo.reset()
    model = make()
    fast = torch.compile(model, fullgraph=True, dynamic=True, backend="aot_eager")
    fast(images(size + 16, 5))
    with torch._dynamo.config.patch(error_on_recompile=True):
        for x in (images(size + 32), images(size + 48, 4)):
            agree(fast(x), model(x))


def exported(make: Made, size: int) -> None:
    """torch.export with a free batch, and sizes that are multiples of 32."""
    model = make()
    x = images(128, 5, 64)
    made = torch.export.export(model, (x,), dynamic_shapes=(MULTIPLES,))
    x = images(96, 2, 64)
    agree(made.module()(x), model(x))


def exported_freely(make: Made, size: int) -> None:
    """torch.export with a free batch, height and width."""
    model = make()
    made = torch.export.export(model, (images(size + 16, 5),), dynamic_shapes=(DIMS,))
    x = images(size + 32)
    agree(made.module()(x), model(x))


def traced(make: Made, size: int) -> None:
    """torch.fx."""
    model, x = make(), images(size)
    agree(torch.fx.symbolic_trace(model)(x), model(x), 0.0)


def scripted(make: Made, size: int) -> None:
    """torch.jit.script."""
    model, x = make(), images(size)
    agree(torch.jit.script(model)(x), model(x))


def onnx(make: Made, size: int) -> None:
    """ONNX Runtime, on another size; outputs have the names of the net's dict."""
    import onnxruntime

    model = make()
    found = model(images(size + 16, 5))
    names = list(found) if isinstance(found, dict) else ["output"]
    program = torch.onnx.export(
        model,
        (images(size + 16, 5),),
        dynamo=True,
        dynamic_shapes=(DIMS,),
        output_names=names,
        verbose=False,
    )
    assert program is not None
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "net.onnx")
        program.save(path)
        session = onnxruntime.InferenceSession(path)
    x = images(size + 32)
    made = session.run(names, {session.get_inputs()[0].name: x.numpy()})
    agree(
        dict(enumerate(map(torch.from_numpy, map(np.array, made)))),
        dict(enumerate(tensors(model(x)))),
    )


def pickled(make: Made, size: int) -> None:
    """pickle, and torch.save of a whole net."""
    model, x = make(), images(size)
    agree(pickle.loads(pickle.dumps(model))(x), model(x), 0.0)


def copied(make: Made, size: int) -> None:
    """copy.deepcopy."""
    model, x = make(), images(size)
    agree(copy.deepcopy(model)(x), model(x), 0.0)


def distributed(kind: str, make: Made, size: int) -> None:
    """A step of two gloo processes is the step of one with both batches."""
    worker = Path(__file__).with_name("torch_worker.py")
    model = make()
    entry = type(model)
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder) / "state.pt"
        command = [sys.executable, str(worker), kind, entry.__name__, str(size)]
        module = sys.modules[entry.__module__].__file__
        run = subprocess.run(
            [*command, str(module), str(state)], capture_output=True, text=True
        )
        if run.returncode:
            raise RuntimeError(run.stderr.strip().splitlines()[-1])
        found = torch.load(state)
    step(model, images(size, 4))
    agree(found, {k: v for k, v in model.state_dict().items() if k in found}, 1e-3)


def step(model: nn.Module, x: Tensor) -> None:
    """One step of training, with the statistics of norms as they are."""
    made = torch.optim.SGD(model.parameters(), lr=0.01)
    torch.autograd.backward(loss(model(x)))
    made.step()


def quantised(make: Made, size: int) -> None:
    """pt2e int8 for x86, calibrated on one batch."""
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e
    from torchao.quantization.pt2e.quantizer import x86_inductor_quantizer as x86

    model, x = make(), images(size)
    graph = torch.export.export(model, (x,)).module()
    quantizer = x86.X86InductorQuantizer()
    quantizer.set_global(x86.get_default_x86_inductor_quantization_config())
    ready = prepare_pt2e(graph, quantizer)
    ready(x)
    made = convert_pt2e(ready)
    if not any("quantize_per" in str(node.target) for node in made.graph.nodes):
        raise AssertionError("nothing is quantised")
    for found, wanted in zip(tensors(made(x)), tensors(model(x)), strict=True):
        alike = torch.cosine_similarity(found.flatten(), wanted.flatten(), dim=0)
        if not alike > 0.9:
            raise AssertionError(f"int8 is no more like it than {float(alike):.2f}")


def per_sample(make: Made, size: int) -> None:
    """func.vmap(grad): the gradients of each image."""
    model, x = make().double(), images(size).double()
    state = {k: v.detach() for k, v in model.named_parameters()}
    rest = dict(model.named_buffers())

    def of(parameters: dict[str, Tensor], image: Tensor) -> Tensor:
        both = (parameters, rest)
        return loss(torch.func.functional_call(model, both, (image[None],)))

    many = torch.func.vmap(
        torch.func.grad(of), in_dims=(None, 0), randomness="different"
    )(state, x)
    for number in range(len(x)):
        wanted = gradients(model, x[number : number + 1])
        agree(
            dict(enumerate(many[k][number] for k in state)),
            dict(enumerate(wanted)),
            1e-2,
        )


def channels_last(make: Made, size: int) -> None:
    """memory_format=torch.channels_last."""
    model, x = make(), images(size)
    wanted = model(x)
    other: Any = make()
    other = other.to(memory_format=torch.channels_last)
    agree(other(x.to(memory_format=torch.channels_last)), wanted)


def autocast(make: Made, size: int) -> None:
    """bfloat16 by torch.autocast."""
    model, x = make(), images(size)
    with torch.autocast("cpu", torch.bfloat16):
        found = model(x)
    agree(found, model(x), 0.1)


def checkpointed(make: Made, size: int) -> None:
    """Activation checkpointing: the same gradients."""
    from torch.utils.checkpoint import checkpoint

    model, x = make(), images(size)
    found = torch.autograd.grad(
        loss(checkpoint(model, x, use_reentrant=False)), list(model.parameters())
    )
    agree(dict(enumerate(found)), dict(enumerate(gradients(model, x))), 1e-5)


def alone(make: Made, size: int) -> None:
    """A batch of one image, in training too."""
    model, x = make(), images(size)
    agree(
        {n: out[:1] for n, out in enumerate(tensors(model(x)))},
        dict(enumerate(tensors(model(x[:1])))),
    )
    gradients(model.train(), x[:1])


USES: dict[str, Callable[[Made, int], None]] = {
    "compile": compiled,
    "dynamic": dynamic,
    "export": exported,
    "export, any size": exported_freely,
    "fx": traced,
    "script": scripted,
    "ONNX": onnx,
    "pickle": pickled,
    "deepcopy": copied,
    "DDP": partial(distributed, "ddp"),
    "FSDP2": partial(distributed, "fsdp"),
    "int8": quantised,
    "vmap(grad)": per_sample,
    "channels last": channels_last,
    "bf16": autocast,
    "checkpoint": checkpointed,
    "batch of 1": alone,
}
ABOUT = """\
Printed PyTorch files in PyTorch's own tools, with gradients and other sizes where the
tool has them: `torch.compile(fullgraph=True)`, the same with dynamic shapes (one
compilation), `torch.export` with a free batch and a height and a width that are free
multiples of 32, or any, `torch.fx`, `torch.jit.script`, ONNX in ONNX Runtime (free sizes;
outputs named), pickle, deepcopy, DDP and FSDP2 with two gloo processes, pt2e int8 for
x86, `func.vmap(grad)`, channels_last, bfloat16 autocast, activation checkpointing, one
image in training.
`torch.export` can't leave every size free where a pool has `ceil_mode`, features are
pooled to 7 x 7 or added to those of another stage: torchvision's own SqueezeNet, VGG and
FPN are refused alike."""


def row(spec: str) -> dict[str, str]:
    """For each use of a net: nothing, or why it failed."""
    found = {}
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with printed(spec, Path(folder)) as make:
            for use, run in USES.items():
                try:
                    run(make, NETS[spec])
                    found[use] = ""
                except Exception as error:
                    said = [*filter(None, map(str.strip, str(error).splitlines())), ""]
                    found[use] = f"{type(error).__name__}: {said[0][:200]}"
    return found


def table(rows: dict[str, dict[str, str]]) -> str:
    """The rows as Markdown."""
    notes: dict[str, int] = {}
    lines = [
        f"| net | {' | '.join(USES)} |",
        f"|---|{'---|' * len(USES)}",
    ]
    for spec, found in rows.items():
        cells = []
        for reason in found.values():
            number = notes.setdefault(reason, len(notes) + 1) if reason else 0
            cells.append(f"[^t{number}]" if reason else "ok")
        lines.append(f"| {Path(spec).stem} | {' | '.join(cells)} |")
    told = [f"[^t{number}]: {reason}" for reason, number in notes.items()]
    return "\n".join([ABOUT, "", *lines, *(["", *told] if told else [])])


def main() -> None:
    """Writes the table into the page."""
    rows = {}
    for spec in NETS:
        rows[spec] = row(spec)
        print(spec, {k: v for k, v in rows[spec].items() if v} or "ok", flush=True)
    text = PAGE.read_text()
    before, _, behind = text.split(MARK)
    PAGE.write_text(f"{before}{MARK}\n{table(rows)}\n{MARK}{behind}")


if __name__ == "__main__":
    main()
