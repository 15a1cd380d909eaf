"""torch's files: containers, what stands around the weights, and how they lie there."""

from __future__ import annotations

import argparse
import datetime
import enum
import pickle
from collections import OrderedDict
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import timm.models
import torch
from layouts.layout import Held, layout
from safetensors.torch import load_file, save_file, save_model
from timm.models.resnet import BasicBlock, ResNet

import archspec
from archspec.spec import Spec
from archspec.weights import Wish

WIDTHS = (64, 16, 16, 24)
"""Of the stages; the stem of the libraries' ResNets is always 64 wide."""
CLASSES = 5
SIZE = 33, 40


class Net(ResNet):  # type: ignore[misc]  # timm has no types
    """timm's ResNet-18, narrow; its names are torchvision's."""

    def __init__(self) -> None:
        super().__init__(BasicBlock, (1, 1, 1, 1), CLASSES, channels=WIDTHS)


@cache
def spec() -> Spec:
    """The net of these files."""
    params: dict[str, Any] = {
        "depths": [1] * 4,
        "widths": list(WIDTHS),
        "num_classes": CLASSES,
    }
    return archspec.load("resnet18", params=params, size=SIZE)


def net(seed: int = 0) -> Any:
    """The net as its library has it, in eval mode, all of its state random."""
    return scrambled(Net(), seed)


def scrambled(made: Any, seed: int = 0) -> Any:
    """A net in eval mode with random state that no layer maps to a constant."""
    draw = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in made.state_dict().items():
            if name.endswith("running_var"):
                value.uniform_(0.5, 1.5, generator=draw)
            elif value.is_floating_point() and value.ndim == 1:
                value.normal_(0.5, 0.3, generator=draw)
            elif value.is_floating_point():
                deviation = (2 / value[0].numel()) ** 0.5
                value.normal_(0, deviation, generator=draw)
    return made.eval()


def computed(made: Any, images: Any) -> Any:
    """What a net computes of images in float64."""
    with torch.no_grad():
        return made.double().eval()(torch.from_numpy(images)).numpy()


def images() -> Any:
    """Images of another height than width."""
    return np.random.default_rng(1).normal(size=(2, 3, *SIZE))


def loaded(state: Mapping[str, Any], strict: bool = True) -> Any:
    """What the net computes once it has loaded a state_dict."""
    made = Net()
    made.load_state_dict(state, strict=strict)
    return computed(made, images())


def held(path: Path, outputs: Any, wish: Wish | None = None) -> Held:
    """A file for the net."""
    return Held(path, spec(), images(), outputs, wish or Wish())


def bare(path: Path) -> Any:
    """What `torch.load` gives of a file that is a state_dict."""
    return torch.load(path, weights_only=True)


@layout("`torch.save(model.state_dict())`", oracle="torch.load", written="-o f.pth")
def a_state_dict(folder: Path) -> Held:
    path = folder / "f.pth"
    torch.save(net().state_dict(), path)
    return held(path, loaded(bare(path)))


@layout("the same by torch before 1.6 (no zip archive)", oracle="torch.load")
def the_older_container(folder: Path) -> Held:
    path = folder / "f.pth"
    torch.save(net().state_dict(), path, _use_new_zipfile_serialization=False)
    return held(path, loaded(bare(path)))


@layout("`torch.save(model)`, the whole module", oracle="torch.load")
def a_whole_module(folder: Path) -> Held:
    path = folder / "f.pt"
    torch.save(net(), path)
    return held(path, computed(torch.load(path, weights_only=False), images()))


@layout("a whole module in `nn.DataParallel`", oracle="torch.load")
def a_whole_module_of_several_devices(folder: Path) -> Held:
    path = folder / "f.pt"
    torch.save(torch.nn.DataParallel(net()), path)
    made = torch.load(path, weights_only=False).module
    return held(path, computed(made, images()))


@layout("`.pth.tar` of PyTorch's ImageNet example", oracle="torch.load")
def the_imagenet_example(folder: Path) -> Held:
    path = folder / "model_best.pth.tar"
    made = torch.nn.DataParallel(net())
    optimizer = torch.optim.SGD(made.parameters(), 0.1, momentum=0.9)
    for value in made.parameters():
        value.grad = torch.ones_like(value)
    state = OrderedDict((k, v.clone()) for k, v in made.state_dict().items())
    optimizer.step()
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 30)
    holding = {
        "epoch": 90,
        "arch": "resnet18",
        "state_dict": state,
        "best_acc1": torch.tensor(69.8),
        "optimizer": optimizer.state_dict(),
        "scheduler": scheduler.state_dict(),
    }
    torch.save(holding, path)
    again = torch.nn.DataParallel(Net())
    again.load_state_dict(torch.load(path, weights_only=False)["state_dict"])
    return held(path, computed(again.module, images()))


@layout("timm's saver: `state_dict` and `state_dict_ema`", oracle="timm")
def timms_saver(folder: Path) -> Held:
    path = folder / "last.pth.tar"
    args = argparse.Namespace(model="resnet18", lr=0.1, amp=True)
    torch.save(
        {
            "epoch": 3,
            "arch": "resnet18",
            "state_dict": net(0).state_dict(),
            "state_dict_ema": net(1).state_dict(),
            "optimizer": {"state": {}, "param_groups": [{"lr": 0.1, "params": [0]}]},
            "version": 2,
            "args": args,
            "metric": np.float64(70.1),
        },
        path,
    )
    made = Net()
    timm.models.load_checkpoint(made, str(path), weights_only=False)
    return held(path, computed(made, images()))


@layout("of those the raw weights", oracle="timm", said="--part state_dict")
def timms_raw_weights(folder: Path) -> Held:
    path = timms_saver(folder).path
    made = Net()
    timm.models.load_checkpoint(made, str(path), use_ema=False, weights_only=False)
    return held(path, computed(made, images()), Wish(part="state_dict"))


@layout("torchvision's reference scripts: `model` and `model_ema`", oracle="torch.load")
def torchvisions_scripts(folder: Path) -> Held:
    path = folder / "checkpoint.pth"
    averaged = torch.optim.swa_utils.AveragedModel(net(1), use_buffers=True)
    torch.save(
        {
            "model": net(0).state_dict(),
            "optimizer": {},
            "lr_scheduler": {},
            "epoch": 1,
            "args": argparse.Namespace(device="cuda", model="resnet18"),
            "model_ema": averaged.state_dict(),
        },
        path,
    )
    again = torch.optim.swa_utils.AveragedModel(Net())
    again.load_state_dict(torch.load(path, weights_only=False)["model_ema"])
    return held(path, computed(again.module, images()))


@layout("`torch.optim.swa_utils.AveragedModel`'s state", oracle="torch.load")
def averaged_weights(folder: Path) -> Held:
    path = folder / "swa.pt"
    torch.save(torch.optim.swa_utils.AveragedModel(net()).state_dict(), path)
    again = torch.optim.swa_utils.AveragedModel(Net())
    again.load_state_dict(bare(path))
    return held(path, computed(again.module, images()))


class Mode(enum.Enum):
    """A part of hyper-parameters."""

    FIT = "fit"


@layout("Lightning's `.ckpt` (`self.model = …`)", oracle="torch.load")
def lightning(folder: Path) -> Held:
    path = folder / "epoch=3-step=400.ckpt"
    state = OrderedDict((f"model.{k}", v) for k, v in net().state_dict().items())
    torch.save(
        {
            "epoch": 3,
            "global_step": 400,
            "pytorch-lightning_version": "2.5.0",
            "state_dict": state,
            "loops": {"fit_loop": {"state_dict": {}}},
            "callbacks": {"ModelCheckpoint{}": {"best": torch.tensor(0.7)}},
            "optimizer_states": [{"state": {}, "param_groups": []}],
            "lr_schedulers": [],
            "hparams_name": "kwargs",
            "hyper_parameters": {"lr": 0.1, "mode": Mode.FIT, "path": Path("data")},
            "datamodule": datetime.timedelta(1),
        },
        path,
    )
    found = torch.load(path, weights_only=False)["state_dict"]
    return held(path, loaded({k.removeprefix("model."): v for k, v in found.items()}))


@layout(
    "a net with a loss or metric beside it", oracle="torch.load", said="--prefix model."
)
def lightning_with_a_loss(folder: Path) -> Held:
    path = folder / "last.ckpt"
    state = OrderedDict((f"model.{k}", v) for k, v in net().state_dict().items())
    torch.save({"state_dict": state | {"loss.weight": torch.ones(CLASSES)}}, path)
    found = torch.load(path, weights_only=False)["state_dict"]
    del found["loss.weight"]
    outputs = loaded({k.removeprefix("model."): v for k, v in found.items()})
    return held(path, outputs, Wish(prefix="model."))


@layout("`torch.compile`d (`_orig_mod.`)", oracle="torch.load")
def compiled(folder: Path) -> Held:
    path = folder / "f.pt"
    made: Any = torch.compile(net())
    torch.save({"model": made.state_dict(), "step": 3}, path)
    again: Any = torch.compile(Net())
    again.load_state_dict(bare(path)["model"])
    return held(path, computed(again._orig_mod, images()))


@layout("DeepSpeed's `mp_rank_00_model_states.pt`", oracle="torch.load")
def deepspeed(folder: Path) -> Held:
    path = folder / "mp_rank_00_model_states.pt"
    torch.save(
        {
            "module": net().state_dict(),
            "buffer_names": [],
            "optimizer": None,
            "param_shapes": [OrderedDict(x=torch.Size([1, 2]))],
            "ds_config": {"train_batch_size": 8},
            "ds_version": "0.14",
            "dp_world_size": 1,
        },
        path,
    )
    return held(path, loaded(torch.load(path, weights_only=False)["module"]))


@layout("YOLO's way: a module in half precision under `ema`", oracle="torch.load")
def modules_in_half(folder: Path) -> Held:
    path = folder / "best.pt"
    torch.save({"epoch": -1, "model": None, "ema": net().half(), "updates": 9}, path)
    made = torch.load(path, weights_only=False)["ema"]
    return held(path, computed(made, images()))


@layout("float16 in `.pth`", oracle="torch.load", written="--dtype float16 -o f.pth")
def half(folder: Path) -> Held:
    path = folder / "f.pth"
    torch.save(net().half().state_dict(), path)
    return held(path, loaded(bare(path)))


@layout("bfloat16 in `.pth`", oracle="torch.load", written="--dtype bfloat16 -o f.pth")
def brain(folder: Path) -> Held:
    path = folder / "f.pth"
    torch.save(net().bfloat16().state_dict(), path)
    return held(path, loaded(bare(path)))


@layout("float64 in `.pth`", oracle="torch.load", written="--dtype float64 -o f.pth")
def double(folder: Path) -> Held:
    path = folder / "f.pth"
    torch.save(net().double().state_dict(), path)
    return held(path, loaded(bare(path)))


@layout("saved on a GPU", oracle="torch.load")
def on_a_gpu(folder: Path) -> Held:
    path = folder / "f.pth"
    tag = torch.serialization.location_tag
    torch.serialization.location_tag = lambda storage: "cuda:3"
    try:
        torch.save(net().state_dict(), path)
    finally:
        torch.serialization.location_tag = tag
    return held(path, loaded(torch.load(path, map_location="cpu")))


@layout("channels-last kernels", oracle="torch.load")
def channels_last(folder: Path) -> Held:
    path = folder / "f.pth"
    made = net().to(memory_format=torch.channels_last)
    assert not made.conv1.weight.is_contiguous()
    torch.save(made.state_dict(), path)
    return held(path, loaded(bare(path)))


@layout("all tensors as parts of one storage", oracle="torch.load")
def one_storage(folder: Path) -> Held:
    path = folder / "f.pth"
    state = net().state_dict()
    flat = torch.cat([value.double().flatten() for value in state.values()])
    at, parts = 0, {}
    for name, value in state.items():
        parts[name] = flat[at : at + value.numel()].reshape(value.shape)
        at += value.numel()
    torch.save(parts, path)
    return held(path, loaded(bare(path)))


@layout("parameters rather than tensors, in a plain dict", oracle="torch.load")
def parameters(folder: Path) -> Held:
    path = folder / "f.pth"
    made = net()
    torch.save(
        {"weights": dict(made.named_parameters()) | dict(made.named_buffers())}, path
    )
    return held(path, loaded(torch.load(path, weights_only=False)["weights"]))


@layout("without `num_batches_tracked` (torch before 0.4.1)", oracle="torch.load")
def without_counters(folder: Path) -> Held:
    path = folder / "f.pth"
    state = net().state_dict()
    kept = {k: v for k, v in state.items() if not k.endswith("num_batches_tracked")}
    torch.save(kept, path, _use_new_zipfile_serialization=False)
    return held(path, loaded(bare(path)))  # a net without versions may lack them


@layout(
    "`safetensors.torch.save_file`", oracle="safetensors", written="-o f.safetensors"
)
def safetensors_file(folder: Path) -> Held:
    path = folder / "model.safetensors"
    save_file(net().state_dict(), path, {"format": "pt"})
    made = Net()
    made.load_state_dict(load_file(path))
    return held(path, computed(made, images()))


@layout(
    "bfloat16 in `.safetensors`",
    oracle="safetensors",
    written="--dtype bfloat16 -o f.safetensors",
)
def brain_safetensors(folder: Path) -> Held:
    path = folder / "model.safetensors"
    save_model(net().bfloat16(), str(path))
    return held(path, loaded(load_file(path)))


@layout("a `state_dict` of numpy arrays in `torch.save`", oracle="torch.load")
def numpy_arrays(folder: Path) -> Held:
    path = folder / "f.pth"
    state = net().state_dict()
    torch.save({"state_dict": {k: v.numpy() for k, v in state.items()}}, path)
    found = torch.load(path, weights_only=False)["state_dict"]
    return held(path, loaded({k: torch.as_tensor(v) for k, v in found.items()}))


@layout("TorchScript's `.pt`", oracle="torch.jit.load")
def torchscript(folder: Path) -> Held:
    path = folder / "f.pt"
    given = torch.zeros(1, 3, *SIZE)
    jit: Any = torch.jit  # which has no types
    jit.trace(net(), given).save(str(path))
    return held(path, loaded(jit.load(path).state_dict()))


@layout("an exported program, `.pt2`", oracle="torch.export.load", written="-o f.pt2")
def exported(folder: Path) -> Held:
    path = folder / "f.pt2"
    given = torch.zeros(1, 3, *SIZE)
    torch.export.save(torch.export.export(net(), (given,)), path)
    return held(path, loaded(torch.export.load(path).state_dict))


@layout("`numpy.savez` by names", oracle="numpy.load")
def numpy_archive(folder: Path) -> Held:
    path = folder / "f.npz"
    np.savez(path, **{k: v.numpy() for k, v in net().state_dict().items()})
    with np.load(path) as found:
        return held(path, loaded({k: torch.as_tensor(found[k]) for k in found}))


@layout("`pickle.dump(model.state_dict())`", oracle="pickle")
def pickled(folder: Path) -> Held:
    path = folder / "f.pkl"
    with path.open("wb") as file:
        pickle.dump(net().state_dict(), file)
    with path.open("rb") as file:
        return held(path, loaded(pickle.load(file)))


@layout("`pickle.dump` of a whole module", oracle="pickle")
def a_pickled_module(folder: Path) -> Held:
    path = folder / "f.pkl"
    with path.open("wb") as file:
        pickle.dump({"net": net(), "epoch": 3}, file)
    with path.open("rb") as file:
        return held(path, computed(pickle.load(file)["net"], images()))


@layout("`pickle.dump` of numpy arrays, of any protocol", oracle="pickle")
def pickled_arrays(folder: Path) -> Held:
    path = folder / "f.pkl"
    state = {k: v.numpy() for k, v in net().state_dict().items()}
    state["fc.weight"] = np.asfortranarray(state["fc.weight"])
    with path.open("wb") as file:
        pickle.dump({"model": state, "__author__": "a third party"}, file, 2)
    with path.open("rb") as file:
        found = pickle.load(file)["model"]
    return held(path, loaded({k: torch.as_tensor(v) for k, v in found.items()}))
