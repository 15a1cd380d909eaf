"""One step of training of a printed net by two gloo processes; saves the weights.

Arguments: ddp or fsdp, the class, the size of images, its file, and where to save.
"""

from __future__ import annotations

import importlib
import os
import socket
import sys
from pathlib import Path
from typing import Any

import torch
from torch import distributed
from torch.distributed.device_mesh import init_device_mesh

sys.path.insert(0, str(Path(__file__).parents[1]))
from uses.torch_uses import images, step


def work(
    rank: int, port: int, kind: str, entry: str, size: int, file: str, to: str
) -> None:
    """What one of the two does."""
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    distributed.init_process_group("gloo", rank=rank, world_size=2)
    sys.path.insert(0, str(Path(file).parent))
    torch.manual_seed(0)
    model = getattr(importlib.import_module(Path(file).stem), entry)().eval()
    x = images(size, 4)[2 * rank : 2 * rank + 2]
    if kind == "ddp":
        step(torch.nn.parallel.DistributedDataParallel(model), x)
        state = dict(model.named_parameters())
    else:
        from torch.distributed.fsdp import fully_shard

        fully_shard(model, mesh=init_device_mesh("cpu", (2,)))
        step(model, x)
        state = {k: v.full_tensor() for k, v in model.named_parameters()}
    if rank == 0:
        torch.save({k: v.detach() for k, v in state.items()}, to)
    distributed.barrier()
    distributed.destroy_process_group()


if __name__ == "__main__":
    kind, entry, size, file, to = sys.argv[1:]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    start: Any = torch.multiprocessing
    start.spawn(work, (port, kind, entry, int(size), file, to), nprocs=2)
