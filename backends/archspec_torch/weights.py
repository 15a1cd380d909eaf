"""The function that loads weights into a printed module."""

from __future__ import annotations

from dataclasses import replace

from archspec.graph import Graph
from archspec.source.classes import Dialect
from archspec.source.literal import lit
from archspec.source.published import address, beside, stored, suffix

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

IMPORTS = {
    "Path": "from pathlib import Path",
    "load_file": "from safetensors.torch import load_file",
}


def loading(dialect: Dialect, graph: Graph) -> Dialect:
    """The dialect of files that end with a function `load_weights`."""
    constants = {"WEIGHTS": beside(graph)}
    text = BESIDE
    if suffix(graph) == ".pth":
        name = lit(stored(graph, graph.weights["hash"]))
        text, constants = PICKLED, {"URL": address(graph), "FILE": f"FILE = {name}"}
        if graph.weights["url"].endswith(f"/{name[1:-1]}"):  # as torch.hub asks for
            text = PICKLED.replace(" file_name=FILE,", "")
            del constants["FILE"]
    elif suffix(graph) == ".safetensors":
        text = PUBLISHED
        constants = {
            "URL": address(graph),
            "HASH": f"HASH = {lit(graph.weights['hash'])}",
            "FILE": f"FILE = {lit(stored(graph))}",
        }
    return replace(
        dialect,
        imports={**dialect.imports, **IMPORTS},
        constants=constants,
        last={"load_weights": text},
    )
