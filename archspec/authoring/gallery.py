"""The zoo as static pages: a table that sorts, a card and a page for each net."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

import archspec
from archspec.backend import backends
from archspec.catalog import find
from archspec.drawing import draw
from archspec.errors import ArchspecError
from archspec.listing import Net, nets
from archspec.weights.pretrained import table

STYLE = """
:root{color-scheme:light dark}
body{font:15px/1.5 Helvetica,Arial,'Liberation Sans','DejaVu Sans',sans-serif;
max-width:1200px;margin:0 auto;padding:16px}
.wide{overflow-x:auto}
table{border-collapse:collapse;width:100%}
th,td{padding:3px 10px;text-align:right;border-bottom:1px solid #8886}
th:first-child,td:first-child,td:last-child,th:last-child{text-align:left}
th button{font:inherit;font-weight:bold;border:0;background:none;color:inherit;
cursor:pointer}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(230px,1fr));gap:14px}
.card{border:1px solid #8886;border-radius:6px;padding:10px;overflow:hidden}
.card img{width:100%;height:190px;object-fit:contain;object-position:top}
.card h2{font-size:15px;margin:0}.card p{margin:4px 0;font-size:13px}
"""
SORT = """
for (const button of document.querySelectorAll("th button")) button.onclick = () => {
  const head = button.closest("th"), n = head.cellIndex;
  const up = head.getAttribute("aria-sort") !== "ascending";
  for (const th of head.parentElement.cells) th.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", up ? "ascending" : "descending");
  const body = document.querySelector("tbody");
  const value = row => row.cells[n].dataset.n;
  const number = v => v === undefined ? -1 : Number(v);
  const compare = n ? (a, b) => number(value(a)) - number(value(b))
    : (a, b) => a.cells[0].textContent.localeCompare(b.cells[0].textContent);
  body.append(...[...body.rows].sort((a, b) => (up ? 1 : -1) * compare(a, b)));
};
"""
HEADINGS = ("net", "parameters", "MACs", "top-1", "files")


def pages() -> Iterator[tuple[str, str]]:
    """The name and the text of each file of the site, `index.html` last."""
    known = nets()
    listed: list[tuple[Net, list[str]]] = []
    for net in known:
        graph = archspec.load(net.name).graph
        made = {
            f"{net.name}.html": str(draw(graph, "html")),
            f"{net.name}.svg": str(draw(graph, depth=1)),
            f"{net.name}.yaml": _yaml(net.name),
        }
        for name in backends():
            text = _source(net.name, name)
            if text:
                made[f"{net.name}_{name}.py"] = text
        yield from made.items()
        listed.append((net, [*made]))
    yield "index.html", index(listed)


def _yaml(name: str) -> str:
    path = find(name)
    assert path is not None
    return path.read_text(encoding="utf-8")


def _source(name: str, backend: str) -> str:
    """The printed code; nothing where the backend refuses the net."""
    try:
        return archspec.load(name).codegen(backend).text
    except ArchspecError:
        return ""


def index(listed: list[tuple[Net, list[str]]]) -> str:
    """The page that leads to the others."""
    heads = "".join(
        f'<th scope="col"><button>{text}</button></th>' for text in HEADINGS[:-1]
    )
    rows = "".join(_row(net, files) for net, files in listed)
    cards = "".join(_card(net) for net, _ in listed)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>The zoo</title><style>{STYLE}</style></head><body><h1>The zoo</h1>"
        f'<div class="wide"><table><thead><tr>{heads}<th scope="col">files</th></tr>'
        f'</thead><tbody>{rows}</tbody></table></div><div class="cards">{cards}</div>'
        f"<script>{SORT}</script></body></html>\n"
    )


def top1(name: str) -> float | None:
    """The best top-1 in percent that a publisher states for weights of the net."""
    found = [entry.accuracy.get("acc@1") for entry in table() if entry.net == name]
    return max((float(value) for value in found if value is not None), default=None)


def _row(net: Net, files: list[str]) -> str:
    name = escape(net.name)
    best = top1(net.name)
    said = "" if best is None else f' data-n="{best}"'
    ends = {file: file.removeprefix(net.name).strip("_.") for file in files[2:]}
    links = " ".join(
        f'<a href="{escape(file)}">{escape(end)}</a>' for file, end in ends.items()
    )
    return (
        f'<tr><td><a href="{name}.html">{name}</a></td>'
        f'<td data-n="{net.parameters}">{net.parameters:,}</td>'
        f'<td data-n="{net.macs}">{net.macs:,}</td>'
        f"<td{said}>{'' if best is None else best}</td><td>{links}</td></tr>"
    )


def _card(net: Net) -> str:
    name = escape(net.name)
    return (
        f'<div class="card"><h2><a href="{name}.html">{escape(net.title)}</a></h2>'
        f'<a href="{name}.html"><img loading="lazy" src="{name}.svg" alt=""></a>'
        f"<p>{escape(net.description)}</p></div>"
    )
