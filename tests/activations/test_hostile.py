"""Whatever a layer gives, recording it harms nothing: generated outputs of every shape, type, layout and nesting."""

import dataclasses
import math
import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from topocallback.activations.pooling import POOLINGS
from topocallback.activations.recorder import ActivationRecorder

pytestmark = [
    pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors"),
    pytest.mark.filterwarnings("ignore:Sparse .* tensor support is in beta"),
    pytest.mark.filterwarnings("ignore:.*quantize.* is deprecated"),
]


def is_storable(dtype):
    """Whether tensors of the type can be made from bytes: all but those with a quantiser."""
    return not str(dtype).startswith(("torch.q", "torch.bits"))


DTYPES = sorted({value for value in vars(torch).values() if isinstance(value, torch.dtype)}, key=str)
DTYPES = [dtype for dtype in DTYPES if is_storable(dtype)]
BITS_ONLY = [dtype for dtype in DTYPES if re.fullmatch(r"torch\.(u?int[1-7]|float4.*)", str(dtype))]
NUMBERS = [dtype for dtype in DTYPES if dtype not in BITS_ONLY]


# -- Making outputs --------------------------------------------------------------------------------------------------


def from_bytes(shape, dtype, seed):
    """A tensor of random bytes: every value that the type has, NaN and infinities included."""
    tensor = torch.empty(shape, dtype=dtype)
    raw = torch.empty(0, dtype=torch.uint8).set_(tensor.untyped_storage())
    top = 2 if dtype == torch.bool else 256
    raw.copy_(torch.randint(0, top, raw.shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(seed)))
    return tensor


def reals(shape, seed):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


class Marked(torch.Tensor):
    """A subclass of tensors."""


class Refusing(torch.Tensor):
    """A subclass of tensors on which every operation fails."""

    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        raise RuntimeError("no operations on this tensor")


def backwards(shape):
    return tuple(range(len(shape)))[::-1]


def blocks(shape):
    """A block of sparse rows that fits any matrix."""
    return tuple(2 if size % 2 == 0 and size else 1 for size in shape[-2:])


def nested(shape, layout, seed):
    lengths = torch.randint(1, 6, (shape[0],), generator=torch.Generator().manual_seed(seed)).tolist()
    width = max(1, shape[-1])
    sequences = [reals((length, width), seed + i) for i, length in enumerate(lengths)]
    return torch.nested.nested_tensor(sequences, layout=layout)


PLAIN = {
    "contiguous": lambda shape, dtype, seed: from_bytes(shape, dtype, seed),
    "column-major": lambda shape, dtype, seed: from_bytes(shape[::-1], dtype, seed).permute(
        tuple(range(len(shape)))[::-1]
    ),
    "every other": lambda shape, dtype, seed: from_bytes((*shape, 2), dtype, seed)[..., 1],
    "in the middle": lambda shape, dtype, seed: from_bytes((3, *shape), dtype, seed)[1],
    "expanded": lambda shape, dtype, seed: from_bytes([1] * len(shape), dtype, seed).expand(shape),
}
SPECIAL = {
    "with a gradient": lambda shape, seed: reals(shape, seed).requires_grad_() * 2,
    "parameter": lambda shape, seed: nn.Parameter(reals(shape, seed)),
    "subclass": lambda shape, seed: reals(shape, seed).as_subclass(Marked),
    "sparse": lambda shape, seed: reals(shape, seed).relu().to_sparse(),
    "conjugated": lambda shape, seed: torch.view_as_complex(reals((*shape, 2), seed)).conj(),
    "negated": lambda shape, seed: torch.view_as_complex(reals((*shape, 2), seed)).conj().imag,
    "quantised": lambda shape, seed: torch.quantize_per_tensor(reals(shape, seed), 0.1, 3, torch.quint8),
    "extreme": lambda shape, seed: torch.full(shape, [math.nan, math.inf, -math.inf, 3e38, 1e-45][seed % 5]),
}
SPECIAL_FROM_ONE_AXIS = {
    "uncoalesced": lambda shape, seed: torch.sparse_coo_tensor([[0, 0]], reals((2, *shape[1:]), seed), shape),
    "quantised by row": lambda shape, seed: torch.quantize_per_channel(
        reals(shape, seed), torch.ones(shape[0]), torch.zeros(shape[0]), 0, torch.qint8
    ),
    "mkldnn": lambda shape, seed: reals(shape, seed).to_mkldnn(),
}
SPECIAL_FROM_TWO_AXES = {
    "hybrid": lambda shape, seed: reals(shape, seed).to_sparse(1),
    "rows": lambda shape, seed: reals(shape, seed).to_sparse_csr(),
    "columns": lambda shape, seed: reals(shape, seed).to_sparse_csc(),
    "blocks of rows": lambda shape, seed: reals(shape, seed).to_sparse_bsr(blocks(shape)),
    "blocks of columns": lambda shape, seed: reals(shape, seed).to_sparse_bsc(blocks(shape)),
    "nested": lambda shape, seed: nested(shape, torch.strided, seed),
    "jagged": lambda shape, seed: nested(shape, torch.jagged, seed),
}
HOSTILE = {
    "no data": lambda shape, seed: torch.empty(shape, device="meta"),
    "refusing": lambda shape, seed: reals(shape, seed).as_subclass(Refusing),
    "single number": lambda shape, seed: torch.tensor(1.5),
    "too many rows": lambda shape, seed: torch.ones(1).expand(10**15),
    "rows without end": lambda shape, seed: torch.ones(1).expand((*shape[:1], 10**14)),
    "images without end": lambda shape, seed: torch.ones(1).expand((*shape[:1], 3, 10**6, 10**7)),
    "a long vector": lambda shape, seed: torch.ones(1).expand((*shape[:1], 10**7)),
    "sparse without end": lambda shape, seed: torch.sparse_coo_tensor(
        [[0], [7]], [1.0], (*shape[:1], 10**13), check_invariants=False
    ),
    "one long sequence": lambda shape, seed: torch.nested.nested_tensor(
        [torch.ones(10**5, 1), *[torch.ones(2, 1)] * 10**5]
    ),
}


@dataclasses.dataclass
class Output:
    loss: object
    logits: object


class Text(str):
    __slots__ = ()


def cyclic(value):
    """A list that holds itself, and nothing before it that a tensor could be found in."""
    items = []
    items.append(items)
    return [items, value]


WRAPPINGS = {
    "bare": lambda value: value,
    "tuple": lambda value: (None, value),
    "list": lambda value: [value, None, value],
    "dictionary": lambda value: {"a": None, "b": value},
    "hidden state": lambda value: {"a": "text", "last_hidden_state": value},
    "dataclass": lambda value: Output(loss=None, logits=value),
    "deep": lambda value: ((None, {"a": ["text", (value,)]}), Text("text")),
}
WITHOUT_TENSOR = {
    "none": lambda value: None,
    "text": lambda value: "text",
    "empty tuple": lambda value: (),
    "empty dictionary": lambda value: {},
    "array": lambda value: np.zeros((3, 2)),
    "class": lambda value: Output,
    "function": lambda value: len,
    "cyclic": cyclic,
}


@dataclasses.dataclass(frozen=True)
class Recipe:
    """An output that can be made again: only its description is generated, so examples stay small.

    Attributes:
        shape: Its shape, where the kind lets one choose.
        kind: What it is.
        dtype: Its type, for plain tensors.
        wrapping: What it is wrapped in.
        seed: Of its values.
    """

    shape: tuple
    kind: str
    dtype: torch.dtype
    wrapping: str
    seed: int

    def make(self):
        """The output, and the tensor in it that counts, if there is one."""
        tensor = self.tensor()
        if self.wrapping in WITHOUT_TENSOR:
            return WITHOUT_TENSOR[self.wrapping](tensor), None
        return WRAPPINGS[self.wrapping](tensor), tensor

    def tensor(self):
        if self.kind in PLAIN:
            return PLAIN[self.kind](self.shape, self.dtype, self.seed)
        return (SPECIAL | SPECIAL_FROM_ONE_AXIS | SPECIAL_FROM_TWO_AXES | HOSTILE)[self.kind](self.shape, self.seed)

    @property
    def must_work(self):
        """Whether this has to give a cloud: numbers, with at least one value for each of at least one sample."""
        return (
            self.wrapping in WRAPPINGS
            and self.kind not in HOSTILE
            and (self.kind not in PLAIN or self.dtype not in BITS_ONLY)
            and len(self.shape) > 0
            and (math.prod(self.shape) > 0 or (self.kind in ("nested", "jagged") and self.shape[0] > 0))
        )


@st.composite
def recipes(draw, rows=None):
    rows = draw(st.sampled_from([0, 1, 2, 3, 3, 4])) if rows is None else rows
    shape = (rows, *draw(st.lists(st.sampled_from([0, 1, 2, 2, 3, 5]), max_size=4)))
    kinds = [*PLAIN, *PLAIN, *PLAIN, *SPECIAL, *SPECIAL_FROM_ONE_AXIS, *SPECIAL_FROM_TWO_AXES, *HOSTILE]
    kind = draw(st.sampled_from(kinds))
    if kind in SPECIAL_FROM_TWO_AXES:
        shape = (shape[0], (shape[1:] or (2,))[0])
    if kind in PLAIN and draw(st.integers(0, 19)) == 0:
        shape = ()
    if kind in SPECIAL_FROM_ONE_AXIS and kind != "uncoalesced":
        shape = tuple(max(1, size) for size in shape)
    if kind in ("nested", "jagged", "uncoalesced"):
        shape = (max(1, shape[0]), *shape[1:])
    wrapping = draw(st.sampled_from([*WRAPPINGS] * 3 + [*WITHOUT_TENSOR]))
    dtype = draw(st.sampled_from(NUMBERS * 2 + BITS_ONLY))
    return Recipe(shape, kind, dtype, wrapping, draw(st.integers(0, 1000)))


# -- Recording them --------------------------------------------------------------------------------------------------


class Give(nn.Module):
    """Gives what it is told to: one thing in a list, for a module would register a parameter."""

    def __init__(self):
        super().__init__()
        self.held = [None]

    def forward(self, x):
        return self.held[0]


class Model(nn.Module):
    """A layer that may give anything between two ordinary ones. It returns what that layer gave."""

    def __init__(self):
        super().__init__()
        self.before, self.odd, self.after = nn.Linear(2, 3), Give(), nn.Linear(2, 3)

    def forward(self, x):
        self.before(x)
        output = self.odd(x)
        self.after(x)
        return output


def memory_of(tensor):
    """Everything that a tensor holds, as bytes."""
    if tensor is None or isinstance(tensor, Refusing) or tensor.is_meta:
        return ()
    if tensor.is_nested:
        return memory_of(tensor.values())
    if tensor.layout == torch.sparse_coo:
        return memory_of(tensor._indices()) + memory_of(tensor._values())
    if tensor.layout in (torch.sparse_csr, torch.sparse_bsr):
        return memory_of(tensor.crow_indices()) + memory_of(tensor.col_indices()) + memory_of(tensor.values())
    if tensor.layout in (torch.sparse_csc, torch.sparse_bsc):
        return memory_of(tensor.ccol_indices()) + memory_of(tensor.row_indices()) + memory_of(tensor.values())
    if tensor.layout != torch.strided:
        return memory_of(tensor.to_dense())
    storage = torch.empty(0, dtype=torch.uint8).set_(tensor.detach().untyped_storage())
    return (storage.numpy().tobytes(), tuple(tensor.shape), tensor.stride(), tensor.requires_grad)


def hooks_of(module):
    return sum(len(layer._forward_hooks) + len(layer._forward_pre_hooks) for layer in module.modules())


def run(model, recipe, batches, pooling, told, **options):
    """Record batches in which the odd layer gives these outputs; what it gave comes back untouched."""
    with ActivationRecorder(model, "**", pooling=pooling, n_samples=4, **options) as watching:
        for output, tensor, x in batches:
            model.odd.held = [output]
            before = memory_of(tensor)
            if told:
                watching.start_batch(len(x))
            returned = model(x)
            assert returned is output
            assert memory_of(tensor) == before
    assert hooks_of(model) == 0, recipe
    return watching.point_clouds()


KNOWN_PROBLEMS = re.compile(
    r"(TypeError|ValueError): Expected .*(, got .*|\.)"
    r"|its forward hook never fired\. .*"
    r"|it did not run for \d+ of \d+ samples\."
    r"|RecursionError: maximum recursion depth exceeded.*"
    r"|RuntimeError: no operations on this tensor"
)


def assert_defined(found, name):
    """A cloud with one row per sample, or one sentence that says what is wrong; not both."""
    assert (name in found.clouds) != (name in found.problems) or found.n_points == 0
    if name in found.clouds:
        cloud = found.clouds[name]
        assert cloud.dtype == np.float32
        assert cloud.ndim == 2
        assert len(cloud) == found.n_points
    if name in found.problems:
        assert KNOWN_PROBLEMS.fullmatch(found.problems[name]), found.problems[name]


WAYS = st.sampled_from([*POOLINGS, lambda values: values.reshape(len(values), -1), torch.sum])


@pytest.mark.scenario("any output of a layer: shape, type, layout and nesting, NaN, infinities, no or endless data")
@settings(max_examples=1500)
@given(recipe=recipes(), pooling=WAYS, told=st.booleans(), length=st.sampled_from([None, 3, 4]), frozen=st.booleans())
def test_any_output_is_a_cloud_or_a_problem_and_passes_untouched(recipe, pooling, told, length, frozen):
    model = Model()
    output, tensor = recipe.make()
    rows = recipe.shape[0] if recipe.shape else 3
    with torch.inference_mode(frozen):
        found = run(model, recipe, [(output, tensor, torch.randn(rows, 2))], pooling, told, length=length)
    assert_defined(found, "odd")
    if isinstance(pooling, str):
        assert {"before", "after"} <= set(found.layers) or not rows
    if recipe.must_work and isinstance(pooling, str):
        assert "odd" not in found.problems
        assert found.clouds["odd"].shape[1] > 0


@pytest.mark.scenario("outputs that change from batch to batch")
@settings(max_examples=500)
@given(
    outputs=st.lists(recipes(rows=3), min_size=2, max_size=4),
    pooling=WAYS,
    told=st.booleans(),
    known=st.booleans(),
)
def test_outputs_that_change_from_batch_to_batch_are_a_cloud_or_a_problem(outputs, pooling, told, known):
    made = [recipe.make() for recipe in outputs]
    batches = [(output, tensor, torch.randn(3, 2)) for output, tensor in made]
    found = run(Model(), outputs, batches, pooling, told, length=3 * len(outputs) if known else None)
    assert_defined(found, "odd")
    if isinstance(pooling, str):
        assert {"before", "after"} <= set(found.layers)
        assert found.clouds["before"].shape == (4, 3)
