"""Names of tensors that are others in a net: what `--rename OLD=NEW` does.

>>> renamed("layer1.0.bn1.weight", {"bn1": "norm1", "layer*": "stage*"})
'stage1.0.norm1.weight'
"""

from __future__ import annotations

import re
from collections.abc import Mapping


def renamed(name: str, rename: Mapping[str, str]) -> str:
    """A name in which parts are others; a `*` stands for any text."""
    for old, new in rename.items():
        if "*" in old:
            pattern = "(.*)".join(map(re.escape, old.split("*")))
            found = re.fullmatch(pattern, name)
            if found is not None:
                texts = iter(found.groups())
                pieces = new.split("*")
                name = pieces[0] + "".join(next(texts, "") + p for p in pieces[1:])
        else:
            literal = new.replace("\\", r"\\")
            name = re.sub(rf"(?<![^./]){re.escape(old)}(?![^./])", literal, name)
    return name
