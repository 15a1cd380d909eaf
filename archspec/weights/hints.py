"""What a user can say so that weights go that don't fit as they are.

Of a file of MoCo for a ResNet: `--prefix module.encoder_q. --new fc takes what fits`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Mapping

from archspec.ops.base import Shape
from archspec.weights.archives import counted
from archspec.weights.choice import Choice
from archspec.weights.sources import Place

MOST = 4
"""So many parts of a net may be missing or surplus for a hint to name them."""
REMOVED = "torch.nn.utils.parametrize.remove_parametrizations(module, 'weight')"
COMPUTED = {
    "weight_g": "torch.nn.utils.remove_weight_norm(module)",
    "weight_u": "torch.nn.utils.remove_spectral_norm(module)",
    "parametrizations.weight.original": REMOVED,
    "parametrizations.weight.original0": REMOVED,
    "zero_point": "store the net as it was before quantization",
}
"""Tensors of which modules compute their weights, and what to do before saving."""


FOREIGN = {"attnpool.positional_embedding": "a ResNet of CLIP, which no spec here is"}
"""By a tensor that only they have: nets that have most names of one here."""
READS = "whose first linear layer reads images as"
LAST = re.compile(r"[^./]*$")
"""The name of a tensor in its layer."""
SIBLINGS = (
    (r"block1[._]conv1", f"keras_vgg16 and its like, {READS} [H, W, C]"),
    (r"features[._]0", f"vgg16 and its like, {READS} [C, H, W]"),
    (r"conv2_block1_preact_bn|conv2\.0\.preact_bn", "keras_resnet50v2 and its like"),
    (r"conv2_block1_1_conv|conv1_conv", "keras_resnet50 and its like"),
    (r"res2_0_branch2a", "Caffe2: load it with detectron2, and store the state_dict"),
    (r"layer1[._]0[._]conv1", "resnet50 and its like"),
    (r"stages[._]0[._]blocks[._]0", "resnetv2_50 and its like"),
)
"""By a name that all nets of a family have: the family. torchvision's and timm's nets
and those of keras.applications have each other's shapes, and another function."""


def way_out(
    shapes: Mapping[str, Shape], places: Collection[Place], choice: Choice
) -> str | None:
    """A hint for weights that don't fit; None where nothing simple would help.

    Args:
        shapes: of the tensors, by their names after the choice.
        places: where the net's weights should be.
        choice: what was taken of the file.
    """
    for name, whose in FOREIGN.items():
        if name in shapes:
            return f"{name} is of {whose}"
    for place in places:
        module = place.key.rpartition(".")[0]
        for part, cure in COMPUTED.items():
            if place.key not in shapes and f"{module}.{part}" in shapes:
                return f"{place.key} is computed of others; before saving: {cure}"
    return _said(shapes, places, choice) or _sibling(shapes, places, choice)


def _sibling(
    shapes: Mapping[str, Shape], places: Collection[Place], choice: Choice
) -> str | None:
    """Which net the weights are of, where almost none of the names is this one's."""
    if 2 * sum(place.key in shapes for place in places) > len(places):
        return None
    made_for = choice.archive.metadata.get("name")
    if made_for:
        return f"the file was made for {made_for!r}"
    for mark, whose in SIBLINGS:
        named = re.compile(rf"(.*[./])?({mark})[._/].*").fullmatch
        own = any(named(place.name) or named(place.key) for place in places)
        if not own and any(map(named, shapes)):
            return f"the names are those of {whose}"
    return None


def _said(
    shapes: Mapping[str, Shape], places: Collection[Place], choice: Choice
) -> str | None:
    """The options that take what fits, where that is most of the net."""
    there = {name: shape for name, shape in shapes.items() if not counted(name)}
    fitting = [place for place in places if there.get(place.key) == place.stored]
    if 2 * len(fitting) < len(places):
        return None
    keys = {place.key for place in fitting}
    lacking = [place for place in places if place.key not in keys]
    if not _last(lacking, places):
        return None
    extra = there.keys() - keys
    said = []
    head = _head(lacking, {name: there[name] for name in extra})
    if head is not None:
        old, new = head
        said.append(f"--rename {old}={new}")
        extra = {name for name in extra if name.rpartition(".")[0] != old}
        keys |= {place.key for place in lacking}
        lacking = []
    if extra & {*choice.beside} and not keys & {*choice.beside} and head is None:
        said.append(f"--prefix {choice.prefix}")
        extra -= {*choice.beside}
    missing = _patterns([p.name for p in lacking], {p.name for p in fitting})
    whole = [pattern for pattern in missing if pattern.startswith("'")]
    if whole == missing:  # what lies under the names of a new layer is gone with it
        layers = tuple(LAST.sub("", place.key) for place in lacking)
        extra = {name for name in extra if not name.startswith(layers)}
    surplus = _patterns(extra, keys)
    if max(len(missing), len(surplus)) > MOST:
        return None
    said += [f"--new {pattern[1:-3]}" for pattern in whole]
    said += [f"--allow-missing {name}" for name in missing if name not in whole]
    said += [f"--allow-extra {pattern}" for pattern in surplus]
    return f"{' '.join(said)} takes what fits" if said else None


def _last(lacking: Collection[Place], places: Collection[Place]) -> bool:
    """Whether all that is lacking stands behind all that is there, as a head does."""
    modules = list(dict.fromkeys(place.name.rpartition(".")[0] for place in places))
    of = {place.name.rpartition(".")[0] for place in lacking}
    return of == {*modules[len(modules) - len(of) :]}


def _patterns(names: Collection[str], others: Collection[str]) -> list[str]:
    """Patterns for all of these names and none of the others, short ones."""
    found: dict[str, None] = {}
    taken = {other[: n + 1] for other in others for n in _dots(other)}
    for name in names:
        starts = (name[: n + 1] for n in _dots(name))
        start = next((start for start in starts if start not in taken), None)
        found[f"'{start}*'" if start else name] = None
    return sorted(found)


def _dots(name: str) -> list[int]:
    return [n for n, letter in enumerate(name) if letter in "./"]


def _head(
    lacking: Collection[Place], extra: Mapping[str, Shape]
) -> tuple[str, str] | None:
    """What one module that is missing is called in the file, if just one is like it."""
    modules = {place.key.rpartition(".")[0] for place in lacking}
    if len(modules) != 1:
        return None
    wanted = {place.key.rpartition(".")[2]: place.stored for place in lacking}
    others: dict[str, dict[str, Shape]] = defaultdict(dict)
    for name, shape in extra.items():
        module, _, part = name.rpartition(".")
        others[module][part] = shape
    alike = [module for module, parts in others.items() if parts == wanted and module]
    return (alike[0], modules.pop()) if len(alike) == 1 else None
