"""Which names a node may have: they become attributes of an `nn.Module`."""

from __future__ import annotations

import keyword
import re
from functools import lru_cache

from archspec.errors import Location, SpecError

# The public attributes of torch.nn.Module and Sequential; a test compares this with
# the torch that is installed.
_ATTRIBUTES = """
    T_destination add_module append apply bfloat16 buffers call_super_init children
    compile cpu cuda double dump_patches eval extend extra_repr float forward
    get_buffer get_extra_state get_parameter get_submodule half insert ipu
    load_state_dict modules mtia named_buffers named_children named_modules
    named_parameters parameters pop register_backward_hook register_buffer
    register_forward_hook register_forward_pre_hook register_full_backward_hook
    register_full_backward_pre_hook register_load_state_dict_post_hook
    register_load_state_dict_pre_hook register_module register_parameter
    register_state_dict_post_hook register_state_dict_pre_hook requires_grad_
    set_extra_state set_submodule share_memory state_dict to to_empty train training
    type xpu zero_grad
"""
MODULE_ATTRIBUTES = frozenset(_ATTRIBUTES.split())
IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
NUMBER = re.compile(r"0|[1-9][0-9]*")
SPEC_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
LENGTH = 100


def check(
    name: str, at: Location, *, number: bool = False, attribute: bool = True
) -> None:
    """Raises SpecError for a name that is none.

    `number`s may be names where asked for; an `attribute` is one of a torch module.
    """
    reason = _reason(name, number, attribute)
    if reason:
        raise SpecError(
            f"the name {name!r} {reason}", code="AS310", at=at, hint="choose another"
        )


@lru_cache(maxsize=4096)
def _reason(name: str, number: bool, attribute: bool) -> str | None:
    if number and NUMBER.fullmatch(name):
        return None
    if len(name) > LENGTH:
        return f"is longer than {LENGTH} characters"
    if not IDENTIFIER.fullmatch(name):
        return "is no identifier (letters, digits and _, a letter first)"
    if keyword.iskeyword(name):
        return "is a word of Python"
    if attribute and name in MODULE_ATTRIBUTES:
        return "is an attribute of torch.nn.Module"
    return None
