"""Which names there may be: those of nodes become attributes of a model."""

from __future__ import annotations

import keyword
import re
from collections.abc import Mapping

from archspec.errors import Location, SpecError

# Stated here, since loading the backends takes as long as validating a spec.
_TORCH = """
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
Reserved = Mapping[str, frozenset[str]]
RESERVED: Reserved = {"torch": frozenset(_TORCH.split())}
"""What backends say they reserve; a test compares this with those of archspec."""
NONE: Reserved = {}
"""For names that become no attributes."""

IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
NUMBER = re.compile(r"0|[1-9][0-9]*")
SPEC_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
ALIAS = re.compile(r"[A-Za-z0-9_]+")
LENGTH = 100


def check(name: str, at: Location, reserved: Reserved, *, number: bool = False) -> None:
    """Raises SpecError for a name that is none, or that a backend reserves.

    Whole `number`s may be names where asked for.
    """
    reason = None if number and NUMBER.fullmatch(name) else _reason(name, reserved)
    if reason:
        message = f"the name {name!r} {reason}"
        raise SpecError(message, code="AS310", at=at, hint="choose another")


def _reason(name: str, reserved: Reserved) -> str | None:
    if len(name) > LENGTH:
        return f"is longer than {LENGTH} characters"
    if not IDENTIFIER.fullmatch(name):
        return "is no identifier (letters, digits and _, a letter first)"
    if keyword.iskeyword(name):
        return "is a word of Python"
    owners = (backend for backend, names in reserved.items() if name in names)
    owner = next(owners, None)
    return f"is reserved: every module of {owner} has one of its own" if owner else None


def check_alias(alias: str, at: Location) -> None:
    """Raises SpecError for what can't stand in a layer's name."""
    if not ALIAS.fullmatch(alias) or len(alias) > LENGTH:
        message = f"the alias {alias!r} may hold letters, digits and '_'"
        raise SpecError(message, code="AS310", at=at)


def check_spec(name: str, at: Location | None = None) -> None:
    """Raises SpecError for what no net can be called."""
    if not SPEC_NAME.fullmatch(name) or len(name) > LENGTH:
        message = f"the name {name!r} may hold letters, digits, '_', '-' and '.'"
        raise SpecError(message, code="AS310", at=at)
