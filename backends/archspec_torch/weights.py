"""The function that loads weights into a printed module."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from archspec.graph import Graph
from archspec.source.classes import Dialect
from archspec.source.literal import lit
from archspec.source.published import address, beside, stored, suffix, table

FITS = """Raises a RuntimeError that names all that is missing, surplus or of another
    shape."""

BESIDE = f'''\
def load_weights(model: nn.Module, path: str | Path = WEIGHTS) -> None:
    """Loads a file of weights; by default the one beside this module.

    {FITS}
    """
    model.load_state_dict(load_file(path))'''

PICKLED = f'''\
def load_weights(model: nn.Module) -> None:
    """Loads the published weights, which are downloaded once and checked.

    {FITS}
    """
    state = torch.hub.load_state_dict_from_url(
        URL, map_location="cpu", check_hash=True, file_name=FILE, weights_only=True
    )
    model.load_state_dict(state)'''

PUBLISHED = f'''\
def load_weights(model: nn.Module) -> None:
    """Loads the published weights, which are downloaded once and checked.

    {FITS}
    """
    path = Path(torch.hub.get_dir()) / "checkpoints" / FILE
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(URL, str(path), HASH)
    model.load_state_dict(load_file(path))'''

SEVERAL = {
    "": f'''\
def load_weights(model: nn.Module, name: str) -> None:
    """Loads the weights of a net: the file beside this module that has its name.

    {FITS}
    """
    path = Path(__file__).with_name(f"{{name}}.safetensors")
    model.load_state_dict(load_file(path))''',
    ".pth": '''\
def load_weights(model: nn.Module, name: str) -> None:
    """Loads the published weights of a net, by its name.

    They are downloaded once and checked. Raises a RuntimeError that names all that is
    missing, surplus or of another shape.
    """
    state = torch.hub.load_state_dict_from_url(
        URLS[name],
        map_location="cpu",
        check_hash=True,
        file_name=FILES[name],
        weights_only=True,
    )
    model.load_state_dict(state)''',
    ".safetensors": '''\
def load_weights(model: nn.Module, name: str) -> None:
    """Loads the published weights of a net, by its name.

    They are downloaded once and checked. Raises a RuntimeError that names all that is
    missing, surplus or of another shape.
    """
    path = Path(torch.hub.get_dir()) / "checkpoints" / FILES[name]
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(URLS[name], str(path), HASHES[name])
    model.load_state_dict(load_file(path))''',
}
"""By the suffix of published files; "" where they are beside the module."""

IMPORTS = {
    "Path": "from pathlib import Path",
    "load_file": "from safetensors.torch import load_file",
}


def loading(dialect: Dialect, graph: Graph) -> Dialect:
    """The dialect of files that end with a function `load_weights`."""
    constants = {"WEIGHTS": beside(graph)}
    text = BESIDE
    if suffix(graph) == ".pth":
        constants = {"URL": address(graph), "FILE": f"FILE = {lit(_hashed(graph))}"}
        text = PICKLED
        if _named(graph):
            text = PICKLED.replace(" file_name=FILE,", "")
            del constants["FILE"]
    elif suffix(graph) == ".safetensors":
        text = PUBLISHED
        constants = {
            "URL": address(graph),
            "HASH": f"HASH = {lit(graph.weights['hash'])}",
            "FILE": f"FILE = {lit(stored(graph))}",
        }
    return _ending(dialect, text, constants)


def loading_each(dialect: Dialect, graphs: Sequence[Graph]) -> Dialect:
    """The dialect of files of several nets whose weights a function loads by name."""
    published = suffix(*graphs)
    text = SEVERAL.get(published, SEVERAL[""])
    constants = {}
    if text != SEVERAL[""]:
        constants["URLS"] = table("URLS", graphs, lambda graph: graph.weights["url"])
    if text == SEVERAL[".safetensors"]:
        constants["HASHES"] = table("HASHES", graphs, lambda g: g.weights["hash"])
        constants["FILES"] = table("FILES", graphs, stored)
    elif text == SEVERAL[".pth"] and all(map(_named, graphs)):
        text = text.replace("        file_name=FILES[name],\n", "")
    elif text == SEVERAL[".pth"]:
        constants["FILES"] = table("FILES", graphs, _hashed)
    return _ending(dialect, text, constants)


def _hashed(graph: Graph) -> str:
    """The name that torch.hub looks for a hash in."""
    return stored(graph, graph.weights["hash"])


def _named(graph: Graph) -> bool:
    """Whether the published file has such a name already."""
    return graph.weights["url"].endswith(f"/{_hashed(graph)}")


def _ending(dialect: Dialect, text: str, constants: Mapping[str, str]) -> Dialect:
    return replace(
        dialect,
        imports={**dialect.imports, **IMPORTS},
        constants=constants,
        last={"load_weights": text},
    )
