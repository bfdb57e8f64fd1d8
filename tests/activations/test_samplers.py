"""Reading what a sampler is about to give leaves it, its data loader and all random generators as they were."""

from __future__ import annotations

import contextlib
import copy
import pickle
import random

import numpy as np
import pytest
import torch
from lightning.fabric.utilities.distributed import DistributedSamplerWrapper
from torch.utils.data import BatchSampler, ConcatDataset, DataLoader, Dataset, DistributedSampler, Sampler, Subset

from topocallback.activations.indices import BatchIndices
from topocallback.activations.samplers import UnknownOrderError, read_batches, read_items

EVERYTHING = float("inf")


class Numbers(Dataset):
    """Sample i is the number i; it cannot be copied."""

    def __init__(self, length=20):
        self.length = length

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        return index

    def __deepcopy__(self, memo):
        raise AssertionError("a data set is not copied")


class HasState(Sampler):
    """A sampler that counts, remembers, and draws from every generator there is."""

    def __init__(self, data_set):
        self.data_set = data_set
        self.passes = 0
        self.seen = []
        self.own = torch.Generator().manual_seed(3)
        self.owns_numpy = np.random.default_rng(4)
        self.owns_python = random.Random(5)

    def __iter__(self):
        self.passes += 1
        drawn = torch.randperm(len(self.data_set)).tolist()
        drawn = np.random.permutation(drawn).tolist()  # noqa: NPY002
        random.shuffle(drawn)
        drawn = [drawn[i] for i in torch.randperm(len(drawn), generator=self.own).tolist()]
        self.owns_numpy.shuffle(drawn)
        self.owns_python.shuffle(drawn)
        for index in drawn:
            self.seen.append(index)
            yield index

    def __len__(self):
        return len(self.data_set)


class SeedsEverything(Sampler):
    """A sampler that sets the global generators, so as to give the same order always."""

    def __init__(self, data_set):
        self.data_set = data_set

    def __iter__(self):
        random.seed(1)
        np.random.seed(1)  # noqa: NPY002
        torch.manual_seed(1)
        return iter(random.sample(range(len(self.data_set)), len(self.data_set)))

    def __len__(self):
        return len(self.data_set)


class CountsItsPasses(Sampler):
    """The same in every pass, but it counts."""

    def __init__(self, data_set):
        self.data_set = data_set
        self.passes = 0

    def __iter__(self):
        self.passes += 1
        return reversed(range(len(self.data_set)))

    def __len__(self):
        return len(self.data_set)


def state_of(sampler):
    """Everything in it but the data set, as bytes."""
    attributes = dict(vars(sampler))
    attributes.pop("data_set", None)
    attributes.pop("dataset", None)
    if isinstance(attributes.get("own"), torch.Generator):
        attributes["own"] = attributes["own"].get_state().numpy().tobytes()
    return pickle.dumps(attributes)


def global_states():
    return (
        torch.get_rng_state().numpy().tobytes(),
        pickle.dumps(np.random.get_state()),  # noqa: NPY002
        pickle.dumps(random.getstate()),
    )


DATA = Numbers()
SAMPLERS = {
    "has state": lambda: HasState(DATA),
    "seeds everything": lambda: SeedsEverything(DATA),
    "counts its passes": lambda: CountsItsPasses(DATA),
    "distributed, at random": lambda: DistributedSampler(DATA, 2, 1, shuffle=True),
}


@pytest.mark.parametrize("make", SAMPLERS.values(), ids=SAMPLERS.keys())
@pytest.mark.parametrize("in_batches", [False, True])
def test_reading_leaves_every_state_bit_for_bit(make, in_batches):
    sampler = make()
    batches = BatchSampler(sampler, 3, drop_last=False)
    before = state_of(sampler), *global_states()
    with contextlib.suppress(UnknownOrderError):
        read_batches(batches, DATA, EVERYTHING) if in_batches else read_items(sampler, DATA, EVERYTHING)
    assert (state_of(sampler), *global_states()) == before


@pytest.mark.parametrize("make", SAMPLERS.values(), ids=SAMPLERS.keys())
@pytest.mark.parametrize("started", [False, True])
def test_the_batches_are_those_of_a_loader_that_was_not_looked_at(make, started):
    def run(looks):
        torch.manual_seed(0)
        np.random.seed(0)  # noqa: NPY002
        random.seed(0)
        loader = DataLoader(DATA, batch_size=3, sampler=make())
        passes = []
        for _ in range(3):
            if looks and not started:
                BatchIndices(loader)
            iterator = iter(loader)
            first = [next(iterator)] if started else []
            if looks and started:
                BatchIndices(loader)
            passes.append([batch.tolist() for batch in (*first, *iterator)])
        return passes, global_states()

    assert run(looks=True) == run(looks=False)


SHARED = np.random.default_rng(6)
SHARED_TORCH = torch.Generator().manual_seed(7)


class DrawsFromItsModule(Sampler):
    """A sampler whose generators are not its own: of the module, of the class, of a closure, of an argument."""

    of_class = random.Random(8)

    def __init__(self, draw):
        self.draw = draw

    def __iter__(self, legacy=np.random.RandomState(9)):  # noqa: B008
        drawn = [int(i) for drawn in (SHARED.permutation(10) for _ in range(1)) for i in drawn]
        drawn = [drawn[i] for i in torch.randperm(10, generator=SHARED_TORCH).tolist()]
        self.of_class.shuffle(drawn)
        legacy.shuffle(drawn)
        return iter(self.draw(drawn))


def test_generators_that_a_sampler_shares_with_others_stay_as_they_were():
    of_closure = random.Random(10)

    def draw(items):
        return of_closure.sample(items, len(items))

    def states():
        legacy = DrawsFromItsModule.__iter__.__defaults__[0]
        return repr(
            (
                SHARED.bit_generator.state,
                SHARED_TORCH.get_state().tolist(),
                DrawsFromItsModule.of_class.getstate(),
                legacy.get_state(),
                of_closure.getstate(),
            )
        )

    before = states()
    with pytest.raises(UnknownOrderError, match="another order"):
        read_items(DrawsFromItsModule(draw), DATA, EVERYTHING)
    assert states() == before
    with pytest.raises(UnknownOrderError, match="another order"):
        read_batches(BatchesAtRandom(DrawsFromItsModule(draw)), DATA, EVERYTHING)
    assert states() == before


class BatchesAtRandom(BatchSampler):
    """A batch sampler of the user's own around a sampler of the user's own."""

    def __init__(self, sampler):
        super().__init__(sampler, 2, drop_last=False)

    def __iter__(self):
        return super().__iter__()


def test_a_wrapped_sampler_that_has_started_keeps_its_order():
    sampler = DistributedSamplerWrapper(HasState(DATA), 2, 0, shuffle=False)
    iterator = iter(sampler)
    expected = list(sampler.dataset._sampler_list[::2])
    got = [next(iterator)]
    with pytest.raises(UnknownOrderError):
        read_items(sampler, DATA, EVERYTHING)
    assert got + list(iterator) == expected


@pytest.mark.parametrize(
    "make", [lambda base: Subset(base, range(20)), lambda base: ConcatDataset([base]), lambda base: base]
)
def test_data_sets_and_what_they_are_made_of_are_not_copied(make):
    base = Numbers()
    data_set = make(base)
    for held in (base, data_set):
        assert read_items(CountsItsPasses(held), data_set, 3).tolist() == [19, 18, 17]


def test_a_random_sampler_is_not_even_looked_through(monkeypatch):
    monkeypatch.setattr(copy, "deepcopy", lambda *args: pytest.fail("copied"))
    assert BatchIndices(DataLoader(DATA, shuffle=True)).shuffled
    assert BatchIndices(DataLoader(DATA)).length == 20
    assert BatchIndices(DataLoader(DATA, sampler=DistributedSampler(DATA, 2, 1, shuffle=False))).length == 20
    assert BatchIndices(DataLoader(DATA, sampler=[3, 1])).unidentified is None
    assert BatchIndices(DataLoader(DATA, batch_sampler=[[3, 1]])).unidentified is None


def test_no_more_is_read_than_is_needed():
    class Fails(Sampler):
        def __iter__(self):
            yield from range(6)
            raise AssertionError("read too far")

    assert read_items(Fails(), DATA, 6).tolist() == list(range(6))
    with pytest.raises(UnknownOrderError, match="read too far"):
        read_items(Fails(), DATA, 7)


def test_batches_that_draw_their_items_at_random_are_not_looked_through():
    class Draws:
        def __iter__(self):
            return iter(random.sample(range(20), 5))

    before = global_states()
    with pytest.raises(UnknownOrderError, match="another order"):
        read_batches([Draws(), Draws()], DATA, EVERYTHING)
    assert global_states() == before


def test_the_reason_has_no_address_that_would_differ_in_every_epoch():
    class Fails(Sampler):
        def __iter__(self):
            raise ValueError(f"{object()}\nsecond line")

    with pytest.raises(UnknownOrderError) as caught:
        read_items(Fails(), DATA, EVERYTHING)
    assert str(caught.value) == "the loader's sampler cannot be read (ValueError: <object object>)"


def test_batches_of_no_items_are_batches():
    items, ends = read_batches([[], [3], []], DATA, EVERYTHING)
    assert items.tolist() == [3]
    assert ends.tolist() == [0, 1, 1]
    indices = BatchIndices(DataLoader(DATA, batch_sampler=[[5], [], [3]]))
    assert [indices.take(size).tolist() for size in (1, 0, 1)] == [[5], [], [3]]
