"""What computes: the versions of the packages, and the machine, as far as numbers depend on them."""

from __future__ import annotations

import functools
import platform
from importlib.metadata import PackageNotFoundError, version

import torch

__all__ = ["environment"]

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


@functools.lru_cache(maxsize=1)
def _versions() -> dict[str, str]:
    return {package: _version(package) for package in _PACKAGES}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
