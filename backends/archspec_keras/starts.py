"""Models that start anew: a hundred of a small one in the time that making one takes.

Keras makes a layer in milliseconds, and draws its weights in a fraction of one. So a
model is made once, and each of its weights drawn again by what it was drawn by: a
`clone()` of the initializer, as the layer's constructor makes one of its config.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import patch

from archspec_keras.engines import framework


def starts(make: Callable[[], Any]) -> Iterator[Any]:
    """Models without end, each with other draws; one is good until the next is there.

    Where weights come from elsewhere than `add_weight`, each is made as a whole.
    """
    layer = framework().layers.Layer
    add, drawn = layer.add_weight, list[tuple[Any, Any]]()
    bind = inspect.signature(add).bind

    def added(self: Any, *args: Any, **named: Any) -> Any:
        variable = add(self, *args, **named)
        given = bind(self, *args, **named).arguments.get("initializer")
        drawn.append((variable, given))
        return variable

    with patch.object(layer, "add_weight", added):
        model = make()
    yield model
    known = {id(variable) for variable, given in drawn if given is not None}
    whole = not all(id(weight) in known for weight in model.trainable_variables)
    while True:
        if whole:
            model = make()
        else:
            _draw(drawn)
        yield model


def _draw(drawn: list[tuple[Any, Any]]) -> None:
    """Draws weights again; two of one initializer are alike again."""
    words = framework().initializers
    clones: dict[int, Any] = {}
    for variable, given in drawn:
        initializer = words.get(given)
        if isinstance(initializer, words.Zeros | words.Ones | words.Constant):
            continue
        if hasattr(initializer, "clone") and initializer is given:
            initializer = clones.setdefault(id(given), initializer.clone())
        variable.assign(initializer(variable.shape, dtype=variable.dtype))
