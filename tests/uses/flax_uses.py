"""What printed Flax files are used for, each use as a function that raises.

`python -m uses.flax_uses` runs all and writes the table of docs/uses.md anew; with the
name of a net it prints what that raises.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
from uses.table import SIZE, Net, agree, main

MARK = "<!-- flax -->"
NAMES = ("resnet18", "resnet50", "wrn_16_8", "vgg11_bn", "keras_resnet50v2")
"""XLA compiles each of them for a minute."""
DEVICES = 4
OTHER = 96, 65
"""Another height and width."""


def model_of(net: Net) -> Any:
    """A module of the printed class with the net's weights, in evaluation mode."""
    from flax import nnx

    from archspec.backend import backend

    model = net.entry(rngs=nnx.Rngs(0))
    backend("flax").write_weights(net.spec.graph, model, net.weights)
    model.eval()
    return model


def last(images: Any) -> Any:
    """Images, channels last."""
    import jax.numpy as jnp

    return jnp.asarray(images.transpose(0, 2, 3, 1))


def called(net: Net) -> None:
    """`nnx.jit` of the module."""
    from flax import nnx

    images = net.images()
    made = nnx.jit(lambda model, x: model(x))(model_of(net), last(images))
    agree(made, net.wanted(images))


def merged(net: Net) -> None:
    """`nnx.split`, then `jax.jit` of what `nnx.merge` makes of it."""
    import jax
    from flax import nnx

    definition, state = nnx.split(model_of(net))
    images = net.images()
    made = jax.jit(lambda s, x: nnx.merge(definition, s)(x))(state, last(images))
    agree(made, net.wanted(images))


def stepped(net: Net) -> None:
    """Two steps of optax by `nnx.value_and_grad`: weights and statistics move."""
    import jax
    import jax.numpy as jnp
    import optax
    from flax import nnx

    model = model_of(net)
    model.train()
    optimizer = nnx.Optimizer(model, optax.adam(1e-3), wrt=nnx.Param)

    @nnx.jit  # type: ignore[untyped-decorator]
    def step(model: Any, optimizer: Any, x: Any) -> Any:
        value, slopes = nnx.value_and_grad(lambda m: jnp.square(m(x)).mean())(model)
        optimizer.update(model, slopes)
        return value, slopes

    before = nnx.to_pure_dict(nnx.state(model, nnx.BatchStat))
    x = last(net.images())
    first, slopes = step(model, optimizer, x)
    second, _ = step(model, optimizer, x)
    if not (np.isfinite([first, second]).all() and second != first):
        raise AssertionError(f"the loss is {first}, then {second}")
    flat = {path: float(jnp.abs(v[...]).max()) for path, v in nnx.to_flat_state(slopes)}
    if not all(np.isfinite([*flat.values()])):
        raise AssertionError("a gradient is not finite")
    after = nnx.to_pure_dict(nnx.state(model, nnx.BatchStat))
    moved = jax.tree.map(lambda a, b: bool((a != b).any()), before, after)
    if not all(jax.tree.leaves(moved)):
        raise AssertionError("statistics stay")


def per_image(net: Net) -> None:
    """`jax.vmap` of `jax.grad`: a gradient an image."""
    import jax
    import jax.numpy as jnp
    from flax import nnx

    definition, weights, rest = nnx.split(model_of(net), nnx.Param, ...)

    def loss(weights: Any, x: Any) -> Any:
        return jnp.square(nnx.merge(definition, weights, rest)(x[None])).mean()

    x = last(net.images(2))
    each = jax.jit(jax.vmap(jax.grad(loss), in_axes=(None, 0)))(weights, x)
    alone = jax.jit(jax.grad(loss))(weights, x[1])
    for one, other in zip(jax.tree.leaves(each), jax.tree.leaves(alone), strict=True):
        size = float(jnp.linalg.norm(other))
        if not float(jnp.linalg.norm(one[1] - other)) <= 1e-3 * max(size, 1e-3):
            raise AssertionError("gradients differ")


def stored(net: Net) -> None:
    """Saved by orbax, restored into a module of which only shapes were made."""
    import orbax.checkpoint as ocp
    from flax import nnx

    model = model_of(net)
    kept = nnx.Not(nnx.RngState)
    with ocp.StandardCheckpointer() as checkpointer:
        checkpointer.save(net.folder / "net", nnx.state(model, kept))
    empty = nnx.eval_shape(lambda: net.entry(rngs=nnx.Rngs(0)))
    with ocp.StandardCheckpointer() as checkpointer:
        state = checkpointer.restore(net.folder / "net", nnx.state(empty, kept))
    nnx.update(empty, state)
    nnx.reseed(empty, default=0)
    empty.eval()
    images = net.images(1)
    agree(nnx.jit(lambda m, x: m(x))(empty, last(images)), net.wanted(images))


def half(net: Net) -> None:
    """State and images in bfloat16."""
    import jax
    import jax.numpy as jnp
    from flax import nnx

    definition, state = nnx.split(model_of(net))

    def cast(x: Any) -> Any:
        return x.astype(jnp.bfloat16) if jnp.issubdtype(x.dtype, jnp.floating) else x

    images = net.images()
    small = jax.tree.map(cast, state)
    made = jax.jit(lambda s, x: nnx.merge(definition, s)(x))(small, cast(last(images)))
    if made.dtype != jnp.bfloat16:
        raise AssertionError(f"it computes in {made.dtype}")
    agree(made.astype(jnp.float32), net.wanted(images), 0.1)


def sharded(net: Net) -> None:
    """Four devices, 2 x 2 by the printed plan; a training step stays as it lies."""
    import jax
    from flax import nnx
    from jax.sharding import AxisType, NamedSharding, PartitionSpec
    from run_printed import module

    from archspec.backend import backend

    path = net.folder / "plan.py"
    chosen: Any = backend("flax")
    path.write_text(chosen.plan(net.spec.graph).text, encoding="utf-8")
    model = model_of(net)
    mesh = jax.make_mesh((2, 2), ("data", "model"), axis_types=(AxisType.Auto,) * 2)
    module(str(path)).shard(model, mesh)
    images = net.images()
    over = NamedSharding(mesh, PartitionSpec("data"))
    made = nnx.jit(lambda m, x: m(x))(model, jax.device_put(last(images), over))
    if len(made.sharding.device_set) != DEVICES:
        raise AssertionError("it is on one device")
    agree(made, net.wanted(images))


def exported(net: Net) -> None:
    """`jax.export` with any batch, serialised and read."""
    import jax
    import jax.export  # which is no attribute of jax' before
    from flax import nnx

    definition, state = nnx.split(model_of(net))
    (count,) = jax.export.symbolic_shape("n")
    given = jax.ShapeDtypeStruct((count, SIZE, SIZE, 3), "float32")
    made = jax.export.export(jax.jit(lambda x: nnx.merge(definition, state)(x)))(given)
    read = jax.export.deserialize(made.serialize())
    for number in (1, 3):
        images = net.images(number)
        agree(read.call(last(images)), net.wanted(images))


def any_size(net: Net) -> None:
    """Images of another height and width."""
    from flax import nnx

    images = net.images(2, OTHER)
    made = nnx.jit(lambda m, x: m(x))(model_of(net), last(images))
    agree(made, net.wanted(images))


def inside(net: Net) -> None:
    """A part of another module, of which it alone is frozen."""
    import jax.numpy as jnp
    from flax import nnx

    class Outer(nnx.Module):  # type: ignore[misc]
        def __init__(self, rngs: nnx.Rngs) -> None:
            self.net = model_of(net)
            self.head = nnx.Linear(10, 2, rngs=rngs)

        def __call__(self, x: Any) -> Any:
            return self.head(self.net(x))

    wrt = nnx.All(nnx.Param, lambda path, value: path[0] == "head")
    slope = nnx.grad(
        lambda m, x: jnp.square(m(x)).mean(), argnums=nnx.DiffState(0, wrt)
    )
    found = nnx.jit(slope)(Outer(nnx.Rngs(0)), last(net.images(1)))
    paths = {path[0] for path, _ in nnx.to_flat_state(found)}
    if paths != {"head"}:
        raise AssertionError(f"gradients of {sorted(paths)}")


USES: dict[str, Callable[[Net], None]] = {
    "`nnx.jit`": called,
    "split, merge": merged,
    "optax": stepped,
    "vmap(grad)": per_image,
    "orbax": stored,
    "bfloat16": half,
    "2 x 2 devices": sharded,
    "`jax.export`": exported,
    "any size": any_size,
    "nested": inside,
}
ABOUT = f"""\
Narrow variants on images of {SIZE} x {SIZE} pixels, made by the printed class and
compared with torch's model of the same weights: `nnx.jit`; `nnx.split` and `jax.jit` of
what `nnx.merge` makes; two steps of optax by `nnx.value_and_grad`, in which weights and
statistics move; a gradient an image by `jax.vmap`; orbax, restored into
`nnx.eval_shape` of the class; state and images in bfloat16 (to 0.1); four devices, laid
out by the printed plan; `jax.export` with any batch; {OTHER[0]} x {OTHER[1]} pixels; and
as a frozen part of another module. `python -m uses.flax_uses` writes the table."""

if __name__ == "__main__":
    told = f"--xla_force_host_platform_device_count={DEVICES}"
    os.environ.setdefault("XLA_FLAGS", told)
    main("uses.flax_uses", "flax", MARK, ABOUT, USES, NAMES)
