"""Forward hooks that are there while a model is called, and at no other time."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import nn
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook
from torch.utils.hooks import RemovableHandle

from topocallback.clock import Clock

__all__ = ["RECORDING", "CallHooks", "Hook"]

RECORDING = "recording"
"""The stage under which hooks count their time."""


class CallHooks:
    """Watches the calls that reach a model from outside, and the outputs of chosen layers inside of them.

    The layers' hooks are put on when a call begins and taken off when it ends. Between calls the model is as its owner
    made it: whoever saves, copies or scripts it there finds nothing of ours. (A hook that stays for a whole validation
    is pickled with the model, and ``torch.jit.script`` tries to compile it and fails.) They come after the hooks of
    others, so they see what the rest of the model sees.

    What tells that a call begins is one hook on all modules of the process, which asks no more than whether the module
    is one of the model's. A module that takes no hooks of its own, as scripted ones do not, is watched in the same way.
    Compiled modules warn of such a hook, and compile it; beside them, every module with a layer in it has a
    hook of its own instead.

    Args:
        root: The model.
        layers: Name to layer.
        on_call: Called when a call from outside begins, with the called module and its positional arguments.
        on_output: Called with a layer's name, the layer, its positional and its named arguments and its output. It must
            not raise.
        on_input: Called with a module, its positional and its named arguments, before one of ``told`` runs. It must not
            raise.
        told: Modules of which the arguments are asked for, wherever another one calls them.
        by_module: Whether every module with a layer in it has a hook of its own that tells of calls, in place of one on
            all modules of the process.

    Attributes:
        clock: What all of this has taken, in the calling thread.

    Example:
        >>> import torch
        >>> model = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
        >>> hooks = CallHooks(
        ...     model,
        ...     {"1": model[1]},
        ...     on_call=lambda module, args: print("called with", args[0].shape),
        ...     on_output=lambda name, layer, args, kwargs, output: print(name, output.shape),
        ... )
        >>> hooks.attach()
        >>> _ = model(torch.zeros(4, 2))
        called with torch.Size([4, 2])
        1 torch.Size([4, 3])
        >>> hooks.detach()
    """

    def __init__(
        self,
        root: nn.Module,
        layers: Mapping[str, nn.Module],
        on_call: Callable[[nn.Module, tuple[Any, ...]], None],
        on_output: Callable[[str, nn.Module, tuple[Any, ...], dict[str, Any], Any], None],
        on_input: Callable[[nn.Module, tuple[Any, ...], dict[str, Any]], None] = lambda *_: None,
        told: Sequence[nn.Module] = (),
        by_module: bool = False,
    ) -> None:
        self._root = root
        self._layers = layers
        self._on_call = on_call
        self._on_output = on_output
        self._on_input = on_input
        self._told = told
        self._by_module = by_module
        self._triggers: list[RemovableHandle] = []
        self._members: set[int] = set()
        self._bearers: list[nn.Module] = []
        self._handles: list[RemovableHandle] = []
        self._unhooked: dict[int, list[Hook]] = {}
        self._called: nn.Module | None = None
        self._depth = 0
        self.clock = Clock()

    @property
    def attached(self) -> bool:
        """Whether calls are watched."""
        return bool(self._triggers)

    def attach(self) -> None:
        """Watch calls. Doing so twice changes nothing.

        The model is looked through the first time only, so that watching every step of a validation anew costs little.
        """
        if self._triggers:
            return
        self._members = self._members or {id(module) for module in self._root.modules()}
        if self._by_module:
            self._bearers = self._bearers or self._holders()
            for module in self._bearers:  # one by one: an interrupt between two of them leaves none unknown
                self._triggers.append(module.register_forward_pre_hook(Hook(self._before_any_call)))
        else:
            self._triggers.append(register_module_forward_pre_hook(self._before_any_call))

    def detach(self) -> None:
        """Watch calls no longer. Doing so twice changes nothing."""
        while self._triggers:
            self._triggers.pop().remove()
        self.end_call()

    def end_call(self) -> None:
        """Say that whatever was called is over: of a call that failed, nothing else tells."""
        self._called, self._depth = None, 0
        self._unhooked.clear()
        while self._handles:
            self._handles.pop().remove()

    def _before_any_call(self, module: nn.Module, args: tuple[Any, ...]) -> None:
        if self._called is not None:
            self._depth += module is self._called
        elif id(module) in self._members:
            self._called, self._depth = module, 1
            with self.clock(RECORDING):
                self._on_call(module, args)
                self._put_on(module)

    def _holders(self) -> list[nn.Module]:
        """All modules that can be called and have a chosen layer in them, or are one."""
        layers = {id(layer) for layer in self._layers.values()}
        return [
            module
            for module in self._root.modules()
            if not isinstance(module, (torch.jit.ScriptModule, nn.ModuleList, nn.ModuleDict))
            and any(id(inner) in layers for inner in module.modules())
        ]

    def _put_on(self, called: nn.Module) -> None:
        for module in self._told:
            with contextlib.suppress(Exception):  # scripted modules take no hooks
                hook = Hook(self._take, self._on_input)
                self._handles.append(module.register_forward_pre_hook(hook, with_kwargs=True))
        for name, layer in self._layers.items():
            self._hook(layer, Hook(self._take, self._on_output, name))
        # The last of the called module's own hooks. It is not one that is always called: after an exception torch
        # goes through a module's hooks without a copy, and taking one off would raise another.
        self._hook(called, Hook(self._after_call))
        if self._unhooked:
            self._handles.append(register_module_forward_hook(self._after_any_call, with_kwargs=True))

    def _take(self, function: Callable[..., None], *arguments: Any) -> None:
        with self.clock(RECORDING):
            function(*arguments)

    def _hook(self, module: nn.Module, hook: Hook) -> None:
        try:
            self._handles.append(module.register_forward_hook(hook, with_kwargs=True))
        except Exception:
            self._unhooked.setdefault(id(module), []).append(hook)

    def _after_any_call(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        for hook in tuple(self._unhooked.get(id(module), ())):
            hook(module, args, kwargs, output)

    def _after_call(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        self._depth -= 1
        if self._depth <= 0:
            with self.clock(RECORDING):
                if any(module is one for one in self._told):  # before its call, it did not have the hook yet
                    self._on_input(module, args, kwargs)
                self.end_call()


class Hook:
    """A forward hook of which nothing is left where the module that bears it is copied or saved.

    Args:
        function: What is called with ``first`` and then whatever a hook is called with. What it gives is not used.
        *first: Its first arguments.

    Example:
        >>> import copy
        >>> hook = Hook(print, "called with")
        >>> hook("module", "args"), copy.copy(hook)("module", "args")
        called with module args
        (None, None)
    """

    def __init__(self, function: Callable[..., None], *first: Any) -> None:
        self._function = function
        self._first = first

    def __call__(self, *rest: Any) -> None:
        """What a module calls."""
        self._function(*self._first, *rest)

    def __reduce__(self) -> tuple[Any, ...]:
        """A function of the standard library that takes any arguments and gives ``None``."""
        return getattr, (contextlib.nullcontext(), "__exit__")
