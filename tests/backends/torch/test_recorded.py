"""The printed test of a torch file passes, and notices edits of the file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from edits import CURIOUS, Edit, noticed, spread
from proofs import sampled

CURIOUS_EDITS: dict[str, Edit] = {
    "as printed": lambda text: f"{text}\n",
    "relu6": ("F.relu(", "F.relu6("),
    "stride of the stem": ("7, stride=2, padding=3", "7, stride=1, padding=3"),
    "eps": ("nn.BatchNorm2d(8)", "nn.BatchNorm2d(8, eps=1e-3)"),
    "padding mode": ("padding=3,", 'padding=3, padding_mode="reflect",'),
    "what a pool counts": ("stride=2, padding=1)", "2, 1, count_include_pad=False)"),
    "what hangs over": ("stride=2, padding=1)", "2, 1, ceil_mode=True)"),
    "no residual": ("        x = x + pool\n", ""),
    "groups": ("groups=8", "groups=4"),
    "slopes": ("self.slope(self.deep(x))", "F.prelu(self.deep(x), x.new_ones(1))"),
    "max for mean": ("nn.AdaptiveAvgPool2d(2)", "nn.AdaptiveMaxPool2d(2)"),
    "flatten order": ("(self.flat(x), 1)", "(self.flat(x).permute(0, 2, 3, 1), 1)"),
    "no softmax": ("return self.softmax(x)", "return x"),
    "dropout removed": ("        x = self.drop(x)\n", ""),
}
RESNET_EDITS: dict[str, Edit] = {
    "as printed": lambda text: f"{text}\n",
    "relu6": ("return F.relu(y + x)", "return F.relu6(y + x)"),
    "relu6 inside": ("y = F.relu(", "y = F.relu6("),
    "no relu": ("y = F.relu(self.bn1(self.conv1(x)))", "y = self.bn1(self.conv1(x))"),
    "no residual": ("return F.relu(y + x)", "return F.relu(y)"),
    "relu before the sum": ("return F.relu(y + x)", "return F.relu(y) + x"),
    "eps": (
        "self.bn2 = nn.BatchNorm2d(channels)",
        "self.bn2 = nn.BatchNorm2d(channels, 1e-3)",
    ),
    "stride moved": lambda text: text.replace(
        "channels, 3, padding=1", "channels, 3, stride=stride, padding=1"
    ).replace("channels, 3, stride=stride, padding=1", "channels, 3, padding=1", 1),
    "padding mode": ("padding=1, bias", "padding=1, padding_mode='replicate', bias"),
    "more classes": ("num_classes: int = 10", "num_classes: int = 11"),
    "another seed": lambda text: re.sub(r"nonlinearity=.*?\)", "a=1)", text, count=1),
}
UNSEEN = {"as_printed", "dropout_removed", "another_seed"}


@pytest.mark.parametrize(
    ("spec", "edits"),
    sampled(
        [("curious.yaml", CURIOUS_EDITS), ("resnet20", RESNET_EDITS)],
        [("curious.yaml", CURIOUS_EDITS)],
    ),
    ids=["curious", "resnet20"],
)
def test_edits_are_noticed(
    spec: str, edits: dict[str, Edit], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("curious.yaml").write_text(CURIOUS)
    folder = tmp_path / "models"
    folder.mkdir()
    spread(spec, "torch", folder, edits)
    found = noticed(folder)
    name = Path(spec).stem
    assert not found.pop(name)
    assert {key.removeprefix(f"{name}_") for key, saw in found.items() if not saw} == {
        key for key in UNSEEN if f"{name}_{key}" in found
    }
    assert len(found) == len(edits)
