"""archspec.weights.choice: of several sets the one that fits, whatever names share."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
import torch
from nets import graph_of

from archspec.errors import WeightsError
from archspec.weights import Wish, load
from archspec.weights.archives import Archive, Stored
from archspec.weights.choice import ANY, Choice, _name, chosen
from archspec.weights.conversion import fitted

GRAPH = graph_of(
    "inputs: {image: [3, 8, 8]}\n"
    "graph: {conv: {op: conv2d, channels: 4, kernel: 3}, bn: batch_norm,"
    " pool: global_avg_pool2d, fc: {op: linear, features: 2}}"
)
STATE = {
    name: torch.rand(shape) + 0.5
    for name, shape in {**GRAPH.parameters(), **GRAPH.buffers()}.items()
} | {"bn.num_batches_tracked": torch.tensor(7)}
OTHER = {name: tensor * 2 for name, tensor in STATE.items()}


def under(prefix: str, state: dict[str, Any] = STATE) -> dict[str, Any]:
    return OrderedDict((f"{prefix}{name}", tensor) for name, tensor in state.items())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "w.pth"


def same(found: dict[str, Any], state: dict[str, Any]) -> bool:
    return all(np.array_equal(found[name], state[name].numpy()) for name in found)


PREFIXES = (
    *("module.", "model.", "_orig_mod.", "backbone.", "encoder.", "net.", "student."),
    *("teacher.", "module.model.", "anything.at.all.", "module.encoder_q."),
)


@pytest.mark.parametrize("prefix", PREFIXES)
def test_what_all_names_begin_with(path: Path, prefix: str) -> None:
    torch.save({"state_dict": under(prefix), "epoch": 3}, path)
    found = fitted(path, GRAPH)
    assert same(found.weights, STATE)
    assert found.notes == (f"all 9 names begin with {prefix!r}: left out",)


WRAPPERS = (
    *("state_dict", "model_state_dict", "model", "net", "model_state", "weights"),
    *("module", "backbone", "a.b.c"),
)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_wherever_the_weights_are(path: Path, wrapper: str, zipped: bool) -> None:
    held: Any = STATE
    for name in reversed(wrapper.split(".")):
        held = {"epoch": 1, name: held, "optimizer": {"state": {0: STATE}}}
    torch.save(held, path, _use_new_zipfile_serialization=zipped)
    found = fitted(path, GRAPH)
    assert same(found.weights, STATE) and found.notes == ()


@pytest.mark.parametrize(
    ("held", "part", "other"),
    [
        # timm's checkpoint saver, and torchvision's reference scripts
        (
            {"state_dict": STATE, "state_dict_ema": OTHER},
            "state_dict_ema",
            "state_dict",
        ),
        (
            {
                "model": STATE,
                "model_ema": under("module.", OTHER) | {"n_averaged": torch.tensor(3)},
            },
            "model_ema",
            "model",
        ),
    ],
)
def test_averages_beside_raw_weights(
    path: Path, held: dict[str, Any], part: str, other: str
) -> None:
    torch.save(held, path)
    found = fitted(path, GRAPH)
    assert same(found.weights, OTHER)
    told = f"read {part!r}; the file has {other!r} as well (--part chooses)"
    assert found.notes[0] == told
    chosen = fitted(path, GRAPH, wish=Wish(part=other))
    assert same(chosen.weights, STATE) and chosen.notes == ()


def test_sets_that_fit_equally_well(path: Path) -> None:
    torch.save({"a": STATE, "b": OTHER}, path)
    with pytest.raises(WeightsError) as caught:
        load(path, GRAPH)
    assert "holds several sets of weights that fit: 'a', 'b'" in caught.value.message
    assert (caught.value.code, caught.value.hint) == (
        "AS610",
        "--part a takes the first",
    )
    assert same(load(path, GRAPH, wish=Wish(part="b")), OTHER)


def test_of_two_sets_the_one_that_fits(path: Path) -> None:
    head = {"loss.weight": torch.ones(3, 3)}
    torch.save({"criterion": head, "zz": under("model.")}, path)
    assert same(load(path, GRAPH), STATE)


def test_what_lacks_the_prefix_is_surplus(path: Path) -> None:
    torch.save({"state_dict": {**under("model."), "loss.weight": torch.ones(3)}}, path)
    with pytest.raises(WeightsError) as caught:
        load(path, GRAPH)
    assert caught.value.notes == ("surplus: loss.weight [3]",)
    found = fitted(path, GRAPH, wish=Wish(prefix="model."))
    assert same(found.weights, STATE)
    assert found.notes == ("9 of 10 names begin with 'model.': left out",)


def test_a_prefix_that_no_name_has(path: Path) -> None:
    torch.save(STATE, path)
    with pytest.raises(WeightsError, match=r"no name in '.*' begins with 'modul\.'"):
        load(path, GRAPH, wish=Wish(prefix="modul."))


def test_a_part_that_is_not_there(path: Path) -> None:
    torch.save({"state_dict": STATE}, path)
    with pytest.raises(WeightsError) as caught:
        load(path, GRAPH, wish=Wish(part="state_dcit"))
    assert caught.value.hint == "did you mean 'state_dict'?"


def test_other_names(path: Path) -> None:
    names = {"conv": "stem.conv0", "fc": "linear"}
    held = {
        names.get(name.partition(".")[0], name.partition(".")[0])
        + "."
        + name.partition(".")[2]: tensor
        for name, tensor in STATE.items()
    }
    torch.save(under("module.", held), path)
    rename = {"linear": "fc", "stem.*0.*": "*.*"}
    assert same(load(path, GRAPH, wish=Wish(rename=rename)), STATE)


@pytest.mark.parametrize("suffix", [".pth.tar", ".ckpt", ".th", ".bin", ".PTH", ".x"])
@pytest.mark.parametrize("zipped", [True, False])
def test_the_content_decides(tmp_path: Path, suffix: str, zipped: bool) -> None:
    path = tmp_path / f"w{suffix}"
    torch.save(STATE, path, _use_new_zipfile_serialization=zipped)
    assert same(load(path, GRAPH), STATE)


def test_a_student_and_a_larger_teacher(path: Path) -> None:
    """The larger one has all that the smaller has, and more."""
    larger = OTHER | {"conv2.weight": torch.ones(4, 4, 1, 1)}
    torch.save(under("teacher.", larger) | under("student."), path)
    found = fitted(path, GRAPH)
    assert same(found.weights, STATE)
    assert found.notes == (
        "read 'student.'; the file has 'teacher.' as well (--prefix chooses)",
        "9 of 19 names begin with 'student.': left out",
    )
    torch.save({"teacher": larger, "student": STATE}, path)
    assert same(fitted(path, GRAPH).weights, STATE)


def test_a_generator_and_a_discriminator(path: Path) -> None:
    generator = {"conv.weight": torch.ones(8, 3, 3, 3), "up.bias": torch.ones(8)}
    torch.save({"D": STATE, "G": generator}, path)
    assert same(load(path, GRAPH), STATE)
    torch.save(under("D.") | under("G.", generator), path)
    with pytest.raises(WeightsError) as caught:
        load(path, GRAPH)
    assert (caught.value.hint or "").startswith("--prefix D. takes")
    assert same(load(path, GRAPH, wish=Wish(prefix="D.")), STATE)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("encoder_q", "encoder_k"),
        ("module.base_encoder", "module.momentum_encoder"),
        ("online_encoder.net", "target_encoder.net"),
        ("teacher", "student"),
        ("module.model", "module.attacker.model"),
        ("backbone", "backbone_momentum"),
        ("backbone", "momentum_backbone"),
        ("model_ema", "model"),
        ("ema.x", "net.x"),
    ],
)
@pytest.mark.parametrize("turned", [True, False])
def test_of_two_nets_the_one_that_is_evaluated(
    path: Path, first: str, second: str, turned: bool
) -> None:
    pairs = [under(f"{first}.", STATE), under(f"{second}.", OTHER)]
    a, b = pairs[::-1] if turned else pairs
    torch.save(a | b, path)
    found = fitted(path, GRAPH)
    assert same(found.weights, STATE)
    told = f"read '{first}.'; the file has '{second}.' as well (--prefix chooses)"
    assert found.notes[0] == told
    chosen = fitted(path, GRAPH, wish=Wish(prefix=f"{second}."))
    assert same(chosen.weights, OTHER)


def test_prefixes_that_fit_equally_well(path: Path) -> None:
    torch.save(under("a.", STATE) | under("b.", OTHER), path)
    with pytest.raises(WeightsError) as caught:
        load(path, GRAPH)
    assert "holds several sets of weights that fit: 'a.', 'b.'" in caught.value.message
    assert caught.value.hint == "--prefix a. takes the first"
    three = under("teacher.") | under("student.") | under("other.")
    torch.save(three, path)
    with pytest.raises(WeightsError, match=r"'teacher\.', 'student\.', 'other\.'"):
        load(path, GRAPH)


def test_names_that_would_be_one(path: Path) -> None:
    probe = {"fc.weight": torch.ones(2, 4), "fc.bias": torch.ones(2)}
    torch.save(under("backbone.") | probe, path)
    with pytest.raises(WeightsError) as caught:
        load(path, GRAPH)
    assert caught.value.notes[0].startswith(
        "surplus: fc.weight (without 'backbone.') [2, 4]"
    )
    assert caught.value.hint == "--prefix backbone. takes what fits"
    assert same(load(path, GRAPH, wish=Wish(prefix="backbone.")), STATE)
    torch.save(STATE | {"linear.weight": torch.ones(2, 4)}, path)
    with pytest.raises(WeightsError) as caught:
        load(path, GRAPH, wish=Wish(rename={"linear": "fc"}))
    assert "'fc.weight' and 'linear.weight' would both be 'fc.weight'" in (
        caught.value.message
    )
    assert caught.value.hint == "--rename gives one of them another name"


def test_raw_weights_beside_averages_in_one_mapping(path: Path) -> None:
    torch.save(OTHER | under("ema."), path)
    with pytest.raises(WeightsError) as caught:
        load(path, GRAPH)
    assert caught.value.hint == "--prefix ema. takes what fits"
    assert same(load(path, GRAPH, wish=Wish(prefix="ema.")), STATE)
    raw = fitted(path, GRAPH, wish=Wish(prefix=""), allow_extra=["ema.*"])
    assert same(raw.weights, OTHER)


def test_a_head_outside_the_trunk(path: Path) -> None:
    trunk = {k: v for k, v in STATE.items() if not k.startswith("fc.")}
    head = {k: v for k, v in STATE.items() if k.startswith("fc.")}
    for start, other in (("backbone.", ""), ("module.backbone.", "module.")):
        torch.save(under(start, trunk) | under(other, head), path)
        found = fitted(path, GRAPH)
        assert same(found.weights, STATE)
        assert found.notes == (f"7 of 9 names begin with {start!r}: left out",)


def test_layers_in_data_parallel(path: Path) -> None:
    """As PyTorch's ImageNet example trains a VGG: its features on several GPUs."""
    state = {name.replace("conv.", "conv.module."): t for name, t in STATE.items()}
    torch.save({"state_dict": state}, path)
    found = fitted(path, GRAPH)
    assert same(found.weights, STATE)
    assert found.notes == ("2 names have 'module.' inside: left out",)


def test_a_net_with_such_names_of_its_own(path: Path) -> None:
    graph = graph_of(
        "inputs: {x: [3]}\ngraph: {a: {graph: {module: {op: linear, features: 2}}}}"
    )
    state = {"a.module.weight": torch.ones(2, 3), "a.module.bias": torch.ones(2)}
    torch.save(under("net.", state), path)
    found = fitted(path, graph)
    assert found.notes == ("all 2 names begin with 'net.': left out",)


@pytest.mark.parametrize("prefix", ["", "module.", "m._orig_mod."])
def test_wrappers_in_the_middle_of_names(path: Path, prefix: str) -> None:
    state = {
        f"{prefix}{name.partition('.')[0]}._fsdp_wrapped_module."
        f"_checkpoint_wrapped_module.{name.partition('.')[2]}": tensor
        for name, tensor in STATE.items()
    }
    torch.save(state, path)
    assert same(load(path, GRAPH), STATE)
    assert same(load(path, GRAPH, wish=Wish(prefix=prefix)), STATE)


def test_a_part_without_anything_that_fits(path: Path) -> None:
    torch.save({"a": STATE, "b": {"x.weight": torch.ones(2)}}, path)
    with pytest.raises(WeightsError, match=" 8 missing") as caught:
        load(path, GRAPH, wish=Wish(part="b"))
    assert any("surplus: x.weight" in note for note in caught.value.notes)


def test_clips_net_is_another_one(path: Path) -> None:
    """Three convolutions in its stem, pools for strides: ResNet-50 by most names."""
    import archspec

    graph = archspec.load("resnet50").graph
    state = {
        f"visual.{name}": torch.zeros(shape)
        for name, shape in {**graph.parameters(), **graph.buffers()}.items()
        if not name.startswith(("fc", "conv1", "bn1"))
    }
    for n, shape in enumerate([(32, 3, 3, 3), (32, 32, 3, 3), (64, 32, 3, 3)], 1):
        state[f"visual.conv{n}.weight"] = torch.zeros(shape)
    state["visual.attnpool.positional_embedding"] = torch.zeros(50, 2048)
    torch.save(state | {"logit_scale": torch.zeros(())}, path)
    with pytest.raises(WeightsError) as caught:
        load(path, graph)
    assert "shape: conv1.weight is [32, 3, 3, 3]" in "".join(caught.value.notes)
    assert "surplus: conv3.weight [64, 32, 3, 3]" in "".join(caught.value.notes)
    assert caught.value.hint == (
        "attnpool.positional_embedding is of a ResNet of CLIP, which no spec here is"
    )


def stored(shape: tuple[int, ...]) -> Stored:
    return Stored(shape, "float32", lambda: np.zeros(shape, "float32"))


WANTED = {"conv.weight": (4, 3), "bn.weight": (4,), "a.module.b.bias": (2,)}
PIECES = (
    "",
    "a.",
    "module.",
    "b.c.",
    "encoder_q.",
    "encoder_k.",
    "ema.",
    "x._orig_mod.",
)


def test_any_arrangement_is_read_or_refused() -> None:
    """Sets under random beginnings, whole or in parts, beside others and the like."""
    for seed in range(400):
        arrangement(seed)


def arrangement(seed: int) -> None:
    """One of those, made and chosen from."""
    draw = Random(seed)
    wanted = dict(WANTED) if draw.random() < 0.5 else {"conv.weight": (4, 3), "w": ()}
    parts: dict[str, dict[str, Stored]] = {}
    for part in ("", "model", "model_ema", "a.b")[: draw.randint(1, 4)]:
        parts[part] = {}
        for _ in range(draw.randint(1, 3)):
            start = "".join(draw.choice(PIECES) for _ in range(draw.randint(0, 2)))
            for name, shape in wanted.items():
                if draw.random() < 0.9:
                    other = shape if draw.random() < 0.9 else (9, 9)
                    parts[part][f"{start}{name}"] = stored(other)
        parts[part]["bn.num_batches_tracked"] = stored(())
    archive = Archive.of("a file", parts)
    wish = draw.choice(
        [
            Wish(),
            Wish(rename={"conv": "bn", "a": "b"}),
            Wish(prefix=draw.choice(PIECES)),
            Wish(part=draw.choice(("", "model", "a.b"))),
        ]
    )
    try:
        choice = chosen(archive, [wanted], wish, "f")
    except WeightsError as error:
        assert error.code == "AS610"
        return
    held = [tensor for tensors in parts.values() for tensor in tensors.values()]
    found = choice.archive.tensors
    assert all(any(one is other for other in held) for one in found.values())
    fitting = {name for name, shape in wanted.items() if name in found}
    assert all(isinstance(note, str) for note in choice.notes)
    if wish == Wish():  # nothing fits better as it stands
        for tensors in parts.values():
            plain = sum(
                tensors[name].shape == shape
                for name, shape in wanted.items()
                if name in tensors
            )
            best = sum(found[name].shape == wanted[name] for name in fitting)
            assert best >= plain


def test_a_whole_set_is_found_wherever_it_is() -> None:
    for first in PIECES:
        for second in PIECES:
            start = f"{first}{second}"
            tensors = {f"{start}{n}": stored(shape) for n, shape in WANTED.items()}
            extra = {"loss.weight": stored((4,)), "z.conv.weight": stored((1,))}
            archive = Archive.of("a file", {"": tensors | extra})
            found = chosen(archive, [WANTED], Wish(), "f").archive.tensors
            for name in WANTED:
                assert found[name] is tensors[f"{start}{name}"]


@pytest.mark.parametrize(
    ("name", "known", "wanted"),
    [
        ("a.b.c.fc.weight", {"fc.weight"}, "fc.weight"),
        ("a.fc.weight", {"fc.weight"}, "fc.weight"),
        ("a.fc.weight", {"fc.weight", "a.fc.weight"}, "fc.weight"),
        ("fc.weight", {"fc.weight"}, "fc.weight"),
        ("a.other", {"fc.weight"}, "a.other"),
    ],
)
def test_a_head_beside_what_the_prefix_is_of(
    name: str, known: set[str], wanted: str
) -> None:
    """It has the longest of the prefix' beginnings that gives a name of the net."""
    assert _name(name, "a.b.c.", {}, known) == wanted


FOUR: dict[str, tuple[int, ...]] = dict.fromkeys("abcd", (2,))
"""Four vectors that a net wants."""


def taken(
    parts: dict[str, str], wish: Wish = ANY, *wanted: dict[str, tuple[int, ...]]
) -> tuple[Archive, Choice]:
    """What is chosen of parts whose tensors are vectors, named between spaces."""
    held = {p: {n: stored((2,)) for n in names.split()} for p, names in parts.items()}
    archive = Archive.of("a file", held)
    return archive, chosen(archive, wanted or [FOUR], wish, "f.pth")


def test_what_is_said_of_a_choice() -> None:
    parts = {"": "x y z", "net": "m.a m.b m.c m.d loss"}
    archive, choice = taken(parts)
    assert [*choice.archive.tensors] == ["a", "b", "c", "d", "loss"]
    for name, tensor in choice.archive.tensors.items():
        before = name if name == "loss" else f"m.{name}"
        assert tensor is archive.parts["net"][before]
    assert choice.archive.kind == "a file, its 'net'"
    assert (choice.prefix, {*choice.beside}) == ("m.", {"loss"})
    assert choice.notes == ("4 of 5 names begin with 'm.': left out",)
    _, whole = taken({"": "a b c d"})
    assert whole.archive.kind == "a file"
    assert (whole.notes, whole.prefix, {*whole.beside}) == ((), "", set())


def test_where_nothing_fits_all_stays() -> None:
    archive, choice = taken({"": "x.y", "z": "w"})
    assert choice == Choice(archive) and choice.archive is archive
    _, named = taken({"": "x.y", "z": "v w"}, Wish(part=""))
    assert [*named.archive.tensors] == ["x.y"] and named.archive.kind == "a file"


@pytest.mark.parametrize(
    ("names", "prefix"),
    [
        ("p.a p.b q.x q.y q.z q.w", "p."),  # half of the net
        ("p.a q.x q.y q.z q.w", ""),  # a layer's name by chance
        ("p.a p.z q.y", "p."),  # most of the file
        ("p.a q.y", ""),
        ("p.a q.num_batches_tracked", "p."),  # which is no weight
        ("u.v.w.x.y.z.a", "u.v.w.x.y.z."),
        ("t.u.v.w.x.y.z.a", ""),  # deeper than is looked
        ("a", ""),
    ],
)
def test_how_much_has_to_fit_below_a_prefix(names: str, prefix: str) -> None:
    assert taken({"": names})[1].prefix == prefix


@pytest.mark.parametrize(
    ("name", "prefix"),
    [
        ("conv/kernel", ""),
        ("m/conv/kernel", "m/"),
        ("m/n/conv/kernel", "m/n/"),
        ("u/v/w/x/y/z/conv/kernel", "u/v/w/x/y/z/"),
        ("t/u/v/w/x/y/z/conv/kernel", ""),
    ],
)
def test_models_around_a_layer_of_keras(name: str, prefix: str) -> None:
    _, choice = taken({"": name}, ANY, {"conv/kernel": (2,)})
    assert choice.prefix == prefix


def test_a_layer_of_keras_is_no_prefix_of_its_variables() -> None:
    archive, choice = taken({"": "conv/kernel"}, ANY, {"kernel": (2,)})
    assert choice.archive is archive


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ({"n": "a b c d", "o": "a b"}, "read 'n'; the file has 'o' as well"),
        (
            {"n": "a b c d", "p": "a b c", "o": "a b"},
            "read 'n'; the file has 'o', 'p' as well",
        ),
        ({"n": "a b c d", "o": "a x"}, None),
    ],
)
def test_other_sets_of_half_as_many_tensors_are_told(
    parts: dict[str, str], told: str | None
) -> None:
    wanted = () if told is None else (f"{told} (--part chooses)",)
    assert taken(parts)[1].notes == wanted


def test_the_set_beside_which_least_stands() -> None:
    assert taken({"n": "a b x", "o": "a b"})[1].archive.kind == "a file, its 'o'"
    assert taken({"n": "a b c", "o": "a b"})[1].archive.kind == "a file, its 'n'"


def test_the_names_of_a_publisher_are_taken_whole() -> None:
    """Ours may fit without what theirs begin with."""
    wanted = {f"resnet.{name}": shape for name, shape in FOUR.items()}
    for ways in ((wanted, FOUR), (FOUR, wanted)):
        _, choice = taken({"": "m.resnet.a m.resnet.b m.resnet.c"}, ANY, *ways)
        assert choice.prefix == "m.resnet."


def test_wrappers_stay_where_two_tensors_would_be_one() -> None:
    _, choice = taken({"": "x.module.a x.a"}, ANY, {"x.a": (2,)})
    assert [*choice.archive.tensors] == ["x.module.a", "x.a"]
    _, plain = taken({"": "x.module.a x.b"}, ANY, {"x.a": (2,), "x.b": (2,)})
    assert [*plain.archive.tensors] == ["x.a", "x.b"]
    assert plain.notes == ("1 names have 'module.' inside: left out",)


@pytest.mark.parametrize(
    ("wish", "message", "hint"),
    [
        (Wish(part="x"), "'f.pth' has no part 'x'", "it has 'net', 'other'"),
        (Wish(part="nets"), "'f.pth' has no part 'nets'", "did you mean 'net'?"),
        (
            Wish(part="net", prefix="x."),
            "no name in 'f.pth' begins with 'x.'",
            "its first name is 'm.a'",
        ),
    ],
)
def test_what_is_not_there(wish: Wish, message: str, hint: str) -> None:
    with pytest.raises(WeightsError) as caught:
        taken({"net": "m.a m.b", "other": "y"}, wish)
    assert (caught.value.message, caught.value.hint) == (message, hint)
    assert caught.value.code == "AS610"


def test_a_prefix_that_is_asked_for() -> None:
    """Other tensors are left out, though more would fit."""
    _, choice = taken({"": "m.a m.b m.c n.a n.x"}, Wish(prefix="n."))
    assert [*choice.archive.tensors] == ["a", "x"] and choice.prefix == "n."
    assert choice.notes == ("2 of 5 names begin with 'n.': left out",)
    _, all_of_it = taken({"": "m.a m.b"}, Wish(prefix=""))
    assert [*all_of_it.archive.tensors] == ["m.a", "m.b"] and not all_of_it.notes


def test_new_names_are_those_behind_the_prefix() -> None:
    _, choice = taken({"": "m.x m.b"}, Wish(rename={"x": "a"}))
    assert [*choice.archive.tensors] == ["a", "b"] and choice.prefix == "m."
