"""What printed ONNX files are used for, each use as a function that raises.

`python -m uses.onnx_uses` runs all and writes the table of docs/uses.md anew; with the
name of a net it prints what that raises.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from uses.table import NETS, SIZE, Net, agree, main

MARK = "<!-- onnx -->"
NAMES = (*NETS,)
OTHER = 96, 160


def saved(net: Net) -> Path:
    """The model in a file, as the printed module makes it."""
    import onnx_ir as ir

    path = net.folder / "net.onnx"
    if not path.exists():
        ir.save(net.entry(net.weights), path)
    return path


def ran(model: Any, images: Any) -> Any:
    """What ONNX Runtime gives, of a file or of bytes."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model, options)
    return session.run(None, {session.get_inputs()[0].name: images})[0]


def checked(net: Net) -> None:
    """The checker's full check, with strict inference of shapes."""
    import onnx

    onnx.checker.check_model(str(saved(net)), full_check=True)


def inferred(net: Net) -> None:
    """Shape inference, strict, with types and data: every value gets a rank."""
    import onnx
    from onnx.shape_inference import infer_shapes

    model = onnx.load(saved(net))
    made = infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
    known = {value.name for value in (*made.graph.value_info, *made.graph.output)}
    missing = {name for node in made.graph.node for name in node.output} - known
    if missing:
        raise AssertionError(f"nothing is known of {min(missing)}")


def batches(net: Net) -> None:
    """ONNX Runtime with other numbers of images."""
    for count in (1, 5):
        images = net.images(count)
        agree(ran(saved(net), images), net.wanted(images))


def sizes(net: Net) -> None:
    """ONNX Runtime with another height and width."""
    images = net.images(2, OTHER)
    agree(ran(saved(net), images), net.wanted(images))


def optimised(net: Net) -> None:
    """What ONNX Runtime makes of it offline, saved and run."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(net.folder / "fast.onnx")
    options.graph_optimization_level = (
        onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    )
    options.log_severity_level = 3
    onnxruntime.InferenceSession(saved(net), options)
    images = net.images()
    agree(ran(net.folder / "fast.onnx", images), net.wanted(images))


def openvino(net: Net) -> None:
    """OpenVINO on two numbers of images."""
    import openvino

    settings = {"INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.Core().compile_model(str(saved(net)), "CPU", settings)
    for count in (1, 3):
        images = net.images(count)
        agree(compiled(images)[0], net.wanted(images))


def quantised(net: Net) -> None:
    """ONNX Runtime's static quantisation, QDQ by channel."""
    from onnxruntime.quantization import (
        CalibrationDataReader,
        QuantFormat,
        quantize_static,
    )
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Images(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.rest = [net.images(8)]

        def get_next(self) -> Any:
            return {"image": self.rest.pop()} if self.rest else None

    before, after = net.folder / "before.onnx", net.folder / "int8.onnx"
    quant_pre_process(saved(net), before, skip_symbolic_shape=True)
    quantize_static(
        before, after, Images(), quant_format=QuantFormat.QDQ, per_channel=True
    )
    images = net.images()
    agree(ran(after, images), net.wanted(images), 0.25)


def half(net: Net) -> None:
    """float16, by ONNX Runtime's converter; inputs and outputs stay."""
    import onnx
    from onnxruntime.transformers.float16 import convert_float_to_float16

    made = convert_float_to_float16(onnx.load(saved(net)), keep_io_types=True)
    images = net.images()
    agree(ran(made.SerializeToString(), images), net.wanted(images), 0.02)


def simplified(net: Net) -> None:
    """onnxscript's optimizer, which folds constants and drops what nothing reads."""
    import onnx_ir as ir
    import onnxscript.optimizer

    model = ir.load(saved(net))
    onnxscript.optimizer.optimize(model)
    images = net.images()
    made = ir.to_proto(model).SerializeToString()
    agree(ran(made, images), net.wanted(images))


def newer(net: Net) -> None:
    """onnx's version converter, to the next opset."""
    import onnx
    from onnx.version_converter import convert_version

    made = convert_version(onnx.load(saved(net)), 22)
    images = net.images()
    agree(ran(made.SerializeToString(), images), net.wanted(images))


def spoken(net: Net) -> None:
    """Text, and the model of that text."""
    import onnx
    import onnx.parser
    import onnx.printer

    text = onnx.printer.to_text(onnx.load(saved(net)))
    made = onnx.parser.parse_model(text).SerializeToString()
    images = net.images()
    agree(ran(made, images), net.wanted(images))


def beside(net: Net) -> None:
    """Weights in a file of their own, by onnx."""
    import onnx

    path = net.folder / "beside" / "net.onnx"
    path.parent.mkdir()
    onnx.save(
        onnx.load(saved(net)), path, save_as_external_data=True, location="net.data"
    )
    images = net.images()
    agree(ran(path, images), net.wanted(images))


def cut(net: Net) -> None:
    """onnx's `extract_model`, by the name of the first convolution."""
    from onnx.utils import extract_model

    first = next(n.name for n in net.spec.graph.nodes if n.op.kind == "conv2d")
    path = net.folder / "cut.onnx"
    extract_model(str(saved(net)), str(path), ["image"], [first])
    made = ran(path, net.images())
    shape = net.spec.graph.shapes()[first]
    if made.shape[1] != shape[0] or not np.isfinite(made).all():
        raise AssertionError(f"{made.shape} of {first}")


USES: dict[str, Callable[[Net], None]] = {
    "check": checked,
    "strict shapes": inferred,
    "any batch": batches,
    "any size": sizes,
    "optimised, saved": optimised,
    "OpenVINO": openvino,
    "int8 QDQ": quantised,
    "float16": half,
    "onnxscript": simplified,
    "opset 22": newer,
    "text": spoken,
    "data beside": beside,
    "`extract_model`": cut,
}
ABOUT = f"""\
Narrow variants on images of {SIZE} x {SIZE} pixels, made by the printed file, saved by
`onnx_ir` and compared with torch's model of the same weights: onnx's checker with its
full check, its shape inference in strict mode, which knows every value, ONNX Runtime with
other batches and sizes and with its own optimised file, OpenVINO, QDQ int8 (to 0.25) and
float16 (to 0.02) by ONNX Runtime's tools, onnxscript's optimizer, onnx's version
converter, its text and back, external data, and `extract_model` by the name of a node.
`python -m uses.onnx_uses` writes the table."""

if __name__ == "__main__":
    main("uses.onnx_uses", "onnx", MARK, ABOUT, USES)
