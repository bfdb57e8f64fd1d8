"""What a measure is: an object that carries its options and says what its numbers are.

There are two kinds. A *distance* compares two layers: ``prepare`` does once per layer what depends on that layer alone,
``between`` compares two prepared layers. A *statistic* is one number of one layer: ``value``. Both see a layer through
its ``LayerFacts``.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from typing_extensions import Self

from topocallback.measures.facts import LayerFacts
from topocallback.measures.parallel import map_threads
from topocallback.records.results import Description

__all__ = [
    "LENGTH",
    "BehavesAs",
    "Distance",
    "Measure",
    "Statistic",
    "TooFewPointsError",
    "check_option",
    "in_words",
    "is_count",
]

BehavesAs = Literal["mean", "sum", "extreme"]
"""What becomes of a number with more points; see ``Measure``."""

LENGTH = "length"
"""The unit of what is measured in the cloud's own lengths: what it is called depends on the scale."""


class TooFewPointsError(ValueError):
    """A layer has fewer points than a measure needs; the message says how many it needs, and how many came."""


def in_words(name: str) -> str:
    """A class's or function's name as words.

    Example:
        >>> in_words("LongestBar"), in_words("count_difference"), in_words("LinearCKA")
        ('longest bar', 'count difference', 'linear cka')
    """
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name).replace("_", " ").lower()


@dataclass(frozen=True)
class Measure:
    """What both kinds of measures have in common.

    A measure is a frozen dataclass: its fields are its options, and its class says what it is.

    Attributes:
        key: The name in the table of measures; by default the class's own in lower case.
        label: What people call it, beginning with a capital.
        question: The question that it answers.
        unchanged_by: What may be done to all points of a cloud, of a distance to those of either one, without changing
            the number: ``"rotation"``, ``"shift"``, ``"scale"`` (one positive factor). Of statistics of weights, what
            may be done to these.
        unit: The unit of its numbers; ``LENGTH`` for lengths in the cloud, empty for plain numbers.
        range: The smallest and the largest value there can be.
        behaves_as: What becomes of its numbers, and of their spread over samples, with more points: by that a standard
            error is carried from parts of the samples to all of them. ``"mean"``, of all points: the numbers stay about
            what they are, and their spread falls with the square root of the number of points. ``"sum"``: they grow
            with it, and the spread as a share of them falls so. ``"extreme"``, of few points: their spread stays.
        from_diagrams: Whether it needs nothing but persistence diagrams, which a record holds: then it can be taken
            long after the training.
        needs_labels: Whether it needs the samples' labels.
        needs_weights: Whether it needs the layer's own weights, ``LayerFacts.weights``.
        needs_edges: Whether it needs to know which points are joined by an edge of a graph, ``LayerFacts.edges``.
        paper: Where it is defined.
    """

    key: ClassVar[str] = ""
    label: ClassVar[str] = ""
    question: ClassVar[str] = ""
    unchanged_by: ClassVar[tuple[str, ...]] = ()
    unit: ClassVar[str] = ""
    range: ClassVar[tuple[float, float]] = (0.0, float("inf"))
    behaves_as: ClassVar[BehavesAs] = "mean"
    from_diagrams: ClassVar[bool] = False
    needs_labels: ClassVar[bool] = False
    needs_weights: ClassVar[bool] = False
    needs_edges: ClassVar[bool] = False
    paper: ClassVar[str] = ""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "key" not in vars(cls):
            cls.key = in_words(cls.__name__).replace(" ", "_")
        if "label" not in vars(cls):
            cls.label = in_words(cls.__name__).capitalize()

    @property
    def options(self) -> dict[str, Any]:
        """The options that differ from their defaults, which tell two measures of one class apart."""
        return {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if getattr(self, field.name) != field.default
        }

    @property
    def name(self) -> str:
        """What tells it from all other measures: ``"sliced_wasserstein(n_directions=10)"``."""
        return self.key + _in_brackets(self.options)

    def by_dimension(self, homology_dims: Sequence[int]) -> tuple[Self, ...]:
        """The measures that give one table each: one per homology dimension, for a measure of diagrams.

        Args:
            homology_dims: The homology dimensions of the diagrams.

        Raises:
            ValueError: If the measure is for a homology dimension that is not among them.
        """
        return (self,)

    def on_arrays(self) -> Self:
        """The measure as it is taken on plain arrays: one that gives a single table."""
        return self

    def describe(self, length: str = "") -> Description:
        """What its numbers are.

        Args:
            length: What a length in the clouds is called.
        """
        return Description(
            measure=self.name,
            label=f"{self.label} {_in_brackets(self.options)}".rstrip(),
            unit=length if self.unit == LENGTH else self.unit,
            range=self.range,
            **self._kind(),
        )

    def _kind(self) -> dict[str, Any]:
        raise TypeError(f"Expected a Distance or a Statistic, got {type(self).__name__}.")

    def _facts_of(
        self, cloud: ArrayLike, labels: ArrayLike | None = None, sample_ids: ArrayLike | None = None
    ) -> LayerFacts:
        """The facts of a plain array, in its own units, with the diagram that the measure asks for."""
        dim = self.describe().homology_dim
        facts = LayerFacts(cloud, labels, sample_ids, homology_dims=(0, 1) if dim is None else (dim,))
        self._check_finite(facts)
        return facts

    def _check_finite(self, facts: LayerFacts) -> None:
        if bad := len(facts.recorded) - facts.n_points:
            raise ValueError(
                f"Expected finite points for {self.key}, got NaN or infinity in {bad} of {len(facts.recorded)}."
            )


class Distance(Measure):
    """How far apart two layers are.

    Attributes:
        paired: Whether it needs the same samples in the same order on both sides.
        direction: ``"similarity"`` if the literature states it as a similarity: it is recorded as a distance all the
            same, and its label says what 0 and 1 mean.
        is_metric: Whether the triangle inequality holds, and 0 means equal up to what the measure passes over.
        cost: How the cost of a pair grows, in a few words.

    Example:
        >>> class Spread(Distance):
        ...     label = "Difference of spreads"
        ...     def prepare(self, facts):
        ...         return facts.cloud.std()
        ...     def between(self, first, second):
        ...         return abs(first - second)
        >>> Spread().name, float(Spread()([[0.0], [2.0]], [[0.0], [6.0]]))
        ('spread', 2.0)
    """

    paired: ClassVar[bool] = False
    direction: ClassVar[Literal["distance", "similarity"]] = "distance"
    is_metric: ClassVar[bool] = True
    cost: ClassVar[str] = ""

    def prepare(self, facts: LayerFacts) -> Any:
        """What ``between`` compares: all that depends on one layer alone.

        Args:
            facts: The layer.
        """
        raise NotImplementedError(f"{type(self).__name__} has no `prepare`.")

    def between(self, first: Any, second: Any) -> float:
        """The distance of two prepared layers: symmetric, at least 0, and 0 for equal ones."""
        raise NotImplementedError(f"{type(self).__name__} has no `between`.")

    def matrix(self, prepared: Sequence[Any], n_threads: int = 1) -> NDArray[np.float64]:
        """The distance between every two of L prepared layers.

        Args:
            prepared: What ``prepare`` gave for each.
            n_threads: Threads to share the pairs among; it does not change the result.

        Returns:
            (L, L) float64, symmetric, zero diagonal.
        """
        matrix = np.zeros((len(prepared), len(prepared)))

        def fill_row(i: int) -> None:
            for j in range(i):
                matrix[i, j] = matrix[j, i] = self.between(prepared[i], prepared[j])

        # Longest rows first, so that the threads end together.
        map_threads(fill_row, range(len(prepared) - 1, 0, -1), n_threads)
        return matrix

    def size(self, prepared: Any) -> float:
        """How far a prepared layer is from nothing, in the same unit; NaN where there is no such thing.

        No two layers are further apart than the sum of their sizes. So that sum makes distances among few samples and
        distances among many comparable.
        """
        return float("nan")

    def prepare_part(self, facts: LayerFacts) -> Any:
        """What ``likeness`` compares, of a part of a layer's samples; by default what ``between`` compares."""
        return self.prepare(facts)

    def likeness(
        self, first: Sequence[Any], second: Sequence[Any] | None = None, n_threads: int = 1
    ) -> NDArray[np.floating]:
        """How alike parts of layers are, for the test of whether two layers differ; see ``sign_flips``.

        By default the distance with its sign turned. Any symmetric function of two parts will do; a distance that has
        a faster one of the same kind gives that.

        Args:
            first: What ``prepare_part`` gave for each of N parts.
            second: The same for M others; by default those of ``first``.
            n_threads: Threads to share the pairs among; it does not change the result.

        Returns:
            (N, M)
        """
        if second is None:
            return -self.matrix(first, n_threads)
        rows = map_threads(lambda one: [-self.between(one, other) for other in second], first, n_threads)
        return np.array(rows, dtype=np.float64).reshape(len(first), len(second))

    def __call__(self, x: ArrayLike, y: ArrayLike) -> float:
        """The distance between two clouds, in their own units.

        Args:
            x: (n, c) finite points.
            y: (m, d) finite points; for a paired distance m is n, and row i of both is the same sample.

        Raises:
            ValueError: If a cloud holds NaN or infinity, or the distance is paired and the clouds' sizes differ.
        """
        measure = self.on_arrays()
        facts = [measure._facts_of(cloud) for cloud in (x, y)]
        if self.paired and facts[0].n_points != facts[1].n_points:
            counts = " and ".join(str(each.n_points) for each in facts)
            raise ValueError(f"Expected clouds of the same samples for {self.key}, got {counts} points.")
        return measure.between(*[measure.prepare(each) for each in facts])

    def _kind(self) -> dict[str, Any]:
        return {"kind": "distance", "direction": self.direction, "paired": self.paired}


class Statistic(Measure):
    """One number of one layer.

    Attributes:
        more: What a larger value means, in a few words.
        on_parts: Whether its value on a part of the samples is a number of the same kind as its value on all: then the
            parts give its standard error, by ``behaves_as``, and otherwise ``own_error`` does, if it is known.

    Example:
        >>> class Spread(Statistic):
        ...     unit = "activations' units"
        ...     def value(self, facts):
        ...         return facts.cloud.std()
        >>> float(Spread()([[0.0], [2.0]])), Spread().describe().unit
        (1.0, "activations' units")
    """

    more: ClassVar[str] = ""
    on_parts: ClassVar[bool] = True

    def value(self, facts: LayerFacts) -> float:
        """The number; NaN where it is not defined.

        Args:
            facts: The layer.
        """
        raise NotImplementedError(f"{type(self).__name__} has no `value`.")

    def own_error(self, facts: LayerFacts, value: float) -> float:
        """The standard error of a statistic whose parts do not tell it (``on_parts``); NaN where it is not known.

        Args:
            facts: The layer.
            value: What ``value`` gave of it.
        """
        return float("nan")

    def __call__(self, cloud: ArrayLike, labels: ArrayLike | None = None, sample_ids: ArrayLike | None = None) -> float:
        """The statistic of a cloud, in its own units.

        Args:
            cloud: (n, d) finite points.
            labels: (n,) labels, for statistics that need them.
            sample_ids: (n,) which sample each point comes from; by default each from one of its own.

        Raises:
            ValueError: If labels are needed and missing, the cloud holds NaN or infinity, or labels or sample ids are
                not one per point.
        """
        if self.needs_labels and labels is None:
            raise ValueError(f"Expected `labels` for {self.key}, which needs them, got none.")
        measure = self.on_arrays()
        return measure.value(measure._facts_of(cloud, labels, sample_ids))

    def _kind(self) -> dict[str, Any]:
        return {"kind": "statistic", "more": self.more}


def is_count(value: object) -> bool:
    """Whether something is an integer of at least 1."""
    return isinstance(value, (int, np.integer)) and bool(value >= 1)


def check_option(measure: Measure, option: str, is_right: Callable[[Any], bool], expected: str) -> None:
    """Refuse an option that is out of its range, or of a type that cannot be held against it.

    Raises:
        ValueError: If it is; the message names measure, option, range and value.
    """
    value = getattr(measure, option)
    try:
        if is_right(value):
            return
    except TypeError:  # such as text where a number belongs
        pass
    raise ValueError(f"Expected `{option}` of {measure.key} to be {expected}, got {value!r}.")


def _in_brackets(options: dict[str, Any]) -> str:
    return f"({', '.join(f'{name}={value}' for name, value in options.items())})" if options else ""
