"""Random generators that are put back: what is drawn meanwhile is as if it had not been drawn."""

from __future__ import annotations

import functools
import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np
import torch

__all__ = ["forked_generators", "seed_generators"]

_GENERATORS = (torch.Generator, random.Random, np.random.RandomState, np.random.Generator)
_MOST_HELD = 1000
_MOST_IN_CONTAINER = 100  # as many transforms as one after the other; longer ones are data


@contextmanager
def forked_generators(*users: Any) -> Iterator[None]:
    """Put back the global random generators afterwards, and those that users hold and that their own code names.

    Args:
        users: Objects whose methods may draw from generators of their own, of their module, their class or a closure,
            or which hold functions that do.

    Example:
        >>> before = random.getstate()
        >>> with forked_generators():
        ...     _ = random.random()
        >>> random.getstate() == before
        True
    """
    numpy_state = np.random.get_state(legacy=False)  # noqa: NPY002
    put_back: list[Callable[[], Any]] = [
        functools.partial(random.setstate, random.getstate()),
        functools.partial(np.random.set_state, numpy_state),
        *(_back_to_now(generator) for user in users for generator in _named_by(user)),
    ]
    devices = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()  # type: ignore[no-untyped-call]
    try:
        with torch.random.fork_rng(devices):
            yield
    finally:
        for restore in put_back:
            restore()


def seed_generators(seed: int) -> None:
    """Seed the global random generators of the CPU.

    Args:
        seed: Any integer of at least 0.

    Example:
        >>> with forked_generators():
        ...     seed_generators(0)
        ...     round(random.random(), 3)
        0.844
    """
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    torch.default_generator.manual_seed(seed)  # `torch.manual_seed` would seed other devices as well


def _back_to_now(generator: Any) -> Callable[[], Any]:
    if isinstance(generator, torch.Generator):
        return functools.partial(generator.set_state, generator.get_state())
    if isinstance(generator, random.Random):
        return functools.partial(generator.setstate, generator.getstate())
    if isinstance(generator, np.random.RandomState):
        return functools.partial(generator.set_state, generator.get_state(legacy=False))
    return functools.partial(setattr, generator.bit_generator, "state", generator.bit_generator.state)


def _named_by(user: Any) -> Iterable[Any]:
    """The random generators that an object holds, and those that its code and that of what it holds name.

    Copies of it would share the latter.
    """
    holders = _held_by(user)
    of_classes = [value for holder in holders for kind in type(holder).__mro__ for value in vars(kind).values()]
    functions = [value for value in (*holders, *of_classes) if isinstance(value, FunctionType)]
    values = [*holders, *of_classes, *(value for function in functions for value in _values_of(function))]
    return {id(value): value for value in values if isinstance(value, _GENERATORS)}.values()


def _held_by(user: Any) -> list[Any]:
    """An object, what it holds, what that holds, and so on, as far as a sampler may go."""
    held = {id(user): user}
    waiting = [user]
    while waiting and len(held) < _MOST_HELD:
        for value in _parts_of(waiting.pop()):
            if id(value) not in held and not isinstance(value, (type, ModuleType)):
                held[id(value)] = value
                waiting.append(value)
    return list(held.values())


def _parts_of(held: Any) -> list[Any]:
    """What an object holds by names, or a container that is no data by places or keys."""
    if isinstance(held, (list, tuple, dict)):
        parts = list(held.values() if isinstance(held, dict) else held)
        return parts if len(parts) <= _MOST_IN_CONTAINER else []
    if isinstance(held, functools.partial):
        return [held.func, *held.args, *held.keywords.values()]
    return list(getattr(held, "__dict__", {}).values())


def _values_of(function: FunctionType) -> Iterator[Any]:
    yield from function.__defaults__ or ()
    yield from (cell.cell_contents for cell in function.__closure__ or ())
    yield from (function.__globals__[name] for name in _names(function.__code__) if name in function.__globals__)


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)
