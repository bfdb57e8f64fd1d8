"""What a monitor says about the identity of its samples."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, RandomSampler

from topocallback.activations.indices import BatchIndices
from topocallback.activations.options import ValidationOptions
from topocallback.activations.recording import Recording
from topocallback.activations.validation import ValidationRecorder
from topocallback.monitor.recording import report_recording
from topocallback.monitor.reports import Reports


def told_of(indices: BatchIndices) -> list[str]:
    """What is said after each of two validations."""
    reports = Reports("raise")
    recorder = ValidationRecorder(nn.Sequential(nn.Linear(1, 1)), ValidationOptions(), indices)
    recording = Recording(np.arange(1), {"0": torch.zeros(1, 1)})
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        report_recording(reports, "auto", recorder, recording)
        report_recording(reports, "auto", recorder, recording)
    return [str(warning.message) for warning in caught]


def test_identified_samples_are_not_spoken_of():
    assert told_of(BatchIndices(DataLoader(range(10), sampler=[3, 1]))) == []


def test_samples_that_change_are_told_from_samples_that_are_not_identified():
    changing = told_of(BatchIndices(DataLoader(range(10), sampler=RandomSampler(range(10)))))
    unknown = told_of(BatchIndices(DataLoader(range(10), sampler=(i for i in range(10)))))
    assert len(changing) == len(unknown) == 1
    assert "the loader draws its order at random: every snapshot sees other samples" in changing[0]
    assert "cannot pickle 'generator' object): samples are numbered in the order" in unknown[0]
    assert "`sample_ids`" in changing[0]
    assert "`sample_ids`" in unknown[0]


@pytest.mark.parametrize("sizes", [[4, 3], [4, 3, 1]])
def test_batches_that_were_left_out_are_said_once(sizes):
    indices = BatchIndices(DataLoader(range(10), batch_size=4))
    for size in sizes:
        indices.take(size)
    assert ["batches were left out" in message for message in told_of(indices)] == [True]


def test_a_first_batch_of_another_size_is_said_once_it_has_come():
    indices = BatchIndices(DataLoader(range(10), batch_size=4))
    assert told_of(indices) == []
    indices.take(3)
    assert ["3 samples, where its sampler put in 4" in message for message in told_of(indices)] == [True]
