"""Checkpoints of other publishers: their names, what their trainers store beside."""

from __future__ import annotations

import argparse
import itertools
import pickle
from functools import cache
from pathlib import Path
from typing import Any

import torch
from layouts.containers import (
    CLASSES,
    SIZE,
    WIDTHS,
    Net,
    bare,
    computed,
    net,
    scrambled,
    spec,
)
from layouts.described import (
    DETECTRON2,
    KUANGLIU,
    TRANSFORMERS,
    WEIAICUNZAI,
    Classifier,
    DeepStem,
    Described,
    Vgg,
    WideResNet,
    state,
)
from layouts.layout import Held, layout
from safetensors.torch import load_file, save_file
from timm.models.resnet import Bottleneck, ResNet
from torch.nn.utils import prune

import archspec
from archspec.spec import Spec
from archspec.weights import Wish, initial_weights

DEPTHS = (1, 1, 1, 1)
NARROW = (8, 12, 16, 20)
DESCRIBED = "as described"


@cache
def spec_of(name: str, *, small: bool = False, **params: Any) -> Spec:
    """A net of the zoo made narrow."""
    given = {key: list(v) if isinstance(v, tuple) else v for key, v in params.items()}
    size = (32, 32) if small else SIZE
    return archspec.load(name, params={"num_classes": CLASSES, **given}, size=size)


def of(
    path: Path, made: Any, spec: Spec, wish: Wish | None = None, **read: Any
) -> Held:
    """A file for a net, which the module that it was made with shall compute."""
    shape = spec.graph.inputs["image"]
    draw = torch.Generator().manual_seed(1)
    given = torch.randn(2, *shape, generator=draw, dtype=torch.float64).numpy()
    outputs = computed(made, given)
    return Held(path, spec, given, outputs, wish or Wish(), tuple(read.items()))


def anew(made: Any, head: str, spec: Spec) -> Any:
    """A net whose head has the initial values of the spec's."""
    weights = initial_weights(spec.graph, only=("fc.weight", "fc.bias"))
    linear = made.get_submodule(head)
    with torch.no_grad():
        linear.weight.copy_(torch.from_numpy(weights["fc.weight"]))
        linear.bias.copy_(torch.from_numpy(weights["fc.bias"]))
    return made


@layout("transformers' `ResNetForImageClassification`", oracle=DESCRIBED)
def transformers(folder: Path) -> Held:
    path = folder / "model.safetensors"
    made = scrambled(Described(TRANSFORMERS, DEPTHS, WIDTHS))
    save_file(made.state_dict(), path, {"format": "pt"})
    made.load_state_dict(load_file(path))
    return of(path, made, spec())


@layout(
    "transformers with `downsample_in_bottleneck`",
    oracle=DESCRIBED,
    said="--set stride_in_1x1=true",
)
def transformers_first_strides(folder: Path) -> Held:
    path = folder / "pytorch_model.bin"
    net = Described(TRANSFORMERS, DEPTHS, NARROW, bottleneck=True, first_strides=True)
    made = scrambled(net)
    torch.save(made.state_dict(), path)
    given = {"depths": DEPTHS, "widths": NARROW, "stride_in_1x1": True}
    return of(path, made, spec_of("resnet50", **given))


@layout(
    "transformers' `ResNetModel`, without a head",
    oracle=DESCRIBED,
    said="--new fc",
)
def transformers_backbone(folder: Path) -> Held:
    path = folder / "model.safetensors"
    made = scrambled(Described(TRANSFORMERS, DEPTHS, WIDTHS))
    trunk = {
        name.removeprefix("resnet."): value
        for name, value in made.state_dict().items()
        if not name.startswith("classifier")
    }
    save_file(trunk, path, {"format": "pt"})
    anew(made, "classifier.1", spec())
    return of(path, made, spec(), new=["fc"])


@layout("timm's nets in transformers (`timm_model.`)", oracle="torch.load")
def timm_in_transformers(folder: Path) -> Held:
    path = folder / "model.safetensors"
    save_file(state(net(), "timm_model."), path, {"format": "pt"})
    return of(path, net(), spec())


@layout("mmpretrain's `ImageClassifier`", oracle=DESCRIBED)
def mmpretrain(folder: Path) -> Held:
    path = folder / "resnet18_8xb32_in1k_20210831-fbbb1da6.pth"
    made = Classifier(net())
    torch.save({"meta": {"epoch": 100}, "state_dict": made.state_dict()}, path)
    return of(path, made, spec())


def deep(folder: Path, pooled: bool, modules: bool) -> Held:
    """A ResNet with three convolutions in its stem, and perhaps pools in shortcuts."""
    path = folder / "resnetv1d50_b32x8_imagenet.pth"
    net: Any = ResNet(
        *(Bottleneck, DEPTHS, CLASSES),
        channels=NARROW,
        stem_width=32,
        stem_type="deep",
        avg_down=pooled,
    )
    made = DeepStem(scrambled(net), modules=modules)
    torch.save({"meta": {}, "state_dict": made.state_dict()}, path)
    name = "resnet50d" if pooled else "resnet50c"
    return of(path, made, spec_of(name, depths=DEPTHS, widths=NARROW))


@layout("mmpretrain's ResNetV1d (`stem.0.conv`)", oracle=DESCRIBED)
def mmpretrain_deep(folder: Path) -> Held:
    return deep(folder, pooled=True, modules=True)


@layout("mmpretrain's ResNetV1c", oracle=DESCRIBED)
def mmpretrain_deep_unpooled(folder: Path) -> Held:
    return deep(folder, pooled=False, modules=True)


@layout("mmpretrain's VGG (`features.0.conv`)", oracle=DESCRIBED)
def mmpretrain_vgg(folder: Path) -> Held:
    path = folder / "vgg11_bn_8xb32_in1k_20210207-f244902c.pth"
    hidden, width = 6, 8
    layers: list[Any] = []
    for stage in ([3, 4], [4, 6], [6, width, width], [width] * 3, [width] * 3):
        for channels, out in itertools.pairwise(stage):
            layers += [torch.nn.Conv2d(channels, out, 3, padding=1)]
            layers += [torch.nn.BatchNorm2d(out)]
        layers.append(torch.nn.MaxPool2d(2))
    classifier = torch.nn.Sequential(
        *(torch.nn.Linear(width * 49, hidden), torch.nn.ReLU(), torch.nn.Dropout()),
        *(torch.nn.Linear(hidden, hidden), torch.nn.ReLU(), torch.nn.Dropout()),
        torch.nn.Linear(hidden, CLASSES),
    )
    made = scrambled(Vgg(layers, classifier))
    torch.save({"state_dict": made.state_dict()}, path)
    widths = (4, 6, *[width] * 3)
    return of(path, made, spec_of("vgg11_bn", widths=widths, hidden=(hidden, hidden)))


@layout("mmdet's and mmseg's ResNetV1d (`stem.0`)", oracle=DESCRIBED)
def mmdet_deep(folder: Path) -> Held:
    return deep(folder, pooled=True, modules=False)


@layout(
    "a detector of mmdet",
    oracle=DESCRIBED,
    said="--prefix backbone. --new fc",
)
def mmdet(folder: Path) -> Held:
    path = folder / "faster_rcnn_r18_fpn.pth"
    made = Classifier(net())
    neck = {"neck.fpn_convs.0.conv.weight": torch.ones(8, 8, 3, 3)}
    rest = {"rpn_head.rpn_conv.weight": torch.ones(8, 8, 3, 3), **neck}
    torch.save({"state_dict": state(made.backbone, "backbone.") | rest}, path)
    anew(made, "head.fc", spec())
    wish = Wish(prefix="backbone.")
    return of(path, made, spec(), wish, new=["fc"])


@layout(
    "a detector of detectron2",
    oracle=DESCRIBED,
    said="--prefix backbone.bottom_up. --new fc --set stride_in_1x1=true",
)
def detectron2(folder: Path) -> Held:
    path = folder / "model_final.pth"
    made = scrambled(
        Described(DETECTRON2, DEPTHS, NARROW, bottleneck=True, first_strides=True)
    )
    trunk = {
        name: value
        for name, value in made.state_dict().items()
        if ".fc." not in name and not name.endswith("num_batches_tracked")
    }
    heads = {"proposal_generator.anchor_generator.cell_anchors.0": torch.ones(3, 4)}
    torch.save({"model": trunk | heads, "trainer": {}, "iteration": 89999}, path)
    given = {"depths": DEPTHS, "widths": NARROW, "stride_in_1x1": True}
    spec = spec_of("resnet50", **given)
    anew(made, DETECTRON2.head, spec)
    wish = Wish(prefix="backbone.bottom_up.")
    return of(path, made, spec, wish, new=["fc"])


@layout("detectron2's `.pkl` of a net of torchvision", oracle=DESCRIBED)
def detectron2_pickle(folder: Path) -> Held:
    path = folder / "r50.pkl"
    made = scrambled(Described(DETECTRON2, DEPTHS, NARROW, bottleneck=True))
    arrays = {
        name.removeprefix("backbone.bottom_up."): value.numpy()
        for name, value in made.state_dict().items()
    }
    held = {"model": arrays, "__author__": "torchvision", "matching_heuristics": True}
    path.write_bytes(pickle.dumps(held))
    return of(path, made, spec_of("resnet50", depths=DEPTHS, widths=NARROW))


@layout("kuangliu's pytorch-cifar (`linear`, `shortcut`)", oracle=DESCRIBED)
def kuangliu(folder: Path) -> Held:
    path = folder / "ckpt.pth"
    made = scrambled(Described(KUANGLIU, DEPTHS, NARROW, small=True))
    held = {"net": state(made, "module."), "acc": 95.1, "epoch": 199}
    torch.save(held, path)
    spec = spec_of("cifar_resnet18", small=True, depths=DEPTHS, widths=NARROW)
    return of(path, made, spec)


@layout(
    "akamaster's pytorch_resnet_cifar10", oracle=DESCRIBED, said="--set zeros=around"
)
def akamaster(folder: Path) -> Held:
    path = folder / "resnet20-12fca82f.th"
    made = scrambled(
        Described(KUANGLIU, DEPTHS[:3], (4, 8, 16), small=True, zeros=True)
    )
    torch.save({"state_dict": state(made, "module."), "best_prec1": 91.7}, path)
    given = {"depths": DEPTHS[:3], "widths": (4, 8, 16), "zeros": "around"}
    return of(path, made, spec_of("resnet20", small=True, **given))


@layout("weiaicunzai's pytorch-cifar100", oracle=DESCRIBED)
def weiaicunzai(folder: Path) -> Held:
    path = folder / "resnet18-200-regular.pth"
    made = scrambled(Described(WEIAICUNZAI, DEPTHS, NARROW, small=True))
    torch.save(made.state_dict(), path)
    spec = spec_of("cifar_resnet18", small=True, depths=DEPTHS, widths=NARROW)
    return of(path, made, spec)


@layout("xternalz' WideResNet-pytorch", oracle=DESCRIBED)
def xternalz(folder: Path) -> Held:
    path = folder / "model_best.pth.tar"
    made = scrambled(WideResNet(1, 4, (8, 12, 16), CLASSES))
    torch.save({"epoch": 200, "state_dict": made.state_dict(), "best_prec1": 1}, path)
    given = {"depths": (1, 1, 1), "widths": (8, 12, 16), "stem_channels": 4}
    return of(path, made, spec_of("wrn_16_8", small=True, **given))


def trunk(seed: int = 0) -> dict[str, torch.Tensor]:
    """The state of a net without its head."""
    found = net(seed).state_dict()
    return {name: value for name, value in found.items() if name[:3] != "fc."}


def under(prefix: str, tensors: dict[str, Any]) -> dict[str, Any]:
    return {f"{prefix}{name}": value for name, value in tensors.items()}


def projector(prefix: str, *layers: str) -> dict[str, torch.Tensor]:
    """What stands where the head would."""
    return {f"{prefix}{n}.weight": torch.ones(8, 8) for n in layers}


def without_head(path: Path, wish: Wish, extra: tuple[str, ...] = ()) -> Held:
    """A file of the trunk, of which the net gets a new head."""
    read: dict[str, Any] = {"new": ["fc"], "allow_extra": list(extra)}
    return of(path, anew(net(), "fc", spec()), spec(), wish, **read)


@layout(
    "MoCo v2 (`encoder_q`, `encoder_k`, a queue)",
    oracle="torch.load",
    said="--prefix module.encoder_q. --new fc",
)
def moco(folder: Path) -> Held:
    path = folder / "moco_v2_800ep_pretrain.pth.tar"
    queue = {"module.queue": torch.ones(8, 16), "module.queue_ptr": torch.zeros(1)}
    both: dict[str, torch.Tensor] = {}
    for seed, name in enumerate(("encoder_q", "encoder_k")):
        both |= under(f"module.{name}.", trunk(seed))
        both |= projector(f"module.{name}.fc.", "0", "2")
    torch.save({"epoch": 800, "arch": "resnet18", "state_dict": both | queue}, path)
    return without_head(path, Wish(prefix="module.encoder_q."))


@layout(
    "MoCo v3 (`base_encoder`, `momentum_encoder`)",
    oracle="torch.load",
    said="--prefix module.base_encoder. --new fc",
)
def moco_v3(folder: Path) -> Held:
    path = folder / "r-50-1000ep.pth.tar"
    both = projector("module.predictor.", "0", "3")
    for seed, name in enumerate(("base_encoder", "momentum_encoder")):
        both |= under(f"module.{name}.", trunk(seed))
        both |= projector(f"module.{name}.fc.", "0", "3")
    torch.save({"state_dict": both}, path)
    return without_head(path, Wish(prefix="module.base_encoder."))


@layout(
    "SimCLR (`backbone.` with a projection in place of `fc`)",
    oracle="torch.load",
    said="--new fc",
)
def simclr(folder: Path) -> Held:
    path = folder / "checkpoint_0100.pth.tar"
    held = under("backbone.", trunk() | projector("fc.", "0", "2"))
    torch.save({"epoch": 100, "arch": "resnet18", "state_dict": held}, path)
    return without_head(path, Wish())


@layout(
    "DINO (`student`, `teacher`)",
    oracle="torch.load",
    said="--prefix backbone. --new fc",
)
def dino(folder: Path) -> Held:
    path = folder / "dino_resnet50_pretrain_full_checkpoint.pth"
    head = projector("head.mlp.", "0", "2")
    last = {"head.last_layer.weight_g": torch.ones(8, 1)}
    student = under("module.", under("backbone.", trunk(1)) | head | last)
    teacher = under("backbone.", trunk(0)) | head | last
    held = {"student": student, "teacher": teacher, "epoch": 100, "dino_loss": {}}
    torch.save(held, path)
    return without_head(path, Wish(prefix="backbone."))


@layout(
    "SwAV (`projection_head`, `prototypes`)",
    oracle="torch.load",
    said="--new fc --allow-extra 'projection_head.*' --allow-extra 'prototypes.*'",
)
def swav(folder: Path) -> Held:
    path = folder / "swav_800ep_pretrain.pth.tar"
    held = under("module.", trunk() | projector("projection_head.", "0", "3"))
    torch.save(held | projector("module.", "prototypes"), path)
    return without_head(path, Wish(), ("projection_head.*", "prototypes.*"))


@layout(
    "Barlow Twins and VICReg (`backbone.`, `projector.`)",
    oracle="torch.load",
    said="--prefix module.backbone. --new fc",
)
def barlow_twins(folder: Path) -> Held:
    path = folder / "checkpoint.pth"
    held = under("module.backbone.", trunk()) | projector("module.projector.", "0")
    torch.save({"epoch": 1, "model": held, "optimizer": {}}, path)
    return without_head(path, Wish(prefix="module.backbone."))


@layout(
    "BYOL (`online_encoder`, `target_encoder`)",
    oracle="torch.load",
    said="--prefix online_encoder.net. --new fc",
)
def byol(folder: Path) -> Held:
    path = folder / "improved-net.pt"
    held = under("online_encoder.net.", trunk()) | under(
        "target_encoder.net.", trunk(1)
    )
    torch.save(held | projector("online_predictor.net.", "0"), path)
    return without_head(path, Wish(prefix="online_encoder.net."))


@layout(
    "SupContrast (`encoder.module.`, `head.`)",
    oracle="torch.load",
    said="--prefix encoder. --new fc",
)
def supcontrast(folder: Path) -> Held:
    path = folder / "last.pth"
    held = under("encoder.module.", trunk()) | projector("head.", "0", "2")
    torch.save({"opt": argparse.Namespace(lr=0.5), "model": held, "epoch": 9}, path)
    return without_head(path, Wish(prefix="encoder."))


@layout(
    "solo-learn (`backbone.`, `momentum_backbone.`)",
    oracle="torch.load",
    said="--prefix backbone. --new fc",
)
def solo_learn(folder: Path) -> Held:
    path = folder / "byol-400ep.ckpt"
    both = under("backbone.", trunk()) | under("momentum_backbone.", trunk(1))
    held = both | projector("projector.", "0", "3") | projector("", "classifier")
    torch.save({"epoch": 400, "state_dict": held}, path)
    return without_head(path, Wish(prefix="backbone."))


@layout(
    "MadryLab's robustness (`module.model.`, `module.attacker.model.`)",
    oracle="torch.load",
    said="--prefix module.model.",
)
def robustness(folder: Path) -> Held:
    path = folder / "resnet18_l2_eps3.ckpt"
    held = state(net(), "module.model.") | state(net(), "module.attacker.model.")
    held["module.normalizer.new_mean"] = torch.ones(3, 1, 1)
    torch.save({"model": held, "optimizer": {}, "epoch": 104}, path)
    return of(path, net(), spec(), Wish(prefix="module.model."))


@layout(
    "DETR (`backbone.0.body.`)",
    oracle="torch.load",
    said="--prefix backbone.0.body. --new fc",
)
def detr(folder: Path) -> Held:
    path = folder / "detr-r50-e632da11.pth"
    frozen = {n: v for n, v in trunk().items() if "num_batches" not in n}
    held = under("backbone.0.body.", frozen) | projector("transformer.", "a", "b")
    torch.save({"model": held | projector("", "query_embed", "input_proj")}, path)
    return without_head(path, Wish(prefix="backbone.0.body."))


@layout(
    "VISSL (`trunk`, `_feature_blocks.`)",
    oracle="torch.load",
    said="--new fc",
)
def vissl(folder: Path) -> Held:
    path = folder / "model_final_checkpoint_phase999.torch"
    model = {
        "trunk": under("_feature_blocks.", trunk()),
        "heads": projector("0.clf.", "0"),
    }
    held = {"classy_state_dict": {"base_model": {"model": model}}, "phase_idx": 999}
    torch.save(held, path)
    return without_head(path, Wish())


@layout(
    "lightly's and other `nn.Sequential(*resnet.children())`",
    oracle="torch.load",
    said="--prefix backbone. --new fc",
)
def children(folder: Path) -> Held:
    path = folder / "last.ckpt"
    listed = torch.nn.Sequential(*list(net().children())[:-1])
    held = state(listed, "backbone.") | projector("projection_head.layers.", "0")
    torch.save({"state_dict": held, "hyper_parameters": {"lr": 0.06}}, path)
    return without_head(path, Wish(prefix="backbone."))


@layout(
    "fastai's learner (`0.0.weight`)",
    oracle="torch.load",
    said="--prefix 0. --new fc",
)
def fastai(folder: Path) -> Held:
    path = folder / "stage-1.pth"
    body = torch.nn.Sequential(*list(net().children())[:-2])
    head = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.BatchNorm1d(48))
    made = torch.nn.Sequential(body, head)
    torch.save({"model": made.state_dict(), "opt": {"state": []}}, path)
    return without_head(path, Wish(prefix="0."))


@layout(
    "an encoder of segmentation_models_pytorch",
    oracle=DESCRIBED,
    said="--prefix encoder. --new fc",
)
def segmentation(folder: Path) -> Held:
    path = folder / "unet.pth"
    decoder = {"decoder.blocks.0.conv1.0.weight": torch.ones(8, 8, 3, 3)}
    decoder["segmentation_head.0.weight"] = torch.ones(1, 8, 3, 3)
    torch.save(under("encoder.", trunk()) | decoder, path)
    return without_head(path, Wish(prefix="encoder."))


@layout(
    "a detector of torchvision (`backbone.body.`)",
    oracle=DESCRIBED,
    said="--prefix backbone.body. --new fc",
)
def torchvisions_detector(folder: Path) -> Held:
    path = folder / "maskrcnn_resnet50_fpn.pth"
    frozen = {n: v for n, v in trunk().items() if "num_batches" not in n}
    rest = {"backbone.fpn.inner_blocks.0.0.weight": torch.ones(8, 8, 1, 1)}
    rest["rpn.head.cls_logits.weight"] = torch.ones(3, 8, 1, 1)
    torch.save(under("backbone.body.", frozen) | rest, path)
    return without_head(path, Wish(prefix="backbone.body."))


@layout(
    "timm's `features_only` and self-supervised backbones, without a head",
    oracle="timm",
    said="--new fc",
)
def features_only(folder: Path) -> Held:
    path = folder / "f.pth"
    torch.save(trunk(), path)
    return without_head(path, Wish())


@layout("a head of another name", oracle="torch.load", said="--rename classifier=fc")
def another_head(folder: Path) -> Held:
    path = folder / "f.pth"
    head = {f"classifier.{n}": v for n, v in net().fc.state_dict().items()}
    torch.save(under("backbone.", trunk()) | head, path)
    return of(path, net(), spec(), Wish(rename={"classifier": "fc"}))


@layout("trunk and head of a module in `DataParallel`", oracle="torch.load")
def trunk_and_head(folder: Path) -> Held:
    path = folder / "f.pth"
    head = {f"module.fc.{n}": v for n, v in net().fc.state_dict().items()}
    torch.save(under("module.backbone.", trunk()) | head, path)
    return of(path, net(), spec())


@layout("FSDP's and activation checkpointing's names", oracle="torch.load")
def sharded_names(folder: Path) -> Held:
    path = folder / "f.pth"
    wrapped = {
        "_fsdp_wrapped_module."
        + name.replace("layer2.", "layer2._fsdp_wrapped_module.").replace(
            ".0.", ".0._checkpoint_wrapped_module."
        ): value
        for name, value in net().state_dict().items()
    }
    torch.save(wrapped, path)
    return of(path, net(), spec())


@layout("torch.nn.utils.prune's (`weight_orig`, `weight_mask`)", oracle="torch.load")
def pruned(folder: Path) -> Held:
    path = folder / "f.pth"
    made = net()
    for module in made.modules():
        if isinstance(module, torch.nn.Conv2d | torch.nn.Linear):
            prune.l1_unstructured(module, "weight", 0.4)  # type: ignore[no-untyped-call]  # torch has no types here
    torch.save(made.state_dict(), path)
    again = Net()
    for module in again.modules():
        if isinstance(module, torch.nn.Conv2d | torch.nn.Linear):
            prune.identity(module, "weight")  # type: ignore[no-untyped-call]  # torch has no types here
    again.load_state_dict(bare(path))
    return of(path, again, spec())
