"""Hashes of what something is made of: equal for what does the same, other for what does not."""

import collections
import enum
import functools
import os
import subprocess
import sys
import threading
import types
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch_geometric.data import Batch
from torch_geometric.data import Data as Graph
from torchmetrics.classification import MulticlassAccuracy

from topocallback.compare.contents import CannotBeSeenError, digest_of


class Kind(enum.Enum):
    ONE = 1
    TWO = 2


@dataclass
class Settings:
    width: int
    kind: Kind = Kind.ONE


def function_with(body, **names):
    """A function of one's own module, which is in no file."""
    space = {"__name__": "own", **names}
    exec(f"def f(self, x=1):\n    {body}", space)
    return space["f"]


def holding(value):
    return lambda: value


def class_with(**content):
    return type("Own", (nn.Linear,), content)


def helpers(**content):
    module = types.ModuleType("helpers")
    vars(module).update(content)
    return module


def hooked(scale):
    layer = nn.Identity()
    layer.register_forward_hook(lambda module, args, output: scale * output)
    return layer


DIFFERENT = {
    "integers": (1, 2),
    "an integer and a float": (1, 1.0),
    "texts": (["ab", "c"], ["a", "bc"]),
    "depths": ([[1], 2], [[1, 2]]),
    "numbers of arrays": (np.arange(3), np.arange(1, 4)),
    "shapes": (np.zeros((2, 3)), np.zeros((3, 2))),
    "types of tensors": (torch.zeros(4), torch.zeros(4, dtype=torch.bfloat16)),
    "tensors": ({"x": torch.zeros(3)}, {"x": torch.ones(3)}),
    "sparse tensors": (torch.eye(3).to_sparse(), 2 * torch.eye(3).to_sparse()),
    "packed sequences": tuple(nn.utils.rnn.pack_sequence([torch.full((3, 2), value)]) for value in (1.0, 2.0)),
    "graphs": tuple(
        Batch.from_data_list([Graph(x=torch.full((3, 1), value), edge_index=torch.zeros(2, 1, dtype=torch.long))])
        for value in (1.0, 2.0)
    ),
    "dataclasses": (Settings(1), Settings(1, Kind.TWO)),
    "objects in arrays": (np.array(["a", None], dtype=object), np.array(["b", None], dtype=object)),
    "sets": ({"a", "b"}, {"a", "c"}),
    "queues": (collections.deque([1, 2]), collections.deque([2, 1])),
    "partial functions": (functools.partial(max, 1), functools.partial(max, 2)),
    "code": (function_with("return x + 1"), function_with("return x + 2")),
    "operations": (function_with("return x + 1"), function_with("return x * 1")),
    "inner functions": (function_with("return lambda: 1"), function_with("return lambda: 2")),
    "defaults": (lambda x=1: x, lambda x=2: x),
    "what functions hold": (holding(1.0), holding(2.0)),
    "globals": (function_with("return scale", scale=1), function_with("return scale", scale=2)),
    "settings by name": tuple(function_with("return table['a']", table={"a": value}) for value in (1, 2)),
    "helpers": tuple(function_with("return helper()", helper=holding(value)) for value in (1, 2)),
    "modules": tuple(function_with("return h.scale", h=helpers(scale=value)) for value in (1, 2)),
    "classes": (class_with(scale=1), class_with(scale=2)),
    "methods": (class_with(forward=lambda self, x: x), class_with(forward=lambda self, x: -x)),
    "properties": (class_with(size=property(lambda self: 1)), class_with(size=property(lambda self: 2))),
    "bases": tuple(type("Own", (class_with(scale=value),), {}) for value in (1, 2)),
    "layers": (nn.Sequential(nn.ReLU()), nn.Sequential(nn.GELU())),
    "options of layers": (nn.Dropout(0.1), nn.Dropout(0.2)),
    "hooks": (hooked(1), hooked(2)),
}


@pytest.mark.parametrize(("first", "second"), DIFFERENT.values(), ids=DIFFERENT)
def test_what_does_something_else_has_another_hash(first, second):
    assert digest_of(first, "it") == digest_of(first, "it")
    assert digest_of(first, "it") != digest_of(second, "it")


def test_the_same_again_has_the_same_hash():
    for make in (lambda: nn.LSTM(3, 4, 2), lambda: nn.utils.parametrizations.weight_norm(nn.Linear(3, 3))):
        models = []
        for _ in range(2):
            torch.manual_seed(0)
            models.append(make())
        assert digest_of(models[0], "a") == digest_of(models[1], "b")
    assert digest_of(function_with("return x"), "a") == digest_of(function_with("return x"), "b")


def test_what_a_metric_has_counted_is_no_part_of_a_model():
    model = nn.Sequential(nn.Linear(2, 2))
    model.accuracy = MulticlassAccuracy(3)
    before = digest_of(model, "model")
    model.accuracy.update(torch.tensor([1, 2]), torch.tensor([1, 1]))
    assert digest_of(model, "model") == before


SCRIPT = """
from small_classifier import Classifier, Data, loader
from topocallback.compare.contents import digest_of
import torch
torch.manual_seed(0)
print(digest_of([Classifier(), Data(), loader(), {"a", "b", "c"}, torch.nn.TransformerEncoderLayer(8, 2)], "all"))
"""


def test_another_process_finds_the_same_hash():
    paths = os.pathsep.join([str(Path(__file__).parents[1]), str(Path(__file__).parents[2])])
    found = [
        subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env=os.environ | {"PYTHONPATH": paths, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert found[0] == found[1] != ""


def endless():
    found = []
    for _ in range(100_000):
        found = [found]
    return found


class Raises:
    def __reduce_ex__(self, protocol):
        raise KeyError("mine")


@pytest.mark.parametrize(
    ("thing", "said"),
    [
        ({"rows": (i for i in range(3))}, r"batch\['rows'\] \(generator\): it cannot be taken apart"),
        ([1, [threading.Lock()]], r"batch\[1\]\[0\] \(lock\)"),
        (function_with("return lock", lock=threading.Lock()), "batch's global lock"),
        (torch.jit.script(nn.Linear(2, 2)), "ScriptModule"),
        (function_with("import nowhere_to_be_found; return 1"), "imports nowhere_to_be_found when it runs"),
        (Raises(), "mine"),
        (endless(), "RecursionError"),
    ],
)
def test_what_cannot_be_seen_is_named(thing, said):
    with pytest.raises(CannotBeSeenError, match=said):
        digest_of(thing, "batch")


def test_a_thing_that_holds_itself_has_a_hash():
    ring = [1]
    ring.append(ring)
    assert digest_of(ring, "ring") == digest_of(ring, "ring")
