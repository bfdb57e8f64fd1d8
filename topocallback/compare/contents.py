"""What something is made of, as a hash: its numbers, its texts, and the code that it runs.

Two things with one hash do the same, in this process or in another one. What no hash can be made of, such as an open
file, is refused by name: nothing that depends on it can be known to be as it was.
"""

from __future__ import annotations

import functools
import hashlib
import sys
import types
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import torch
from lightning.pytorch import LightningModule
from torch import Tensor, nn
from torchmetrics import Metric

from topocallback.compare.origins import binary_of, global_names, imported_names, is_library, version_of

__all__ = ["CannotBeSeenError", "digest_of"]

_PLAIN = {type(None), bool, int, float, complex, str, bytes, type(...), type(NotImplemented)}
_PLAIN |= {torch.dtype, torch.layout, torch.memory_format}
# Of a class: what runs nothing, or differs from process to process.
_NOT_READ = {
    *("__abstractmethods__", "__annotate__", "__annotate_func__", "__annotations__", "__annotations_cache__"),
    *("__dict__", "__doc__", "__firstlineno__", "__module__", "__qualname__", "__static_attributes__", "__weakref__"),
    *("__annotations_dict__", "__slotnames__", "_abc_impl"),
}
_OF_CODE = ("co_code", "co_names", "co_varnames", "co_freevars", "co_cellvars", "co_flags", "co_argcount", "co_consts")
_BOUND_BY_C = (types.MethodDescriptorType, types.WrapperDescriptorType, types.ClassMethodDescriptorType)
_FIELDS_OF_C = (types.GetSetDescriptorType, types.MemberDescriptorType)


class CannotBeSeenError(ValueError):
    """Something of which no hash can be made; the message names it."""


def digest_of(thing: Any, name: str) -> str:
    """A hash of all that something is made of, and of the code that it runs.

    Code is read as it is loaded, not from files, which may have changed since: functions with their defaults, what they
    hold, and the globals and modules that they name; classes with their bases; modules with everything in them. A
    library's code is told by its version.

    Args:
        thing: Anything: numbers, containers, arrays, tensors, functions, classes, models, batches.
        name: What to call it where it cannot be seen.

    Raises:
        CannotBeSeenError: If it holds something of which no hash can be made.

    Example:
        >>> digest_of([1.0, np.arange(3)], "a") == digest_of([1.0, np.arange(3)], "b")
        True
        >>> digest_of(nn.Dropout(0.1), "a") == digest_of(nn.Dropout(0.2), "b")
        False
        >>> digest_of({"rows": (row for row in "abc")}, "batch")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        topocallback.compare.contents.CannotBeSeenError: batch['rows'] (generator)...
    """
    reader = _Reader([name])
    try:
        reader.read(thing)
    except CannotBeSeenError:
        raise
    except Exception as error:  # nested too deep, or whatever a user's own object does when it is looked at
        raise CannotBeSeenError(f"{name} ({type(thing).__name__}): {type(error).__name__}: {error}") from error
    return reader.digest()


class _Reader:
    """Reads things into one hash, each mutable one once."""

    def __init__(self, path: list[str]) -> None:
        self._hash = hashlib.sha256()
        self._path = path
        self._seen: dict[int, tuple[int, Any]] = {}  # with the thing itself, so that its id is not given again

    def digest(self) -> str:
        return self._hash.hexdigest()

    def read(self, thing: Any, step: str = "") -> None:
        """Read one thing, which is at ``step`` of the one that holds it."""
        self._path.append(step)
        self._read(thing)
        self._path.pop()

    def _read(self, thing: Any) -> None:
        kind = type(thing)
        if kind in _PLAIN:
            self._bytes(kind.__name__, repr(thing).encode())
        elif kind is tuple:  # by value, as constants are: which of them are one object is the compiler's choice
            self._sequence(thing)
        elif kind is frozenset:
            self._set(thing)
        elif kind is types.CodeType:
            self._code(thing)
        elif id(thing) in self._seen:
            self._text("again", self._seen[id(thing)][0])
        else:
            self._seen[id(thing)] = (len(self._seen), thing)
            self._read_new(thing, kind)

    def _read_new(self, thing: Any, kind: type) -> None:
        reader = _READERS.get(kind)
        if reader is not None:
            reader(self, thing)
        elif isinstance(thing, type):
            self._class(thing)
        elif isinstance(thing, Metric) and is_library(kind.__module__):
            self._class(kind)  # it counts what a model gives, and changes nothing of it
        elif kind.__name__ == "OptimizedModule":  # importing its class takes a second
            self._parts(thing, "_orig_mod")
        elif isinstance(thing, nn.Module):
            self._module(thing)
        elif isinstance(thing, Tensor) and _is_dense(thing):
            self._tensor(thing)
        else:
            self._object(thing)

    def _text(self, *words: object) -> None:
        self._bytes("text", "\0".join(map(str, words)).encode(errors="surrogatepass"))

    def _bytes(self, kind: str, content: Any) -> None:
        view = memoryview(content)
        self._hash.update(f"{kind} {view.nbytes}:".encode())
        self._hash.update(view)

    def _sequence(self, items: Iterable[Any]) -> None:
        values = list(items)
        self._text("sequence", type(items).__name__, len(values))
        for i, item in enumerate(values):
            self.read(item, f"[{i}]")

    def _mapping(self, items: Mapping[Any, Any]) -> None:
        pairs = list(items.items())
        self._text("mapping", len(pairs))
        for key, value in pairs:
            self.read(key, f" key {key!r:.50}")
            self.read(value, f"[{key!r:.50}]")

    def _set(self, items: Iterable[Any]) -> None:
        digests = []
        for item in items:  # their order differs from process to process
            own = _Reader(list(self._path))
            own.read(item)
            digests.append(own.digest())
        self._text("set", *sorted(digests))

    def _tensor(self, tensor: Tensor) -> None:
        self._text("tensor", tensor.dtype, tuple(tensor.shape), tensor.device.type)
        values = tensor.detach().resolve_conj().resolve_neg().cpu().contiguous().flatten()
        self._bytes("values", values.view(torch.uint8).numpy())

    def _array(self, array: np.ndarray[Any, Any]) -> None:
        self._text("array", array.dtype, array.shape)
        if array.dtype.hasobject:
            self._sequence(array.ravel().tolist())
        else:
            self._bytes("values", np.ascontiguousarray(array).reshape(-1).view(np.uint8))

    def _storage(self, storage: torch.UntypedStorage) -> None:
        self._tensor(torch.empty(0, dtype=torch.uint8, device=storage.device).set_(storage))

    def _code(self, code: types.CodeType) -> None:
        for name in _OF_CODE:
            self.read(getattr(code, name), f".{name}")

    def _function(self, function: types.FunctionType) -> None:
        home = str(function.__globals__.get("__name__", ""))
        self._text("function", function.__module__, function.__qualname__)
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            try:
                content = cell.cell_contents
            except ValueError:  # not filled yet
                self._text("empty")
                continue
            self.read(content, f".{name}")
        if is_library(home):
            self._text(version_of(home))
            return
        self._code(function.__code__)
        self.read(function.__defaults__, " defaults")
        self.read(function.__kwdefaults__, " defaults")
        self.read(vars(function), " attributes")
        for name in sorted(global_names(function.__code__) & function.__globals__.keys()):
            self.read(function.__globals__[name], f"'s global {name}")
        for name in sorted(imported_names(function.__code__, str(function.__globals__.get("__package__") or ""))):
            self._imported(name)

    def _imported(self, name: str) -> None:
        """A module that is imported while code runs."""
        self._text("imports", name)
        if name in sys.modules:
            self.read(sys.modules[name], f"'s import {name}")
        elif not is_library(name):
            raise CannotBeSeenError(f"{''.join(self._path)}: it imports {name} when it runs")

    def _class(self, kind: type) -> None:
        self._text("class", kind.__module__, kind.__qualname__)
        for each in kind.__mro__:
            self._text(each.__module__, each.__qualname__)
            if is_library(each.__module__):
                self._text(version_of(each.__module__))
                continue
            self._text(binary_of(each.__module__))
            for name, value in sorted(vars(each).items()):
                if name not in _NOT_READ:
                    self._text(name)
                    self.read(value, f".{name}")
        if not is_library(type(kind).__module__):
            self.read(type(kind), "'s metaclass")

    def _python_module(self, module: types.ModuleType) -> None:
        self._text("module", module.__name__)
        if is_library(module.__name__):
            self._text(version_of(module.__name__))
            return
        self._text(binary_of(module.__name__))
        for name, value in sorted(vars(module).items()):
            if not (name.startswith("__") and name.endswith("__")):
                self._text(name)
                self.read(value, f".{name}")

    def _module(self, module: nn.Module) -> None:
        """A model, or a part of one: its class, and all that it holds."""
        self.read(type(module), "'s class")
        try:
            made = module.__reduce_ex__(4)
        except Exception:  # modules with parametrizations refuse to be pickled
            made = ()
        held = made[2] if len(made) > 2 else None
        state = held if isinstance(held, dict) else vars(module)
        left_out = _of_lightning() if isinstance(module, LightningModule) else set()
        for name, value in sorted(state.items()):
            is_empty = value is None or (isinstance(value, dict) and not value)
            if name in left_out or (is_empty and name.startswith("_")):
                continue
            self._text(name)
            if name in ("_modules", "_parameters", "_buffers"):
                for part, content in value.items():
                    self._text(part)
                    self.read(content, f".{part}")
            elif "hooks" in name and isinstance(value, dict):  # by numbers that count the hooks of a process
                self.read(list(value.values()), f".{name}")
            else:
                self.read(value, f".{name}")

    def _built_in(self, function: types.BuiltinFunctionType) -> None:
        self._text("built-in", function.__module__, function.__qualname__)
        if not isinstance(function.__self__, types.ModuleType):
            self.read(function.__self__, "'s self")
        elif not is_library(function.__self__.__name__):
            self._text(binary_of(function.__self__.__name__))

    def _of_c(self, member: Any) -> None:
        self._text("member", member.__objclass__.__module__, member.__objclass__.__qualname__, member.__name__)

    def _method(self, method: types.MethodType) -> None:
        self._text("method")
        self.read(method.__func__)
        self.read(method.__self__, "'s self")

    def _parts(self, thing: Any, *names: str) -> None:
        self._text(type(thing).__name__)
        for name in names:
            self.read(getattr(thing, name), f".{name}")

    def _object(self, thing: Any) -> None:
        """Anything else: what it could be made of again."""
        self._text("object")
        try:
            made = thing.__reduce_ex__(4)
        except Exception as error:
            where = "".join(self._path)
            raise CannotBeSeenError(f"{where} ({type(thing).__name__}): it cannot be taken apart ({error})") from error
        self.read(type(thing), "'s class")
        if isinstance(made, str):
            self._text(made)
            return
        function, arguments, *rest = made
        self.read(function, "'s maker")
        self.read(arguments, "")
        for part in rest:
            self.read(part if _is_state(part) else list(part), "")


def _is_state(part: Any) -> bool:
    """Whether a part of what makes an object is its state, and not an iterator over what it contains."""
    return part is None or not hasattr(part, "__next__")


def _is_dense(tensor: Tensor) -> bool:
    is_own_kind = type(tensor) in (Tensor, nn.Parameter, nn.Buffer)
    return (
        is_own_kind
        and tensor.layout == torch.strided
        and not (tensor.is_quantized or tensor.is_meta or tensor.is_nested)
    )


@functools.lru_cache(maxsize=1)
def _of_lightning() -> set[str]:
    """What Lightning notes on a model while it trains or validates it."""
    return set(vars(LightningModule())) - set(vars(nn.Module()))


_READERS: dict[type, Callable[[_Reader, Any], None]] = {
    list: _Reader._sequence,
    dict: _Reader._mapping,
    types.MappingProxyType: _Reader._mapping,
    set: _Reader._set,
    bytearray: lambda reader, value: reader._bytes("bytearray", value),
    np.ndarray: _Reader._array,
    torch.UntypedStorage: _Reader._storage,
    torch.TypedStorage: lambda reader, value: reader._storage(value.untyped()),
    types.FunctionType: _Reader._function,
    types.BuiltinFunctionType: _Reader._built_in,
    types.MethodWrapperType: lambda reader, value: reader._parts(value, "__name__", "__self__"),
    types.MethodType: _Reader._method,
    types.ModuleType: _Reader._python_module,
    property: lambda reader, value: reader._parts(value, "fget", "fset"),
    staticmethod: lambda reader, value: reader._parts(value, "__func__"),
    classmethod: lambda reader, value: reader._parts(value, "__func__"),
    functools.cached_property: lambda reader, value: reader._parts(value, "func"),
    type(functools.lru_cache(len)): lambda reader, value: reader._parts(value, "__wrapped__"),
    **dict.fromkeys((*_BOUND_BY_C, *_FIELDS_OF_C), _Reader._of_c),
}
