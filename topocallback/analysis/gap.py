"""How a step's layers differ between training samples and validation samples, like for like."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from topocallback.analysis.analysed import Analysed
from topocallback.analysis.layers import layer_facts, noted, problems_of_points, statistic_values
from topocallback.analysis.options import AnalysisOptions
from topocallback.hashing import sample_priorities
from topocallback.measures.base import Distance, Statistic
from topocallback.measures.cost import threads_that_fit
from topocallback.measures.facts import LayerFacts
from topocallback.measures.mapper.statistics import MapperStatistic
from topocallback.measures.noise import PreparedLayer, p_values_of_pairs, prepare_layer
from topocallback.measures.parallel import map_threads
from topocallback.measures.sign_flips import N_PARTS
from topocallback.memory import available_memory
from topocallback.records.point_clouds import PointClouds
from topocallback.records.results import Description, Results, StatisticTable
from topocallback.records.snapshot import Snapshot

__all__ = ["gap_descriptions", "gap_of_distance", "gap_of_statistic", "gap_p_value", "with_gap"]

_KEY = "train_gap"


def gap_descriptions(options: AnalysisOptions) -> list[Description]:
    """What the tables are that ``with_gap`` adds to a snapshot, in their order.

    Args:
        options: What is measured.

    Example:
        >>> options = AnalysisOptions(["sliced_wasserstein", "knn_accuracy"], homology_dims=(1,))
        >>> [about.tag for about in gap_descriptions(options)][-3:]
        ['train_gap_knn_accuracy', 'train_gap_sliced_wasserstein_H1', 'train_gap_p_sliced_wasserstein_H1']
    """
    of_statistics = [gap_of_statistic(each.describe(options.length)) for each in _statistics(options).values()]
    distances = [each.describe(options.length) for each in _distances(options)]
    return of_statistics + [about for each in distances for about in (gap_of_distance(each), gap_p_value(each))]


def with_gap(
    analysed: Analysed, clouds: PointClouds, training: PointClouds, options: AnalysisOptions, n_threads: int = 1
) -> Snapshot:
    r"""A snapshot with the gap between training and validation data of every layer: tables of numbers, one per layer.

    - Of every statistic its value on the training samples less that on the validation samples, with the standard error
      :math:`\sqrt{e_t^2 + e_v^2}` of independent samples. Statistics of Mapper graphs have none, for their error is
      not known.
    - Of every distance between diagrams the distance between the layer's training cloud and its validation cloud, and
      its p-value. Held against the layer's noise, it is about 1 noise where there is no difference. The test of
      ``sign_flips`` is exact for different samples too: where both are drawn from one distribution, part i of one side
      and part i of the other may change places.

    Like for like: a number of a cloud depends on how many points it has. So of the larger side only as many samples are
    taken as the smaller one has, those of smallest ``sample_priorities``; the snapshot's ``recording`` says how many
    under ``"train_samples"``.

    Args:
        analysed: What the validation samples gave.
        clouds: The clouds of the validation samples.
        training: Those of the training samples.
        options: What was measured.
        n_threads: Threads to share layers among; it does not change the result.

    Returns:
        The snapshot with tables ``train_gap_<statistic>``, ``train_gap_<distance>`` and ``train_gap_p_<distance>``, one
        for each homology dimension where a measure has one. A layer without training samples has NaN and is named in
        its ``problems``, and so is what a measure cannot give.

    Example:
        >>> from topocallback import analyse
        >>> rng = np.random.default_rng(0)
        >>> validation = PointClouds({"head": rng.normal(size=(60, 2))})
        >>> training = PointClouds({"head": rng.normal(size=(60, 2)) ** 3})
        >>> snapshot = with_gap(Analysed(analyse(validation)), validation, training, AnalysisOptions())
        >>> snapshot.statistics["train_gap_p_sliced_wasserstein", 0].values < 0.05
        array([ True])
    """
    snapshot = analysed.snapshot
    n = min(clouds.n_points, training.n_points)
    seed = int(clouds.recording.get("seed", 0))
    ours, theirs = (_first_by_priority(each, n, seed) for each in (training, clouds))
    is_whole = n == clouds.n_points

    def measure(layer: str) -> tuple[_Side, _Side]:
        if layer not in ours.clouds:
            why = training.problems.get(layer, "it was not recorded.")
            nothing = _Side(problems=[f"It has no gap between training and validation data: {why}"])
            return nothing, _Side()
        on_training = _measured(ours, layer, options, "Of its training data, ")
        return on_training, (_recorded(analysed, layer, options) if is_whole else _measured(theirs, layer, options))

    shapes = [(len(cloud), cloud.shape[1]) for cloud in ours.values()]
    n_at_once = threads_that_fit(n_threads, shapes, options, available_memory()) if n_threads > 1 and shapes else 1
    sides = map_threads(measure, snapshot.layers, n_at_once)
    problems = dict(snapshot.problems)
    for layer, both in zip(snapshot.layers, sides, strict=True):
        for text in (text for side in both for text in side.problems):
            said = problems.get(layer, "")
            if _without_numbers(text) not in _without_numbers(said):  # as of a part with a point more or fewer
                problems[layer] = f"{said} {text}".lstrip()
    has_labels = all(each.labels is not None for each in (clouds, training))
    tables = [*_statistic_tables(sides, options, has_labels), *_distance_tables(sides, options)]
    problems |= _of_measures(training, options, lacks=n if n < clouds.n_points else None)
    return dataclasses.replace(
        snapshot,
        statistics=Results([*snapshot.statistics.values(), *tables]),
        problems=problems,
        recording={**snapshot.recording, "train_samples": n},
    )


# -- What is measured -------------------------------------------------------------------------------------------------


def _statistics(options: AnalysisOptions) -> dict[int, Statistic]:
    """Those of clouds and diagrams, by their positions: weights are the same on both sides, and edges not at hand."""
    return {
        i: each
        for i, each in enumerate(options.statistics)
        if not (isinstance(each, MapperStatistic) or each.needs_weights or each.needs_edges)
    }


def _distances(options: AnalysisOptions) -> list[Distance]:
    """Those that need neither the same samples nor more than diagrams, for those of the validation are at hand."""
    return [each for each in options.distances if each.from_diagrams and not each.paired]


def gap_of_statistic(about: Description) -> Description:
    """What the table of a statistic's gap is.

    Args:
        about: What the statistic's own table is.

    Example:
        >>> gap_of_statistic(Description("bars", 1, "Number of bars", kind="statistic")).title
        'Training minus validation: number of bars, H1'
    """
    low, high = about.range
    return dataclasses.replace(
        about,
        measure=f"{_KEY}_{about.measure}",
        label=f"Training minus validation: {_in_a_sentence(about.label)}",
        range=(low - high, high - low),
        more=f"{about.more} in training data" if about.more else "more in training data",
    )


def gap_of_distance(about: Description) -> Description:
    """What the table is of how far a layer's training samples are from its validation samples.

    Args:
        about: What the distance's own table is.

    Example:
        >>> gap_of_distance(Description("bottleneck", 1, "Bottleneck distance")).tag
        'train_gap_bottleneck_H1'
    """
    return dataclasses.replace(
        about,
        measure=f"{_KEY}_{about.measure}",
        label=f"Training from validation: {_in_a_sentence(about.label)}",
        kind="statistic",
        more="training and validation data further apart; two samples of one kind are about as far apart as the noise",
    )


def gap_p_value(about: Description) -> Description:
    """What the table is of whether training and validation data are told apart by a distance.

    Args:
        about: What the distance's own table is.

    Example:
        >>> gap_p_value(Description("bottleneck", 1, "Bottleneck distance")).tag
        'train_gap_p_bottleneck_H1'
    """
    return dataclasses.replace(
        about,
        measure=f"{_KEY}_p_{about.measure}",
        label=f"Training from validation: p-value of the {_in_a_sentence(about.label)}",
        unit="",
        range=(0.0, 1.0),
        kind="statistic",
        more="less evidence of a difference",
    )


def _in_a_sentence(label: str) -> str:
    """A label that goes on a sentence: ``RankMe`` and ``TwoNN`` keep their capitals."""
    return label[:1].lower() + label[1:] if label[1:2].islower() and label.split()[0][1:].islower() else label


# -- One side of a layer ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Side:
    """What one layer gave on one side.

    Attributes:
        values: The position of a statistic to its value and its standard error.
        prepared: The position of a distance to what it compares.
        problems: What went wrong, in sentences.
    """

    values: dict[int, tuple[float, float]] = field(default_factory=dict)
    prepared: dict[int, PreparedLayer] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def _measured(clouds: PointClouds, layer: str, options: AnalysisOptions, whose: str = "") -> _Side:
    """A layer's numbers, from its cloud; what its points lack is said with whose they are."""
    facts = layer_facts(clouds, layer, options)
    lacking = problems_of_points(facts)
    side = _Side(problems=[f"{whose}{text[0].lower()}{text[1:]}" for text in lacking] if whose else lacking)
    try:
        side.values.update(statistic_values(facts, options, None, side.problems))
        if facts.n_points:
            _prepare(side, facts, options)
    except MemoryError:
        side.problems.append("There was no memory left to measure its gap. Fewer training samples need less.")
    finally:
        facts.let_go()
    return side


def _recorded(analysed: Analysed, layer: str, options: AnalysisOptions) -> _Side:
    """The same of what the snapshot holds already."""
    snapshot, side = analysed.snapshot, _Side()
    row = snapshot.layers.index(layer)
    for i, statistic in _statistics(options).items():
        table = snapshot.statistics.get(statistic.describe(options.length).key)
        if table is not None:
            side.values[i] = float(table.values[row]), float(table.errors[row])
    if snapshot.n_points[row]:
        _prepare(side, analysed.facts(layer), options)
    return side


def _prepare(side: _Side, facts: LayerFacts, options: AnalysisOptions) -> None:
    for i, distance in enumerate(_distances(options)):
        with noted(f"It has no {distance.describe().title} between training and validation data.", side.problems):
            side.prepared[i] = prepare_layer(distance, facts)


def _without_numbers(text: str) -> str:
    return re.sub(r"\d+", "#", text)


def _first_by_priority(clouds: PointClouds, n: int, seed: int) -> PointClouds:
    """The n samples of smallest priority, with all of their points."""
    if n == clouds.n_points:
        return clouds
    ids = np.asarray(clouds.sample_ids)
    chosen = np.sort(np.argsort(sample_priorities(ids, seed), kind="stable")[:n])
    place = np.full(len(ids), -1)
    place[chosen] = np.arange(n)
    of_points = {layer: place[clouds.owners_of(layer)] for layer in clouds.layers}
    return dataclasses.replace(
        clouds,
        clouds={layer: cloud[of_points[layer] >= 0] for layer, cloud in clouds.items()},
        sample_ids=ids[chosen],
        labels=None if clouds.labels is None else clouds.labels[chosen],
        owners={layer: of_points[layer][of_points[layer] >= 0] for layer in clouds.owners},
    )


# -- Both sides -------------------------------------------------------------------------------------------------------


def _statistic_tables(
    sides: Sequence[tuple[_Side, _Side]], options: AnalysisOptions, has_labels: bool
) -> Iterator[StatisticTable]:
    unknown = (np.nan, np.nan)
    for i, statistic in _statistics(options).items():
        if statistic.needs_labels and not has_labels and statistic in options.standard_of_clouds:
            continue  # nobody asked for it
        about = gap_of_statistic(statistic.describe(options.length))
        both = [[side.values.get(i, unknown) for side in pair] for pair in sides]
        values, errors = np.array(both, dtype=np.float64).reshape(-1, 2, 2).transpose(2, 1, 0)
        yield StatisticTable(about, values[0] - values[1], np.hypot(*errors))


def _distance_tables(sides: Sequence[tuple[_Side, _Side]], options: AnalysisOptions) -> Iterator[StatisticTable]:
    for i, distance in enumerate(_distances(options)):
        there = [row for row, pair in enumerate(sides) if all(i in side.prepared for side in pair)]
        pairs = [(sides[row][0].prepared[i], sides[row][1].prepared[i]) for row in there]
        values, p = (np.full(len(sides), np.nan) for _ in range(2))
        values[there] = [distance.between(ours.whole, theirs.whole) for ours, theirs in pairs]
        p[there] = p_values_of_pairs(distance, [ours for ours, _ in pairs], [theirs for _, theirs in pairs])
        about = distance.describe(options.length)
        yield StatisticTable(gap_of_distance(about), values)
        yield StatisticTable(gap_p_value(about), p)


def _of_measures(training: PointClouds, options: AnalysisOptions, *, lacks: int | None) -> dict[str, str]:
    """What is wrong with a measure in all layers, by the title of its table.

    Where validation has no more samples than training, it has been said of these that they are too few.
    """
    found = {}
    if training.labels is None:
        for statistic in _statistics(options).values():
            if statistic.needs_labels and statistic not in options.standard_of_clouds:
                title = gap_of_statistic(statistic.describe(options.length)).title
                found[title] = "It needs labels, and the training samples have none."
    if lacks is not None and lacks < 2 * N_PARTS:
        for distance in _distances(options):
            title = gap_p_value(distance.describe(options.length)).title
            found[title] = f"Nothing was tested: {lacks} training samples are too few, tests need {2 * N_PARTS}."
    return found
