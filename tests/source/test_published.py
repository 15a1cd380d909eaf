"""archspec.source.published: constants of printed files that load weights."""

from __future__ import annotations

from nets import graph_of

from archspec.graph import Graph
from archspec.source import published


def net(url: str = "", name: str = "net") -> Graph:
    weights = f'weights: {{url: "{url}", hash: "0123456789abcdef"}}\n' if url else ""
    return graph_of(
        f"archspec: 1\nname: {name}\n{weights}inputs: {{x: [3]}}\ngraph: [relu]\n"
    )


def test_a_file_beside_the_module() -> None:
    wanted = 'WEIGHTS = Path(__file__).with_name("a-b.c.safetensors")'
    assert published.beside(net(name="a-b.c")) == wanted
    assert published.suffix(net()) == ""
    long = published.beside(net(name="n" * 60))
    assert long.splitlines() == [
        "WEIGHTS = Path(__file__).with_name(",
        f'    "{"n" * 60}.safetensors"',
        ")",
    ]


def test_an_address() -> None:
    assert (
        published.address(net("https://a.b/c/d.pth")) == 'URL = "https://a.b/c/d.pth"'
    )
    folder = f"https://a.b/{'c' * 60}/"
    assert published.address(net(f"{folder}{'d' * 20}.pth")).splitlines() == [
        "URL = (",
        f'    "{folder}"',
        f'    "{"d" * 20}.pth"',
        ")",
    ]


def test_no_two_files_have_one_name_in_a_cache() -> None:
    graph = net("https://a.b/model.safetensors")
    assert published.suffix(graph) == ".safetensors"
    assert published.stored(graph) == "net-01234567.safetensors"
    whole = published.stored(graph, graph.weights["hash"])
    assert whole == "net-0123456789abcdef.safetensors"
