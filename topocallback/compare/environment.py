"""What computes: the versions of the packages, and the machine, as far as numbers depend on them."""

from __future__ import annotations

import functools
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from typing import NamedTuple

import torch

__all__ = ["Settings", "environment"]

_PACKAGES = (
    "gudhi",
    "lightning",
    "numpy",
    "persim",
    "redzed-tda",
    "ripser",
    "scikit-learn",
    "scipy",
    "topocallback",
    "torch",
)


def environment() -> dict[str, str]:
    """Everything that a result depends on besides models, data and options.

    Example:
        >>> environment()["precision"], environment()["dtype"]
        ('highest', 'torch.float32')
    """
    return {
        **_versions(),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        "dtype": str(torch.get_default_dtype()),
        "precision": torch.get_float32_matmul_precision(),
        "deterministic": str(torch.are_deterministic_algorithms_enabled()),
    }


class Settings(NamedTuple):
    """How torch is set to compute in a process, as far as numbers depend on it."""

    dtype: torch.dtype
    precision: str
    deterministic: bool
    only_warns: bool
    n_threads: int  # a sum of 500,000 values was another one in 4 threads than in 1

    @classmethod
    def here(cls) -> Settings:
        """Those of this process."""
        return cls(
            torch.get_default_dtype(),
            torch.get_float32_matmul_precision(),
            torch.are_deterministic_algorithms_enabled(),
            torch.is_deterministic_algorithms_warn_only_enabled(),
            torch.get_num_threads(),
        )

    @contextmanager
    def used(self) -> Iterator[None]:
        """Set this process like the one that they come from, and back.

        Example:
            >>> with Settings.here()._replace(dtype=torch.float64).used():
            ...     torch.get_default_dtype()
            torch.float64
            >>> torch.get_default_dtype()
            torch.float32
        """
        own = Settings.here()
        try:
            self._set()
            yield
        finally:
            own._set()

    def _set(self) -> None:
        torch.set_default_dtype(self.dtype)
        torch.set_float32_matmul_precision(self.precision)
        torch.use_deterministic_algorithms(self.deterministic, warn_only=self.only_warns)
        torch.set_num_threads(self.n_threads)


@functools.lru_cache(maxsize=1)
def _versions() -> dict[str, str]:
    return {package: _version(package) for package in _PACKAGES}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
