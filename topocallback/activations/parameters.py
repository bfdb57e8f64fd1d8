"""Whether a layer's parameters are what they were: a digest of each layer's, which changes when they do."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import torch
from torch import Tensor, nn

__all__ = ["parameter_digests"]

_MOST_VALUES = 16384
"""Of one parameter. An optimiser that changes a parameter at all changes next to all of its values; of a table of
embeddings, whose rows for tokens that do not come stay, so many values lie in thousands of rows."""


def parameter_digests(layers: Mapping[str, nn.Module]) -> dict[str, str]:
    """A hash of the parameters of each layer, of those in the modules that it holds as well.

    Of a large parameter, values at equal distances count, so that 100 million take as long as ten thousand. Running
    means and other buffers do not: a norm updates them although its weights are frozen.

    Args:
        layers: The layers by their names.

    Returns:
        Layer to hash; none for a layer without parameters, or of whose parameters some are not in this process's
        memory: not made yet, or spread over several processes.

    Example:
        >>> layers = {"linear": nn.Linear(2, 2), "relu": nn.ReLU()}
        >>> before = parameter_digests(layers)
        >>> with torch.no_grad():
        ...     _ = layers["linear"].bias.add_(1)
        >>> list(before), before == parameter_digests(layers)
        (['linear'], False)
    """
    known: dict[int, bytes | None] = {}  # a block and the layers in it have parameters in common

    def of_layer(layer: nn.Module) -> str:
        digests = []
        for parameter in layer.parameters():
            if id(parameter) not in known:
                known[id(parameter)] = _digest(parameter)
            digests.append(known[id(parameter)])
        whole = [digest for digest in digests if digest is not None]
        return hashlib.blake2b(b"".join(whole), digest_size=16).hexdigest() if len(whole) == len(digests) > 0 else ""

    return {name: digest for name, layer in layers.items() if (digest := of_layer(layer))}


def _digest(parameter: Tensor) -> bytes | None:
    """A hash of one parameter; ``None`` where its values are not here, or cannot be read."""
    try:
        if nn.parameter.is_lazy(parameter) or hasattr(parameter, "placements") or parameter.is_meta:
            return None
        # Emptied or freed by whoever spreads it over processes.
        if not parameter.numel() or not parameter.untyped_storage().size():
            return None
        values = parameter.detach().flatten()
        # A copy: what NumPy has looked at can never be resized again, as FSDP does with the parameters themselves.
        some = values[:: max(1, -(-len(values) // _MOST_VALUES))].to("cpu", copy=True).contiguous()
        return hashlib.blake2b(some.view(torch.uint8).numpy().tobytes(), digest_size=16).digest()
    except Exception:  # of a tensor class of someone's own: then nothing is said of this layer
        return None
