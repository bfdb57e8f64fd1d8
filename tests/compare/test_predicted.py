"""What a comparison will cost is said when the first model has been recorded, for all of them together."""

import warnings

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

from topocallback import compare_models
from topocallback.analysis.options import AnalysisOptions
from topocallback.compare.predicted import predict_comparison


def compared(count, **options):
    models = {f"m{i}": nn.Sequential(nn.Linear(4, 5 + i), nn.ReLU()) for i in range(count)}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        compare_models(models, DataLoader(torch.randn(40, 4), batch_size=20), n_samples=40, n_jobs=1, **options)
    return [str(warning.message) for warning in caught]


def test_a_small_comparison_is_not_worth_a_word():
    assert compared(2) == []


def test_pairs_of_all_layers_of_all_models_count_and_are_said_once(monkeypatch):
    monkeypatch.setattr("topocallback.measures.cost._TEST", 30.0)
    assert compared(1) == []
    (message,) = compared(5)
    assert message.startswith("5 models with 1 layer of 40 points will take about ")
    assert message.endswith(": choose fewer `layers`.")


def test_memory_is_that_of_one_model_at_a_time_unless_their_clouds_are_kept():
    shapes = [(1000, 10_000)] * 5

    def size(count, **options):
        return predict_comparison(shapes, count, AnalysisOptions(), **options).total_bytes

    assert size(100, keeps_clouds=False) < 6 * size(1, keeps_clouds=False)
    assert size(100, keeps_clouds=True) > 50 * size(1, keeps_clouds=True)


@pytest.mark.parametrize("keeps_clouds", [True, False])
def test_time_grows_with_models_and_in_the_end_with_their_square(keeps_clouds):
    options = AnalysisOptions()
    one, ten, hundred = (
        predict_comparison([(50, 8)] * 20, count, options, keeps_clouds=keeps_clouds).total_seconds
        for count in (1, 1000, 10_000)
    )
    assert 1000 * one < ten
    assert 50 * ten < hundred < 100 * ten
