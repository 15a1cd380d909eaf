"""Files that extend and contain others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from spelled import CONV, IMAGE, net, refused, shape, spoken, told, wired

from archspec import load
from archspec.errors import ArchspecError, LimitError, Location
from archspec.language.files import Files, made_by
from archspec.language.reader import parse
from archspec.limits import Limits


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(f"archspec: 1\nname: {name}\n{text}")


BASE = """
title: Base
description: A base.
source: https://example.org
params: {width: 4, depth: 1}
inputs: {image: [3, 8, 8], other: [3, 8, 8]}
defaults: {conv2d: {bias: false, kernel: 1}, max_pool2d: {kernel: 2}}
blocks:
  unit: {graph: [{op: conv2d, channels: =width}]}
  spare: {graph: [relu]}
graph:
  join: {op: add, from: [image, other]}
  unit: {block: unit, repeat: =depth}
  act: relu
  pool: max_pool2d
taps: {a: unit, b: act}
outputs: {x: act, y: pool}
expect: {params: 12}
"""


def test_extends_merges_by_name(tmp_path: Path) -> None:
    write(
        tmp_path,
        base=BASE,
        middle="extends: base.yaml\nparams: {depth: 2}\ntaps: {b: null}\n",
        own="""
extends: middle.yaml
params: {width: 5, kind: tanh}
inputs: {image: [3, 6, 6], other: [3, 6, 6]}
defaults: {conv2d: {kernel: 3, bias: null, padding: 1}, max_pool2d: null}
blocks: {spare: null}
graph:
  act: =kind
  pool: {op: global_avg_pool2d, from: act}
  tail: sigmoid
taps: {c: tail}
outputs: {y: tail}
""",
    )
    own = load(tmp_path / "own.yaml")
    graph = own.graph
    assert wired(graph) == {
        "join": "add image other",
        "unit.0.0": "conv2d join",
        "unit.1.0": "conv2d unit.0.0",
        "act": "tanh unit.1.0",
        "pool": "global_avg_pool2d act",
        "tail": "sigmoid pool",
    }
    assert graph.params == {"width": 5, "depth": 2, "kind": "tanh"}
    assert graph.inputs == {"image": (3, 6, 6), "other": (3, 6, 6)}
    assert list(graph.taps) == ["a", "c"]
    assert graph.outputs == {"x": "act", "y": "tail"}
    assert graph.nodes[1].op.model_dump()["bias"] and graph.shapes()["act"] == (5, 6, 6)
    assert (graph.name, graph.title, graph.description, graph.source) == (
        *("own", "", "", ""),
    )
    assert not own.unexpected()
    assert load(tmp_path / "base.yaml").graph.title == "Base"


def errors(path: Path) -> list[str]:
    """All errors of a file."""
    with pytest.raises(ArchspecError) as caught:
        load(path)
    return [spoken(error) for error in caught.value.errors]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("taps: {z: null}", "AS212 4:11 null removes 'z', which no base file has"),
        ("graph: {z: null}", "AS212 4:9 null removes 'z', which no base file has"),
        ("params: {z: null}", "AS212 4:13 null removes 'z', which no base file has"),
        ("inputs: {z: null}", "AS212 4:13 null removes 'z', which no base file has"),
        ("require: {z: null}", "AS212 4:14 null removes 'z', which no base file has"),
        ("outputs: {z: null}", "AS212 4:14 null removes 'z', which no base file has"),
        (
            "blocks: {units: null}",
            "AS212 4:10 null removes 'units', which no base file has "
            "(did you mean 'unit'?)",
        ),
        (
            "defaults: {conv2d: {strid: null}}",
            "AS212 4:28 null removes 'strid', which no base file has",
        ),
        (
            "defaults: {relu: null}",
            "AS212 4:18 null removes 'relu', which no base file has",
        ),
        (
            "params: {width: wide}",
            "AS314 4:17 the param width must be int, found 'wide' (its default says "
            "so; {type: int or str, default: 'wide'} takes both)",
        ),
        (
            "graph: [relu]",
            "AS213 4:8 a list can't extend a mapping, nor a mapping a list",
        ),
        (
            "graph: {new: relu, act: {op: sigmoid, from: new}}",
            "AS306 4:45 there is no node 'new' before this one ('new' is new in this "
            "file, so it comes last, behind all that is inherited; write it into the "
            "entry that reads it, as a nested graph)",
        ),
    ],
)
def test_extends_is_refused(tmp_path: Path, text: str, message: str) -> None:
    write(tmp_path, base=BASE, own=f"extends: base.yaml\n{text}\n")
    (found,) = errors(tmp_path / "own.yaml")
    assert found == message


def test_all_that_extends_gets_wrong_is_told_at_once(tmp_path: Path) -> None:
    text = "params: {y: null, width: 1.5}\ngraph: {z: null, u: null}\n"
    write(tmp_path, base=BASE, own=f"extends: base.yaml\n{text}taps: {{t: null}}\n")
    assert [line[:10] for line in errors(tmp_path / "own.yaml")] == [
        *("AS212 4:13", "AS314 4:26", "AS212 5:9 ", "AS212 5:18", "AS212 6:11"),
    ]


def test_a_list_extends_a_list_as_a_whole(tmp_path: Path) -> None:
    write(
        tmp_path,
        base=f"{IMAGE}graph: [relu, tanh]\n",
        own="extends: base.yaml\ngraph: [{op: sigmoid, name: s}]\n",
        same="extends: base.yaml\n",
    )
    assert wired(load(tmp_path / "own.yaml").graph) == {"0": "sigmoid image"}
    assert len(load(tmp_path / "same.yaml").graph.nodes) == 2


def test_what_the_base_says_stays_where_it_was(tmp_path: Path) -> None:
    write(
        tmp_path,
        base=f"{IMAGE}preprocessing: {{size: 8}}\ngraph: {{a: relu, b: tanh, c: relu}}\n",
        own="extends: base.yaml\ngraph: {b: sigmoid, d: elu}\n",
        other="extends: base.yaml\npreprocessing: {size: 9}\n",
    )
    graph = load(tmp_path / "own.yaml").graph
    assert list(wired(graph)) == ["a", "b", "c", "d"]
    assert graph.preprocessing == {"size": 8}
    assert load(tmp_path / "other.yaml").graph.preprocessing == {"size": 9}


def test_published_weights_are_each_files_own(tmp_path: Path) -> None:
    weights = {"url": "https://a.b/c.pth", "hash": "0123abcd"}
    told = f"weights: {weights}\n"
    params = "params: {w: 4}\n"
    body = f"{IMAGE}graph: [relu, {{op: tanh, name: t}}]\ntaps: {{t: t}}\n"
    write(tmp_path, base=told + params + body, own="extends: base.yaml\n")
    assert load(tmp_path / "base.yaml").graph.weights == weights
    assert load(tmp_path / "own.yaml").graph.weights == {}
    for other in ({"params": {"w": 5}}, {"taps": True}):
        given: Any = other
        assert load(tmp_path / "base.yaml", **given).graph.weights == {}


TYPED = "params: {w: 1, s: same, a: any, f: 1.5}\n"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("w: 3", {"w": 3}),
        ("w: =2 + 2", {"w": 4}),
        ("s: {type: int or str, default: 0}", {"s": 0}),
        ("f: 2", {"f": 2.0}),
        ("a: [1]", {"a": (1,)}),
        ("w: {type: str, default: x}", {"w": "x"}),
    ],
)
def test_a_base_fixes_the_types_of_its_params(
    tmp_path: Path, text: str, found: dict[str, object]
) -> None:
    rest = f"{IMAGE}{TYPED}graph: {{x: {{op: relu, when: '=[w, s, a, f] != 1'}}}}\n"
    write(
        tmp_path,
        base=rest,
        own=f"extends: base.yaml\nparams: {{a: 0, {text}}}\n"
        if not text.startswith("a:")
        else f"extends: base.yaml\nparams: {{{text}}}\n",
    )
    params = load(tmp_path / "own.yaml").graph.params
    for name, value in found.items():
        assert params[name] == value and type(params[name]) is type(value)


def test_an_override_is_of_the_type_that_the_base_fixed(tmp_path: Path) -> None:
    rest = f"{IMAGE}{TYPED}graph: {{x: {{op: relu, when: '=[w, s, a, f] != 1'}}}}\n"
    write(tmp_path, base=rest, own="extends: base.yaml\nparams: {a: 0, w: =1 + 1}\n")
    assert load(tmp_path / "own.yaml", w=3, a="x").graph.params["a"] == "x"
    with pytest.raises(ArchspecError, match="w must be int, found 'x'"):
        load(tmp_path / "own.yaml", w="x")


@pytest.mark.parametrize(
    ("own", "arguments"),
    [
        ("2", ()),
        ("{default: 2, fixed: false}", ("k",)),
        ("{type: int, default: 2}", ()),
        ("{default: 2, fixed: true}", ()),
    ],
)
def test_a_param_stays_fixed(
    tmp_path: Path, own: str, arguments: tuple[str, ...]
) -> None:
    conv = "graph: [{op: conv2d, channels: 2, kernel: =k}]\n"
    write(
        tmp_path,
        base=f"params: {{k: {{default: 1, fixed: true}}}}\n{IMAGE}{conv}",
        own=f"extends: base.yaml\nparams: {{k: {own}}}\n",
    )
    graph = load(tmp_path / "own.yaml").graph
    assert graph.params == {"k": 2} and graph.arguments == arguments


def test_null_removes_from_a_base_only() -> None:
    for text in ("graph: {a: relu, b: null}", "graph: {a: relu}\ntaps: {b: null}"):
        assert told(text)[0].startswith("AS212")


BRACES = (
    "params: {n: 3}\n"
    + IMAGE
    + """\
graph:
  stem: relu
  "layer{index + 1}_{n}": {op: relu, repeat: =n}
  end: relu
"""
)


def test_one_of_the_names_that_an_entry_makes(tmp_path: Path) -> None:
    hint = (
        "('layer{index + 1}_{n}' makes it; write that entry anew, with another "
        "`repeat` or a `when` that leaves it out)"
    )
    write(
        tmp_path,
        base=BRACES,
        gone="extends: base.yaml\ngraph: {layer2_3: null}\n",
        own="extends: base.yaml\ngraph: {layer2_3: tanh}\n",
        other="extends: base.yaml\ngraph: {layer2: null}\n",
        anew='extends: base.yaml\ngraph: {"layer{index + 1}_{n}": '
        "{op: relu, repeat: =n, when: =index != 1}}\n",
    )
    assert errors(tmp_path / "gone.yaml") == [
        f"AS212 4:9 null removes 'layer2_3', which no base file has {hint}"
    ]
    assert errors(tmp_path / "own.yaml") == [
        f"AS311 4:9 the name 'layer2_3' is taken twice {hint}"
    ]
    (error,) = errors(tmp_path / "other.yaml")
    assert "makes it" not in error
    names = list(wired(load(tmp_path / "anew.yaml").graph))
    assert names == ["stem", "layer1_3", "layer3_3", "end"]


def test_names_that_an_entry_may_make() -> None:
    assert made_by("a-1b", ["a{x}b"]) and made_by("a12b7", ["q", "a{x}b{y}"])
    for name in ("a", "ab", "axb", "a1bc", "xa1b"):
        assert made_by(name, ["a{x}b", "a"]) is None
    assert made_by("a.b1", ["a.b{x}"]) and made_by("aXb1", ["a.b{x}"]) is None


def test_where_files_may_be(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    (inside / "deep").mkdir(parents=True)
    write(tmp_path, out=f"{IMAGE}graph: [relu]\n")
    write(inside / "deep", base=f"{IMAGE}graph: [relu]\n", back="extends: ../up.yaml\n")
    write(
        inside,
        up=f"{IMAGE}graph: [tanh]\n",
        own="extends: deep/base.yaml\n",
        far="extends: deep/back.yaml\n",
        out="extends: ../out.yaml\n",
        zoo="extends: resnet18\n",
        url="extends: https://a.b/c.yaml\n",
        nul='extends: "a\\0b.yaml"\n',
        yml="extends: nothing.yml\n",
    )
    assert wired(load(inside / "own.yaml").graph) == {"0": "relu image"}
    assert wired(load(inside / "far.yaml").graph) == {"0": "tanh image"}
    assert load(inside / "zoo.yaml").name == "zoo"
    for name, file in (("out", "../out.yaml"), ("url", "https://a.b/c.yaml")):
        assert errors(inside / f"{name}.yaml") == [
            f"AS110 3:10 '{file}' lies outside the folder of the spec"
        ]
    assert errors(inside / "nul.yaml")[0].startswith("AS110 3:10")
    (error,) = errors(inside / "yml.yaml")
    assert error.startswith("AS101 3:10 ") and "can't be read" in error


def test_a_text_without_a_folder_reaches_the_zoo_only() -> None:
    head = "archspec: 1\nname: n\nextends: "
    assert Files().text(f"{head}resnet18", "net.yaml").extends is not None
    with pytest.raises(ArchspecError, match="outside the folder"):
        Files().text(f"{head}base.yaml", "net.yaml")


def test_names_of_the_zoo() -> None:
    assert Files().open("resnet18").keys.name == "resnet18"
    assert Files().open("families/resnet").file.endswith("families/resnet.yaml")
    for name, hint in (
        ("resnet81", "did you mean 'resnet18'?"),
        ("zzzzz", "`archspec list` names the nets"),
    ):
        with pytest.raises(ArchspecError) as caught:
            Files().open(name)
        assert spoken(caught.value) == (
            f"AS101 {name!r} is no net of the zoo and no .yaml file ({hint})"
        )
    assert told("graph: {a: {spec: zzzzz}}") == [
        "AS101 1:19 'zzzzz' is no net of the zoo and no .yaml file "
        "(a file of your own ends in .yaml)"
    ]


def test_each_file_is_read_once(tmp_path: Path) -> None:
    write(tmp_path, base=f"{IMAGE}graph: [relu]\n", own="extends: base.yaml\n")
    files = Files()
    first = files.open(tmp_path / "own.yaml")
    assert files.open(tmp_path / "own.yaml") is first
    assert sorted(Path(key).name for key in files.units) == ["base.yaml", "own.yaml"]
    assert files.reading == []


def test_chains_of_files_are_bounded(tmp_path: Path) -> None:
    files = {f"f{n}": f"extends: f{n + 1}.yaml\n" for n in range(5)}
    write(tmp_path, **files, f5=f"{IMAGE}graph: [relu]\n")
    assert Files(Limits(depth=6)).open(tmp_path / "f0.yaml").graph is not None
    with pytest.raises(LimitError) as caught:
        Files(Limits(depth=5)).open(tmp_path / "f0.yaml")
    assert spoken(caught.value) == (
        "AS121 3:10 files extend 5 deep "
        "(ARCHSPEC_LIMITS=depth=50 would allow ten times as much)"
    )


def test_the_way_through_what_a_file_extends(tmp_path: Path) -> None:
    write(
        tmp_path,
        base=f"{IMAGE}graph: {{a: relu, b: {{op: slice, stop: 9}}}}\n",
        middle="extends: base.yaml\n",
        own="extends: middle.yaml\n",
        broken="extends: odd.yaml\n",
        odd="tile: x\n",
    )
    with pytest.raises(ArchspecError) as caught:
        load(tmp_path / "own.yaml")
    assert caught.value.notes[-2:] == (
        f"extended by {tmp_path}/middle.yaml:3:10",
        f"extended by {tmp_path}/own.yaml:3:10",
    )
    with pytest.raises(ArchspecError) as caught:
        load(tmp_path / "broken.yaml")
    (error,) = caught.value.errors
    assert str(error.at) == f"{tmp_path}/odd.yaml:3:1"
    assert error.notes == (f"extended by {tmp_path}/broken.yaml:3:10",)
    write(tmp_path, gone="extends: nothing.yaml\n")
    with pytest.raises(ArchspecError) as caught:
        load(tmp_path / "gone.yaml")
    assert str(caught.value.at) == f"{tmp_path}/gone.yaml:3:10"
    assert caught.value.notes == ()


def test_files_in_a_circle(tmp_path: Path) -> None:
    write(
        tmp_path,
        a="extends: b.yaml",
        b="extends: a.yaml",
        c="inputs: {x: [3, 8, 8]}\ngraph: {c: {spec: c.yaml}}",
    )
    assert errors(tmp_path / "a.yaml") == [
        "AS111 3:10 files extend or contain one another: a -> b -> a"
    ]
    assert errors(tmp_path / "c.yaml") == ["AS318 4:19 the spec 'c' contains itself"]


def test_a_block_that_contains_itself() -> None:
    refused("blocks: {b: {graph: {c: {block: b}}}}\ngraph: {b: {block: b}}", "itself")


SUB = """
params: {width: 4}
inputs: {image: [3, 8, 8]}
defaults: {conv2d: {kernel: 1, bias: false}}
graph:
  one: {op: conv2d, channels: =width}
  two: {op: conv2d, channels: =input.channels * 2}
  head: global_avg_pool2d
taps: {c1: one, c2: two}
"""


def test_a_spec_node(tmp_path: Path) -> None:
    write(
        tmp_path,
        sub=SUB,
        net=IMAGE + "defaults: {conv2d: {bias: true, kernel: 1}}\n"
        "graph: {pre: {op: conv2d, channels: 5}, sub: {spec: sub.yaml, width: 6}}\n",
        tapped=IMAGE + "graph:\n  sub: {spec: sub.yaml, taps: true}\n"
        "  add: {op: concat, from: [sub.c1, sub.c2]}\n",
        one=IMAGE + "graph:\n  sub: {spec: sub.yaml, taps: true}\n"
        "  add: {op: relu, from: sub.c1}\n",
    )
    graph = load(tmp_path / "net.yaml").graph
    assert wired(graph)["sub.head"] == "global_avg_pool2d sub.two"
    assert shape(graph) == [10]
    assert list(graph.parameters()) == [
        *("pre.weight", "pre.bias", "sub.one.weight", "sub.two.weight"),
    ]
    assert set(wired(load(tmp_path / "tapped.yaml").graph)) == {
        *("sub.one", "sub.two", "add"),
    }
    assert set(wired(load(tmp_path / "one.yaml").graph)) == {"sub.one", "add"}


@pytest.mark.parametrize(
    ("node", "message"),
    [
        ("{spec: sub.yaml, widht: 3}", "no param 'widht'"),
        ("{spec: sub.yaml, from: [input, input]}", "reads 1 value"),
        ("{spec: resnet5}", "did you mean 'resnet"),
        ("{spec: nothing.yaml}", "can't be read"),
        ("{spec: ../sub.yaml}", "outside the folder"),
        ("{spec: /etc/sub.yaml}", "outside the folder"),
        ("{block: sub, taps: true}", "taps"),
        ("{spec: resnet50, taps: true}", "has the outputs c2"),
    ],
)
def test_a_spec_node_is_refused(tmp_path: Path, node: str, message: str) -> None:
    write(tmp_path, sub=SUB, net=f"{IMAGE}blocks: {{sub: {{graph: [relu]}}}}\n"
          f"graph: {{sub: {node}}}\n")  # fmt: skip
    with pytest.raises(ArchspecError, match=message):
        load(tmp_path / "net.yaml")


def test_a_spec_of_the_zoo() -> None:
    graph = net(
        "graph:\n  body: {spec: resnet18, taps: true, widths: [4, 4, 8, 8]}\n"
        "  up: {op: relu, from: body.c2}\n"
    )
    assert "body.layer1.1.add" in wired(graph)
    assert not any(".layer2" in name or ".fc" in name for name in wired(graph))


def test_expect(tmp_path: Path) -> None:
    write(tmp_path, net="params: {c: 4}\n" + IMAGE + f"graph: {{a: {CONV}}}\n"
          "expect: {params: 17, macs: 768, output: [4, 8, 8]}\n")  # fmt: skip
    (wrong,) = load(tmp_path / "net.yaml").unexpected()
    assert "expected params 17, the net has 16" in str(wrong)
    assert wrong.at is not None and wrong.at.line == 6
    assert not load(tmp_path / "net.yaml", c=5).unexpected()
    assert not load(tmp_path / "net.yaml", size=(9, 9)).unexpected()
    write(tmp_path, net=IMAGE + "graph: {a: relu}\nexpect: {parms: 1}\n")
    with pytest.raises(ArchspecError, match=r".parms. .*did you mean .params"):
        load(tmp_path / "net.yaml")


def test_all_files_of_a_spec_have_one_size_together(tmp_path: Path) -> None:
    head = "archspec: 1\nname: n\ninputs: {image: [3, 8, 8]}\ngraph: [relu]\n"
    (tmp_path / "base.yaml").write_text(head)
    own = "archspec: 1\nname: m\nextends: base.yaml\n"
    (tmp_path / "own.yaml").write_text(own)
    both = len(head) + len(own)
    assert Files(Limits(file_bytes=both)).open(tmp_path / "own.yaml").graph
    with pytest.raises(
        LimitError, match=f"at most {both - 1} bytes together"
    ) as caught:
        Files(Limits(file_bytes=both - 1)).open(tmp_path / "own.yaml")
    assert spoken(caught.value).startswith("AS120 1:1 ")


def test_a_spec_that_is_being_written_over_a_base(tmp_path: Path) -> None:
    """What is new is kept, and what removes nothing is left out."""
    text = "archspec: 1\nname: own\nextends: {}\nparams: {{a: null, b: 3, w: null}}\n"
    write(tmp_path, base=f"{IMAGE}params: {{w: 1, v: 2}}\ngraph: [relu]\n")
    raw = parse(text.format("base.yaml"), str(tmp_path / "own.yaml"))
    unit = Files().begun(raw, str(tmp_path / "own.yaml"), tmp_path)
    assert {name: param.default for name, param in unit.params.items()} == {
        **{"v": 2, "b": 3}
    }
    raw = parse(text.format("gone.yaml"), str(tmp_path / "own.yaml"))
    alone = Files().begun(raw, str(tmp_path / "own.yaml"), tmp_path)
    assert [*alone.params] == ["b"]


def test_a_net_is_of_its_bases_family_unless_it_has_nodes_of_its_own(
    tmp_path: Path,
) -> None:
    write(
        tmp_path,
        base=f"title: Base\n{IMAGE}graph: {{a: relu}}\n",
        same="title: Same\nextends: base.yaml\nparams: {n: 1}\n",
        other="title: Other\nextends: base.yaml\ngraph: {a: tanh}\n",
    )
    for name, family in (("base", "Base"), ("same", "Base"), ("other", "Other")):
        assert Files().open(tmp_path / f"{name}.yaml").family == family


def test_what_is_there_under_a_name_that_no_spec_has(tmp_path: Path) -> None:
    weights, other = tmp_path / "w.pth", tmp_path / "net.txt"
    for path in (weights, other):
        path.write_text("")
    for path, hint in (
        (tmp_path, "it is a folder: name a file in it"),
        (weights, f"a weight file is shown by `archspec weights inspect {weights}`"),
        (other, "there is such a file, but the name of a spec ends in .yaml"),
        (tmp_path / "gone", "`archspec list` names the nets"),
    ):
        with pytest.raises(ArchspecError, match="no net of the zoo") as caught:
            Files().open(path)
        assert caught.value.hint is not None and caught.value.hint.startswith(hint)
        # A spec is named in another one as seen from it, not from where we are.
        with pytest.raises(ArchspecError, match="no net of the zoo") as caught:
            Files().named(str(path), Location("net.yaml", 1, 1))
        assert caught.value.hint == "a file of your own ends in .yaml"


def test_a_file_that_is_called_like_a_net_of_the_zoo(tmp_path: Path) -> None:
    path = tmp_path / "resnet18.yaml"
    hint = "'resnet18' is in the zoo, by its name alone"
    with pytest.raises(ArchspecError, match="can't be read") as caught:
        Files().open(path)
    assert caught.value.hint == hint
    path.write_text("archspec: 2\nname: mine\n")
    with pytest.raises(ArchspecError, match="archspec must be 1") as caught:
        Files().open(path)
    assert caught.value.hint is None


def test_a_text_is_kept_under_its_name() -> None:
    files = Files()
    files.text(f"archspec: 1\nname: n\n{IMAGE}", "net.yaml")
    assert files.texts == {"net.yaml": f"archspec: 1\nname: n\n{IMAGE}"}


def test_the_way_to_a_file_ends() -> None:
    """Files that extend one another are refused, but only when all are read."""
    files = Files()
    files.extended = {"a": Location("b", 2, 1), "b": Location("c", 3, 1)}
    assert files.chain(Location("a", 1, 1)) == (
        "extended by b:2:1",
        "extended by c:3:1",
    )
    assert files.chain(None) == files.chain(Location("c", 1, 1)) == ()
    files.extended["c"] = Location("a", 4, 1)
    assert len(files.chain(Location("a", 1, 1))) == 64
