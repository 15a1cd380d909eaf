"""The variables of Keras' layers by name, out of files of every age.

A tensor is called by its layer and by the layer's attribute, `conv2d_1/kernel`, below
the models that the layer is in: `backbone/conv2d_1/kernel`.

The legacy layout (.h5) names layers and variables. The later one (.weights.h5, .keras)
numbers both: Keras 3 keeps a layer's own name as an attribute; for what an earlier one
wrote, the settings in a .keras file say it, else a layer is called by its class and its
place among those of its class, `layers/conv2d_1`. A class and the count of variables
say which are which; where they don't, as for a batch norm with three, they keep their
numbers.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from archspec.errors import WeightsError
from archspec.weights import configs
from archspec.weights.archives import Archive, Stored
from archspec.weights.configs import Layer
from archspec.weights.datasets import (
    address,
    child,
    is_group,
    listing,
    shown,
    tensor,
    text,
    texts,
)

TRAINING = frozenset({"optimizer", "metrics", "compile_metrics", "loss_tracker"})
CHANCE = frozenset({"seed_generator", "_seed_generators", "seed_generators"})
NO_WEIGHTS = TRAINING | CHANCE
"""Groups of training state and random generators."""

LISTS = ("layers", "_layer_checkpoint_dependencies")
"""Groups for the layers of a model, in their order: Keras 3's, and some of Keras 2."""

KERNEL = {1: ("kernel",), 2: ("kernel", "bias")}
FACTORS = {2: ("gamma", "beta")}
MOMENTS = ("moving_mean", "moving_variance")
NORM = {2: MOMENTS, 4: ("gamma", "beta", *MOMENTS)}
NUMBERED: Mapping[str, Mapping[int, tuple[str, ...]]] = {
    "conv2d": KERNEL,
    "conv2d_transpose": KERNEL,
    "depthwise_conv2d": KERNEL,
    "dense": KERNEL,
    "einsum_dense": KERNEL,
    "batch_normalization": NORM,
    "unbiased_batch_normalization": NORM,
    "sync_batch_normalization": NORM,
    "layer_normalization": FACTORS,
    "group_normalization": FACTORS,
    "p_re_lu": {1: ("alpha",)},
}
"""By class and count: what the numbers of a layer's variables mean."""

STATISTICS = ("mean", "variance", "count")
"""Of a Normalization layer, which prepares images."""

OWN = {
    "W": "kernel",
    "b": "bias",
    "running_mean": "moving_mean",
    "running_std": "moving_variance",
    "alphas": "alpha",
}
"""Keras 1's words for Keras 3's attributes. Its `running_std` is the variance."""

ATTRIBUTES = (
    *("depthwise_kernel", "pointwise_kernel", *KERNEL[2]),
    *(*NORM[4], "alpha", *STATISTICS, *OWN),
)
SPOKEN = re.compile(rf"(?:(.+?)_)??({'|'.join(ATTRIBUTES)})(?:_\d+)?")
"""A variable's own name; in Keras 1 the layer's is before it, and TensorFlow may count
names after it."""


def archive(file: Any, settings: str = "") -> Archive:
    """The layers' variables in an open HDF5 file.

    Args:
        file: of h5py.
        settings: the model's, as JSON, where they are not in the file.

    Raises:
        WeightsError: the file holds no layers of Keras, or they can't be told apart.
    """
    layers = configs.layers(settings or text(file.attrs.get("model_config")))
    acting = configs.acting(layers, frozenset(NUMBERED))
    facts: dict[str, str] = {}
    if "model_weights" in file:
        kind, root = "a legacy Keras model", child(file, "model_weights")
        tensors = _gathered(_legacy(root, layers))
        facts = _facts((root, file), layers)
    elif "layer_names" in file.attrs or "layer_names0" in file.attrs:
        kind, tensors = "legacy Keras weights", _gathered(_legacy(file, layers))
        facts = _facts((file,), layers)
    elif "nb_layers" in file.attrs:
        raise WeightsError(
            f"{file.filename!r} names no layers: a Keras before 1.0 wrote it",
            code="AS606",
            hint="load it with Keras 1.2.2 into the same model and save it again",
        )
    elif any(name in file for name in LISTS) or any(
        is_group(file, f"{name}/vars") or is_group(file, f"{name}/layers")
        for name in listing(file)
    ):
        walk = _Walk()
        kind, tensors = "Keras weights", _gathered(walk.found(file, "", layers))
        acting = walk.acting | acting
        if any("layers/" in key for key in tensors):
            facts = {"layers": "without names"}
    else:
        raise WeightsError(
            f"{file.filename!r} holds no weights of a Keras model",
            code="AS606",
            hint="expected what save_weights() or save() of a Keras model writes",
        )
    acting |= _statistics(tensors)
    notes: tuple[str, ...] = ()
    if acting:
        told = ", ".join(acting.values())
        notes = (
            f"left out, as they act on images: {told}; "
            "the net takes what comes out of them",
        )
    return Archive(kind, True, tensors, facts, notes=notes)


def _gathered(found: Iterator[tuple[str, Stored]]) -> dict[str, Stored]:
    tensors: dict[str, Stored] = {}
    for key, stored in found:
        if key in tensors:
            raise WeightsError(
                f"two tensors of the file are {shown(key)!r}", code="AS606"
            )
        tensors[key] = stored
    return tensors


def _statistics(tensors: dict[str, Stored]) -> dict[str, str]:
    """Takes the variables of Normalization layers out, and says what they are."""
    taken: dict[str, str] = {}
    for layer, variables in by_layer(tensors).items():
        if {*variables} in ({*STATISTICS}, {*STATISTICS[:2]}):
            held = {name: tensors.pop(key) for name, key in variables.items()}
            said = [
                f"{name} {held[name].read().ravel().tolist()}"
                for name in STATISTICS[:2]
                if len(held[name].shape) < 5 and max(held[name].shape, default=1) < 5
            ]
            name = layer.rpartition("/")[2]
            taken[name] = f"{name} (Normalization: {', '.join(said)})"
    return taken


def by_layer(keys: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """By the path of a layer: by each attribute the tensor's whole name."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for key in keys:
        layer, _, attribute = key.rpartition("/")
        found[layer][attribute] = key
    return found


# The legacy layout


def _legacy(root: Any, layers: Sequence[Layer]) -> Iterator[tuple[str, Stored]]:
    models = {layer.name for layer in layers if layer.layers}
    names = texts(root, "layer_names")
    if "top_level_model_weights" in root:
        names.append("top_level_model_weights")
    for name in names:
        group = child(root, name)
        variables = texts(group, "weight_names")
        spoken = {variable: _spoken(variable) for variable in variables}
        whose = {layer for layer, _ in spoken.values()}
        nested = len(whose) > 1 or name in models
        separable = any(last == "pointwise_kernel" for _, last in spoken.values())
        for number, variable in enumerate(variables):
            own, last = spoken[variable]
            if last == "depthwise_kernel" and not separable:
                last = "kernel"
            if re.fullmatch(r"param_\d+", last):  # Theano's variables may lack a name
                last = str(number)
            path = f"{name}/{own}" if nested else name
            yield f"{path}/{last}", tensor(group, variable)


def _spoken(variable: str) -> tuple[str, str]:
    """The layer and the attribute that the name of a variable says."""
    layer, _, last = variable.rpartition("/")
    last = re.sub(r":\d+$", "", last)
    found = SPOKEN.fullmatch(last)
    if found is None or (layer and found[1]):
        return layer, last
    return layer or found[1] or "", OWN.get(found[2], found[2])


def _facts(groups: Sequence[Any], layers: Sequence[Layer]) -> dict[str, str]:
    """What the file says of the Keras that wrote it."""
    found = {}
    for name in ("keras_version", "backend"):
        said = "".join(text(group.attrs.get(name)) for group in groups[:1])
        said = said or "".join(text(group.attrs.get(name)) for group in groups)
        if said:
            found[name] = said
    if "keras_version" not in found and _first(groups[0]):
        found["keras_version"] = "1"
    whole = [*configs.every(layers)]
    settings = [layer.settings for layer in whole]
    orders = {str(held.get("dim_ordering")) for held in settings}
    if len(orders & {"th", "tf"}) == 1:
        found["dim_ordering"] = (orders & {"th", "tf"}).pop()
    flat = [layer.settings for layer in whole if layer.kind == "Flatten"]
    first = any(held.get("data_format") == "channels_first" for held in settings)
    if first and any("data_format" not in held for held in flat):
        found["features"] = "chw"  # before 2.1.6 a Flatten took images as they were
    return found


def _first(root: Any) -> bool:
    """Whether the variables' names are Keras 1's."""
    return any(
        re.search(r"_(W|running_std)(_\d+)?(:\d+)?$", variable)
        for layer in texts(root, "layer_names")
        for variable in texts(child(root, layer), "weight_names")
    )


# The layout with numbers


class _Walk:
    """The variables below a group, in the layout that numbers them."""

    def __init__(self) -> None:
        self.acting: dict[str, str] = {}
        self.seen: set[int] = set()

    def found(
        self, group: Any, path: str, layers: Sequence[Layer]
    ) -> Iterator[tuple[str, Stored]]:
        """The tensors below a group of a model, or of a layer with layers inside.

        Args:
            group: of the file.
            path: of what is in it, with a slash at the end unless empty.
            layers: as the settings name them, if they do.
        """
        self.enter(group)
        for key in listing(group):
            if key in NO_WEIGHTS or key == "vars":
                continue
            if key in LISTS:
                yield from self.listed(child(group, key), path, layers)
            elif not is_group(group, key):
                yield f"{path}{key}", tensor(group, key)
            else:
                inner = child(group, key)
                variables = child(inner, "vars") if "vars" in inner else {}
                name = self.named(variables) or key
                yield from self.layer(inner, variables, f"{path}{name}", "", None)

    def listed(
        self, group: Any, path: str, layers: Sequence[Layer]
    ) -> Iterator[tuple[str, Stored]]:
        """The same for the layers of a model, whose groups are called by class."""
        self.enter(group)
        own: dict[str, list[Layer]] = defaultdict(list)
        for item in layers:
            own[configs.snake(item.kind)].append(item)
        counts: Counter[str] = Counter()
        for key in sorted(listing(group), key=lambda text: (len(text), text)):
            inner = child(group, key)
            kind = re.sub(r"_\d+$", "", key)
            place = counts[kind]
            counts[kind] += 1
            variables = child(inner, "vars") if "vars" in inner else {}
            name = self.named(variables)
            known = dict(enumerate(own[kind]))
            if name:
                layer = {one.name: one for one in own[kind]}.get(name)
            else:
                layer = known.get(place)
            number = f"_{place}" if place else ""
            name = name or (layer.name if layer else f"layers/{kind}{number}")
            if configs.acts(kind):
                told = configs.told(layer or Layer(name, configs.acts(kind)))
                self.acting.setdefault(name, told)
            yield from self.layer(inner, variables, f"{path}{name}", kind, layer)

    def layer(
        self, group: Any, variables: Any, path: str, kind: str, layer: Layer | None
    ) -> Iterator[tuple[str, Stored]]:
        """The variables of a layer, and of what is inside of it."""
        numbers = sorted(listing(variables), key=lambda text: (len(text), text))
        names = _attributes(kind, len(numbers), layer) or numbers
        for number, name in zip(numbers, names, strict=True):
            yield f"{path}/{name}", tensor(variables, number)
        if len(group) > 1 or not variables:
            yield from self.found(group, f"{path}/", layer.layers if layer else ())

    def named(self, variables: Any) -> str:
        """The layer's own name, which Keras 3 keeps."""
        return text(variables.attrs.get("name")) if variables != {} else ""

    def enter(self, group: Any) -> None:
        """Raises WeightsError for a group that is inside of itself."""
        where = address(group)
        if where in self.seen:
            raise WeightsError(
                f"{shown(group.name)} is in the file twice, perhaps inside of itself",
                code="AS607",
            )
        self.seen.add(where)


def _attributes(kind: str, count: int, layer: Layer | None) -> tuple[str, ...]:
    """The attributes that the numbers of a layer mean; none if that isn't known."""
    if kind == "normalization":
        return STATISTICS if count == len(STATISTICS) else ()
    if layer is not None and kind.endswith("_normalization"):
        kept = ("scale", "gamma"), ("center", "beta")
        own = [name for key, name in kept if layer.settings.get(key) is not False]
        moments = MOMENTS if "batch" in kind else ()
        return (*own, *moments) if len(own) + len(moments) == count else ()
    return NUMBERED.get(kind, {}).get(count, ())
