"""PyTorch as a dialect of classes."""

from __future__ import annotations

from archspec.source.classes import Container, Dialect
from archspec.source.module import definitions
from archspec.source.text import Call
from archspec_torch.initial import Initials
from archspec_torch.lowering import FUNCTIONS, MODULES, OPS, signature
from archspec_torch.reserved import RESERVED

DIALECT = Dialect(
    backend="torch",
    modules=MODULES,
    functions=FUNCTIONS,
    imports={
        "warnings": "import warnings",
        "Self": "from typing import Self",
        "torch": "import torch",
        "Tensor": "from torch import Tensor",
        "nn": "from torch import nn",
        "F": "from torch.nn import functional as F",
    },
    helpers=definitions("archspec_torch"),
    signature=signature,
    ops=OPS,
    op="type[nn.Module]",
    base="nn.Module",
    tensor="Tensor",
    call="forward",
    sequential=Container("nn.Sequential", unpacked=True, reads="input"),
    listing=Container("nn.ModuleList"),
    member="nn.Module",
    get=lambda name: f'self.get_submodule("{name}")',
    put=lambda name, child: Call("self.add_module", (name, child)),
    reserved=RESERVED,
    taken=frozenset(("init_weights",)),
    start=Initials,
    remarks=("# mypy: no-warn-return-any",),  # torch says of modules' calls only that
)
