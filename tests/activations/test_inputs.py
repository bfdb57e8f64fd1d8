"""Keeping sampled inputs: the right rows, small, from one process or two, and never a failure."""

import pickle

import numpy as np
import pytest
import torch
import torch.distributed as dist
from prepared_processes import start_processes
from torch import nn

from topocallback.activations.inputs import InputRecorder, find_images
from topocallback.activations.recorder import ActivationRecorder
from topocallback.activations.samples import bottom_k

N = 40
CPU = torch.device("cpu")


def numbered(ids, side=8, channels=1):
    """Images of which every pixel is the sample's index."""
    return torch.as_tensor(np.asarray(ids), dtype=torch.float32)[:, None, None, None].expand(-1, channels, side, side)


def record(share, *, n_samples=10, length=N, batch_size=7, side=8, longest_side=48, images=numbered):
    recorder = InputRecorder(n_samples, length, seed=3, longest_side=longest_side)
    for start in range(0, len(share), batch_size):
        ids = np.asarray(share[start : start + batch_size])
        recorder.add((images(ids, side), torch.zeros(len(ids))), ids)
    return recorder


def assert_sample(inputs, expected_ids):
    assert inputs.sample_ids.tolist() == list(expected_ids)
    np.testing.assert_array_equal(inputs.images[:, 0, 0, 0], expected_ids)
    assert (inputs.images == inputs.images[:, :1, :1, :1]).all()


# -- Which rows ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [N, None])
@pytest.mark.parametrize("batch_size", [1, 7, 100])
def test_the_bottom_k_are_kept(length, batch_size):
    found = record(range(N), length=length, batch_size=batch_size).collect()
    assert_sample(found, bottom_k(N, 10, seed=3))


@pytest.mark.parametrize("length", [N, None])
@pytest.mark.parametrize("n_samples", [5, 10, 25])
def test_they_are_samples_of_the_layers(length, n_samples):
    model = nn.Flatten()
    recorder = ActivationRecorder(nn.Sequential(model), layers="0", n_samples=25, length=length, seed=3)
    with recorder:
        recorder.start_batch(N)
        recorder.module(numbered(range(N)))
    found = record(range(N), length=length, n_samples=n_samples).collect()
    assert set(found.sample_ids.tolist()) <= set(recorder.point_clouds().sample_ids.tolist())
    assert len(found.images) == n_samples


def test_padding_beyond_the_length_is_not_kept():
    found = record([*range(5), 5, 6], length=5, n_samples=100).collect()
    assert_sample(found, range(5))


def test_samples_that_never_came_are_left_out():
    sample = bottom_k(N, 10, seed=3)
    found = record(range(20)).collect()
    assert_sample(found, sample[sample < 20])


def test_only_rows_that_are_kept_are_touched():
    spoilt = np.setdiff1d(np.arange(N), bottom_k(N, 10, seed=3))

    def images(ids, side):
        values = numbered(ids, side).clone()
        values[np.isin(ids, spoilt)] = torch.nan
        return values

    assert np.isfinite(record(range(N), images=images).collect().images).all()


# -- What is an image ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16, torch.uint8])
@pytest.mark.parametrize("channels", [1, 3])
def test_images_of_every_type_are_kept(dtype, channels):
    found = record(range(N), images=lambda ids, side: numbered(ids, side, channels).to(dtype)).collect()
    assert found.images.dtype == np.float32
    assert found.images.shape[1:] == (channels, 8, 8)
    assert_sample(found, bottom_k(N, 10, seed=3))


IMAGES = torch.arange(2 * 3 * 4 * 5.0).reshape(2, 3, 4, 5)


@pytest.mark.parametrize(
    "batch",
    [
        IMAGES,
        (IMAGES, torch.zeros(2)),
        [torch.zeros(2), IMAGES],
        {"label": torch.zeros(2), "image": IMAGES},
        {"inputs": {"ids": torch.zeros(2, 3), "views": [IMAGES, IMAGES + 1]}},
        (torch.zeros(2, 64, 4, 5), IMAGES),
    ],
)
def test_the_first_images_in_a_batch_are_found(batch):
    assert torch.equal(find_images(batch, 2), IMAGES)


@pytest.mark.parametrize(
    "batch",
    [
        None,
        "text",
        ["text"],
        torch.zeros(2, 3),
        torch.zeros(2, 8, 8),
        torch.zeros(2, 2, 8, 8),
        torch.zeros(2, 8, 8, 3),
        torch.zeros(5, 3, 8, 8),
        torch.zeros(2, 1, 3, 8),
        torch.zeros(2, 1, 1, 100),
        torch.zeros(2, 3, 8, 8, dtype=torch.int64),
        torch.zeros(2, 3, 8, 8, dtype=torch.complex64),
        torch.zeros(2, 3, 8, 8).to_sparse(),
        torch.nested.nested_tensor([torch.zeros(3, 8, 8), torch.zeros(3, 9, 8)]),
    ],
)
def test_anything_else_is_not_taken_for_images(batch):
    assert find_images(batch, 2) is None
    recorder = InputRecorder(10, 2, seed=0, longest_side=48)
    recorder.add(batch, np.arange(2))
    assert recorder.collect() is None


def test_samples_without_an_index_have_no_images():
    recorder = InputRecorder(10, N, seed=0, longest_side=48)
    recorder.add(numbered(range(4)), None)
    assert recorder.collect() is None


def test_images_of_several_sizes_are_left_out():
    recorder = record(range(20))
    recorder.add(numbered(range(20, N), side=9), np.arange(20, N))
    assert recorder.collect() is None


def test_no_batch_is_no_image():
    assert InputRecorder(10, N, seed=0, longest_side=48).collect() is None


def test_what_fails_is_left_out():
    class Broken(dict):
        def values(self):
            raise RuntimeError("no values")

    recorder = record(range(20))
    recorder.add(Broken(), np.arange(20, N))
    assert recorder.collect() is None


# -- How large -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("height", "width", "expected"),
    [
        (48, 48, (48, 48)),
        (28, 28, (28, 28)),
        (49, 49, (48, 48)),
        (224, 224, (48, 48)),
        (100, 400, (12, 48)),
        (400, 100, (48, 12)),
        (4, 4000, (1, 48)),
        (95, 96, (48, 48)),
    ],
)
def test_images_are_made_smaller_and_never_larger(height, width, expected):
    recorder = InputRecorder(4, 4, seed=0, longest_side=48)
    recorder.add(torch.ones(4, 3, height, width), np.arange(4))
    found = recorder.collect().images
    assert found.shape == (4, 3, *expected)
    np.testing.assert_allclose(found, 1, rtol=1e-6)


@pytest.mark.parametrize("side", [60, 96, 200, 224])
def test_a_smaller_image_shows_the_same(side):
    ramp = torch.linspace(0, 1, side).expand(4, 1, side, side)
    recorder = InputRecorder(4, 4, seed=0, longest_side=48)
    recorder.add(ramp, np.arange(4))
    found = recorder.collect().images[0, 0]
    np.testing.assert_allclose(found, np.broadcast_to(np.linspace(0, 1, 48), (48, 48)), atol=1.5 / 48)


def test_batches_of_inference_mode_are_kept():
    with torch.inference_mode():
        recorder = record(range(20))
    ids = np.arange(20, N)
    recorder.add(numbered(ids), ids)
    assert_sample(recorder.collect(), bottom_k(N, 10, seed=3))


# -- Several processes -----------------------------------------------------------------------------------------------

EVEN, ODD = range(0, N, 2), range(1, N, 2)
SHARES = {
    "equal shares": ((EVEN, ODD), {}),
    "streamed": ((EVEN, ODD), {"length": None}),
    "padding": ((EVEN, [*ODD, N]), {"n_samples": 100}),
    "repeated samples": ((range(30), range(20, N)), {"length": None}),
    "nothing on the second": ((range(N), []), {}),
}


def other_size(ids, side):
    return numbered(ids, side + 1)


def no_images(ids, side):
    return torch.zeros(len(ids), 5)


def gather_all(rank, folder):
    dist.init_process_group("gloo", init_method=f"file://{folder}/group", rank=rank, world_size=2)
    found = {name: record(shares[rank], **options).collect(CPU) for name, (shares, options) in SHARES.items()}
    for name, images in (("other size", other_size), ("no images", no_images)):
        found[name] = record((EVEN, ODD)[rank], images=images if rank else numbered).collect(CPU)
    found["nothing"] = record([]).collect(CPU)
    (folder / f"{rank}.pickle").write_bytes(pickle.dumps(found))
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def gathered(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gathered")
    start_processes(gather_all, (folder,))
    return [pickle.loads((folder / f"{rank}.pickle").read_bytes()) for rank in range(2)]


@pytest.mark.parametrize("name", SHARES)
def test_two_processes_keep_what_one_keeps(gathered, name):
    expected = bottom_k(N, SHARES[name][1].get("n_samples", 10), seed=3)
    assert_sample(gathered[0][name], expected)
    assert gathered[1][name] is None


@pytest.mark.parametrize("name", ["other size", "no images", "nothing"])
def test_processes_that_disagree_leave_the_images_out(gathered, name):
    assert (gathered[0][name], gathered[1][name]) == (None, None)
