"""Clouds that are kept for later steps: what half precision costs, and the file that holds them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from topocallback.records.kept_clouds import KeptClouds
from topocallback.records.point_clouds import PointClouds


def some_clouds():
    rng = np.random.default_rng(0)
    clouds = {"stem": rng.normal(size=(6, 3)), "tokens": rng.normal(size=(9, 2)).astype(np.float32)}
    owners = {"tokens": np.array([0, 0, 1, 2, 2, 3, 4, 5, 5])}
    return PointClouds(clouds, np.array([3, 5, 8, 9, 20, 30]), owners=owners)


@given(st.floats(-30, 30), st.integers(0, 2**32 - 1))
def test_a_number_is_off_by_at_most_half_a_thousandth_of_it_whatever_the_scale(exponent, seed):
    cloud = np.random.default_rng(seed).normal(size=(20, 4)) * 10.0**exponent
    found = KeptClouds.of(PointClouds({"a": cloud}), step=0).cloud("a")
    np.testing.assert_allclose(found, cloud, rtol=5e-4, atol=1e-11 * np.abs(cloud).max())


def test_what_is_not_finite_stays_so():
    cloud = np.array([[1.0, np.nan], [np.inf, -np.inf], [0.0, 2.0]])
    np.testing.assert_array_equal(KeptClouds.of(PointClouds({"a": cloud}), step=0).cloud("a"), cloud)


@pytest.mark.parametrize("cloud", [np.zeros((4, 2)), np.empty((0, 3)), np.full((2, 2), np.nan)])
def test_a_cloud_without_any_size_is_kept(cloud):
    np.testing.assert_array_equal(KeptClouds.of(PointClouds({"a": cloud}), step=0).cloud("a"), cloud)


def test_two_bytes_are_taken_for_each_number():
    assert KeptClouds.of(some_clouds(), step=0).n_bytes == 2 * (6 * 3 + 9 * 2)


def test_a_file_gives_back_what_was_kept(tmp_path):
    kept = KeptClouds.of(some_clouds(), 7, {"stem": "abc", "tokens": "def"})
    loaded = KeptClouds.load(kept.save(tmp_path / "new" / "clouds.npz"))
    assert (loaded.step, list(loaded.clouds), loaded.digests) == (7, ["stem", "tokens"], kept.digests)
    for layer in kept.clouds:
        np.testing.assert_array_equal(loaded.cloud(layer), kept.cloud(layer))
    np.testing.assert_array_equal(loaded.sample_ids, kept.sample_ids)
    np.testing.assert_array_equal(loaded.owners["tokens"], kept.owners["tokens"])
    assert loaded.clouds["stem"].dtype == np.float16


def test_a_damaged_file_is_refused_in_a_sentence(tmp_path):
    path = KeptClouds.of(some_clouds(), 7).save(tmp_path / "clouds.npz")
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match=r"Expected kept clouds in .*clouds.npz, got a damaged or foreign file"):
        KeptClouds.load(path)
