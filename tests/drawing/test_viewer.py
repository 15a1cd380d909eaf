"""The page in a browser: Debian's Chromium, driven by playwright."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import archspec
from archspec.diffing.page import marks, pairs
from archspec.diffing.page import page as report_page
from archspec.diffing.report import compare
from archspec.drawing import Mark, draw, opening
from archspec.drawing.outline import outline
from archspec.drawing.picture import placed, sized
from archspec.drawing.union import union

pytestmark = pytest.mark.proof

RECTS = """() => [...document.querySelectorAll('#stage g[data-way]')].map(g => {
  const r = g.querySelector('rect');
  return ['x', 'y', 'width', 'height'].map(k => Number(r.getAttribute(k)));
})"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        yield chromium
        chromium.close()


@pytest.fixture
def show(browser: Any, tmp_path: Path) -> Iterator[Any]:
    """Opens a net's page; what the page says is wrong fails the test."""
    errors: list[str] = []
    pages = []

    def opened(name: str, **how: Any) -> Any:
        path = tmp_path / "net.html"
        path.write_text(str(draw(archspec.load(name).graph, "html", **how)))
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        pages.append(page)
        page.goto(path.as_uri())
        return page

    asked: list[str] = []
    yield opened
    for page in pages:
        page.close()
    assert not errors
    assert all(url.startswith("file:") for url in asked), "a page needs no network"


@pytest.mark.parametrize("name", ["resnet50", "fpn_resnet50", "vgg16"])
@pytest.mark.parametrize("depth", [1, 2, 3, 9])
def test_the_page_adds_up_as_python_does(show: Any, name: str, depth: int) -> None:
    page = show(name, depth=depth)
    net = outline(archspec.load(name).graph)
    rects, _ = placed(sized(net, opening(net, depth)))
    wanted = sorted((r.x, r.y, r.sized.width, r.sized.height) for r in rects)
    found = sorted(map(tuple, page.evaluate(RECTS)))
    assert found == [pytest.approx(one) for one in wanted]


def count(page: Any) -> int:
    return int(page.locator("#stage g[data-way]").count())


def test_a_click_opens_and_folds(show: Any) -> None:
    page = show("resnet50", depth=1)
    assert count(page) == 12
    page.locator("#stage text", has_text="layer2").click()
    assert count(page) == 13
    assert page.locator("#panel h2").inner_text() == "layer2"
    page.locator("#stage text", has_text="bottleneck").click()
    assert page.locator("#stage text", has_text="downsample").count() >= 1
    page.locator("#stage text", has_text="layer2").click()
    assert count(page) == 12


def test_another_instance(show: Any) -> None:
    page = show("resnet50", opened=["layer2.0"])
    assert page.locator("#stage text", has_text="projection").count() == 1
    page.locator("#stage text", has_text="bottleneck \u00d7 4").click(
        position={"x": 5, "y": 5}
    )
    page.locator("#instance").select_option("2")
    assert page.locator("#stage text", has_text="projection").count() == 0
    page.fill("#find", "layer2.2.conv3")
    page.press("#find", "Enter")
    assert page.locator("#panel h2").inner_text() == "layer2.2.conv3"
    assert "layer2.2.conv3.weight" in page.locator("#panel").inner_text()


def test_what_the_panel_says(show: Any) -> None:
    page = show("resnet50", opened=["layer2.0"])
    page.fill("#find", "layer3.4.conv2")
    page.press("#find", "Enter")
    said = page.locator("#panel").inner_text()
    assert page.locator("#panel h2").inner_text() == "layer3.4.conv2"
    # The numbers of `archspec show resnet50 --json`.
    assert "layer3.4.conv2.weight" in said and "[256, 256, 3, 3]" in said
    assert "589,824" in said and "115,605,504" in said
    assert "resnet.yaml:" in said and "=width" in said
    from archspec.receptive import reaches, shown

    graph = archspec.load("resnet50").graph
    field, stride = shown(reaches(graph), "layer3.4.conv2")
    assert f"{field} pixels" in said and f"{stride} pixels" in said


def test_search_and_colours(show: Any) -> None:
    page = show("resnet50")
    page.keyboard.press("/")
    page.keyboard.type("layer4.2")
    assert page.locator("#found").inner_text() == "11 found"
    tinted = page.locator("#stage rect.as-convolution[style*=fill]")
    assert tinted.count() == 0
    page.select_option("#by", "p")
    assert tinted.count() > 0
    page.click("#theme")
    assert page.locator("html").get_attribute("data-theme") == "dark"


def test_the_tree_by_keyboard(show: Any) -> None:
    page = show("resnet50", depth=1)
    item = page.locator("#tree [role=treeitem]").nth(5)
    item.focus()
    assert item.get_attribute("aria-expanded") == "false"
    page.keyboard.press("ArrowRight")
    assert page.locator("#tree [role=treeitem][aria-expanded=true]").count() == 1
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    assert page.locator("#panel h2").inner_text() == "layer1.0.conv1"
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    assert page.locator("#tree [role=treeitem][aria-expanded=true]").count() <= 1


def test_marks_and_levels(show: Any) -> None:
    marks = {"layer3.2.conv2": Mark("changed", "stride 1 -> 2")}
    page = show("resnet50", marks=marks)
    assert page.locator("#stage rect.as-changed").count() == 1
    assert page.locator("#stage text", has_text="stride 1").count() == 1
    boxes = count(page)
    page.keyboard.press("[")
    assert count(page) < boxes


def test_readable_without_scripts(browser: Any, tmp_path: Path) -> None:
    path = tmp_path / "net.html"
    path.write_text(str(draw(archspec.load("resnet18").graph, "html", depth=1)))
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(path.as_uri())
    assert page.locator("main svg text", has_text="layer3").is_visible()
    assert not page.locator("#find").is_visible()
    context.close()


def heard(page: Any) -> list[tuple[str, str, dict[str, Any]]]:
    """What a screen reader is told: roles, names, and states."""
    session = page.context.new_cdp_session(page)
    found = session.send("Accessibility.getFullAXTree")["nodes"]
    return [
        (
            node["role"]["value"],
            node.get("name", {}).get("value", ""),
            {p["name"]: p["value"].get("value") for p in node.get("properties", ())},
        )
        for node in found
        if not node.get("ignored")
    ]


def test_what_a_screen_reader_is_told(show: Any) -> None:
    page = show("resnet50", depth=1)
    found = heard(page)
    assert ("heading", "ResNet-50") in [told[:2] for told in found]
    assert ("tree", "Layers of ResNet-50") in [told[:2] for told in found]
    items = {name: state for role, name, state in found if role == "treeitem"}
    assert items["layer2 stage"]["expanded"] is False
    assert "expanded" not in items["maxpool max_pool2d 3\u00d73 /2"]
    # The picture is one thing, which the tree says in words.
    roles = {role for role, _, _ in found}
    assert "image" in roles and "graphics-symbol" not in roles
    page.locator("#tree [role=treeitem]", has_text="layer2").first.focus()
    page.keyboard.press("ArrowRight")
    items = {name: state for role, name, state in heard(page) if role == "treeitem"}
    assert items["layer2 stage"]["expanded"] is True
    (inner,) = (s for name, s in items.items() if name.endswith("bottleneck \u00d7 4"))
    assert (inner["level"], inner["expanded"]) == (2, False)
    assert ("button", "Light / dark") in [told[:2] for told in found]
    assert not [told for told in found if told[0] == "button" and not told[1]]


def test_on_paper(show: Any) -> None:
    """Light in any case, with its title, a long net on several sheets."""
    page = show("resnet50", opened=["layer1.0", "layer4.0"])
    page.emulate_media(color_scheme="dark")
    page.click("#theme")
    page.click("#theme")
    page.emulate_media(media="print", color_scheme="dark")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("h1.name").bounding_box()["height"] > 10
    sheets = page.locator(".sheet")
    assert sheets.count() > 1
    boxes = [one.bounding_box() for one in sheets.all()]
    assert all(box["height"] < 940 and box["width"] < 700 for box in boxes)
    fill = "e => getComputedStyle(e).fill"
    assert page.locator("#net text").first.evaluate(fill) == "rgb(27, 32, 38)"
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert sheets.count() == 0


def test_a_long_net_opens_soon_and_a_phone_shows_it(show: Any) -> None:
    page = show("resnet1202")
    page.set_viewport_size({"width": 390, "height": 800})
    assert page.locator("#menu").is_visible()
    page.click("#menu")
    assert page.locator("#tree [role=treeitem]").first.is_visible()
    wide = page.evaluate("() => document.documentElement.scrollWidth")
    assert wide <= 390


@pytest.fixture
def show_both(browser: Any, tmp_path: Path) -> Iterator[Any]:
    """Opens the page about two nets."""
    pages = []

    def opened(one: str, other: str) -> Any:
        path = tmp_path / "net.html"
        path.write_text(report_page(compare(archspec.load(one), archspec.load(other))))
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.on("pageerror", lambda error: errors.append(str(error)))
        pages.append(page)
        page.goto(path.as_uri())
        return page

    errors: list[str] = []
    yield opened
    for page in pages:
        page.close()
    assert not errors


@pytest.mark.parametrize(
    "names",
    [("resnet50", "seresnet50"), ("vgg16", "vgg16_bn"), ("resnet50", "resnetv2_50")],
)
def test_a_page_of_two_nets_adds_up_as_python_does(
    show_both: Any, names: tuple[str, str]
) -> None:
    page = show_both(*names)
    report = compare(archspec.load(names[0]), archspec.load(names[1]))
    graphs = report.one.graph, report.other.graph
    net = union(*graphs, pairs(report), marks(report))
    rects, _ = placed(sized(net, opening(net, 1)))
    wanted = sorted((r.x, r.y, r.sized.width, r.sized.height) for r in rects)
    found = sorted(map(tuple, page.evaluate(RECTS)))
    assert found == [pytest.approx(one) for one in wanted]


def test_two_nets_in_one_picture(show_both: Any) -> None:
    page = show_both("resnet34", "resnet50")
    assert page.locator("#stage rect.as-added").count() > 3
    assert page.locator("#stage path.as-line-removed").count() > 0
    page.click("a[data-node='layer2.0.conv1']")
    assert page.locator("#panel h2").inner_text() == "layer2.0.conv1"
    said = page.locator("#panel").inner_text()
    assert "64 \u00d7 56 \u00d7 56 -> 256 \u00d7 56 \u00d7 56" in said
    assert "3 -> 1" in said and "[128, 64, 3, 3] -> [128, 256, 1, 1]" in said
    assert "73,728 (0.338 %) -> 32,768 (0.128 %)" in said  # by torchvision's shapes
    page.fill("#find", "added")
    page.press("#find", "Enter")
    assert page.locator("#panel strong").inner_text() == "added"
    page.locator("#tree [role=treeitem]", has_text="layer1").first.focus()
    item = page.locator("#tree [role=treeitem][aria-selected=true]")
    page.keyboard.press("ArrowDown")
    assert "changed" in item.inner_text()
    boxes = count(page)
    page.keyboard.press("ArrowLeft")
    assert count(page) < boxes
