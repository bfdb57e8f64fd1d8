"""Running compiled models so that forward hooks fire.

Compiled code does not look for hooks that came after it was compiled: 0 of 4 calls arrived, without an error. Running
it eagerly for the time of a recording brings them all, and costs no recompilation.
"""

from __future__ import annotations

from types import FunctionType
from typing import Any

import torch
from torch import nn

__all__ = ["EagerStance", "is_compiled"]


class EagerStance:
    """The compiler's stance "force_eager", for as long as anyone needs it: recorders may end in any order."""

    _needed = 0
    _stance: Any = None

    @classmethod
    def enter(cls) -> None:
        """Need it."""
        if cls._needed == 0:
            cls._stance = torch.compiler.set_stance("force_eager")
        cls._needed += 1  # not before: a stance that could not be taken need not be left

    @classmethod
    def leave(cls) -> None:
        """Need it no longer; the last one to leave brings the earlier stance back."""
        cls._needed -= 1
        if cls._needed == 0:
            cls._stance.__exit__(None, None, None)
            cls._stance = None


def is_compiled(module: nn.Module) -> bool:
    """Whether a forward pass runs compiled code: a module's, a function's of one, or by Lightning's wrapping."""
    layers = list(module.modules())
    kinds: set[type] = {kind for layer in layers for kind in type(layer).__mro__}
    return (
        getattr(module, "_compiler_ctx", None) is not None
        or any("_orig_mod" in layer._modules or layer._compiled_call_impl is not None for layer in layers)
        or any(_has_compiled_function(owner) for owners in (layers, kinds) for owner in owners)
    )


def _has_compiled_function(owner: nn.Module | type) -> bool:
    functions = (value for value in vars(owner).values() if isinstance(value, FunctionType))
    return any(hasattr(function, "_torchdynamo_orig_callable") for function in functions)
