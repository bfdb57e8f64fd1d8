"""Saying what an analysis will cost, where that is more than a user may expect, and what makes it less."""

from __future__ import annotations

from collections.abc import Sequence

from topocallback.measures.cost import Cost
from topocallback.memory import available_memory

__all__ = ["MOST_SECONDS", "clouds_in_words", "too_much"]

MOST_SECONDS = 60.0
"""Processor time of a step, beyond which it is said before it is spent."""
_MOST_ADVICE = 3

_ADVICE = {
    "homology_dims": "leave dimensions from 2 on out of `homology_dims`",
    "pooling": "choose a `pooling` that keeps fewer values of a sample, such as 'mean'",
    "n_samples": "lower `n_samples`",
    "layers": "choose fewer `layers`",
    "measures": "choose `measures` that cost less, such as 'sliced_wasserstein'",
    "measure": "choose a `measure` that costs less, such as 'sliced_wasserstein'",
    "mapper": "set `mapper=False`",
    "every_n_validations": "raise `every_n_validations`",
    "figures": "set `figures=False`",
    "points": "take fewer points",
}
# What helps where there is no such option; of layers that are wide without any pooling, fewer of them.
_CALLED_OTHERWISE = (("pooling", "layers"), ("pooling", "n_samples"), ("measures", "measure"), ("n_samples", "points"))


def too_much(
    cost: Cost,
    what: str,
    *,
    options: Sequence[str],
    when: str = "",
    most_seconds: float = MOST_SECONDS,
    most_of_memory: float = 0.5,
    always: Sequence[str] = (),
) -> str | None:
    """One sentence on a cost beyond the bounds: its size, and the options that make it less, the strongest first.

    Args:
        cost: What is predicted.
        what: What it is the cost of.
        options: The options that there are where this is said, by their names.
        when: How often, such as ``"at every recorded validation"``.
        most_seconds: The bound of processor time.
        most_of_memory: That of memory, as a share of what is available, where that is known.
        always: Options that help against any amount of processor time, named last.

    Returns:
        The sentence; ``None`` for a cost within the bounds.

    Example:
        >>> cost = Cost({"layers": 50.0, "n_samples": 40.0, "mapper": 3.0}, {"layers": 1.2e9})
        >>> too_much(cost, "300 layers", options=["layers", "n_samples", "mapper"])
        '300 layers will take about 93 s of processor time and 1.2 GB: choose fewer `layers` or lower `n_samples`.'
        >>> too_much(cost, "300 layers", options=["layers"], most_seconds=100.0) is None
        True
    """
    available = available_memory()
    of_memory = available is not None and cost.total_bytes > most_of_memory * available
    if cost.total_seconds <= most_seconds and not of_memory:
        return None
    shares = dict(cost.peak if of_memory else cost.seconds)
    for name, elsewhere in _CALLED_OTHERWISE:
        if name not in options and elsewhere in options:
            shares[elsewhere] = shares.get(elsewhere, 0.0) + shares.pop(name, 0.0)
    total = sum(shares.values())
    helpful = [name for name in sorted(shares, key=lambda name: -shares[name]) if name in options]
    chosen = [name for name in helpful if shares[name] > total / 10] or helpful[:1] or list(options[:1])
    chosen = chosen[: _MOST_ADVICE - len(always)] + ([] if of_memory else list(always))
    return f"{what} will take about {cost}{when and f' {when}'}: {_joined([_ADVICE[name] for name in chosen])}."


def clouds_in_words(shapes: Sequence[tuple[int, int]], what: str = "layer") -> str:
    """How many layers there are, and of how many points.

    Args:
        shapes: (n, d) of each.
        what: What one of them is called.

    Example:
        >>> clouds_in_words([(512, 8)]), clouds_in_words([(512, 8), (900, 8)])
        ('1 layer of 512 points', '2 layers of up to 900 points')
    """
    counts = {n for n, _ in shapes}
    layers = f"1 {what}" if len(shapes) == 1 else f"{len(shapes)} {what}s"
    return f"{layers} of {'up to ' if len(counts) > 1 else ''}{max(counts, default=0)} points"


def _joined(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} or {parts[-1]}"
