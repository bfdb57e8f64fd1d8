"""The sheet of inputs: every sample's picture in its tile, in a range that can be seen."""

import io
import json

import numpy as np
import pytest
from PIL import Image

from topocallback.records.point_clouds import SampledInputs
from topocallback.views.sprite import MOST_TILES, TILE, make_sprite


def inputs(images):
    return SampledInputs(images, 10 * np.arange(len(images)))


def tiles(sprite):
    """The sheet's tiles in the order of the sample ids, (n, tile, tile, 3)."""
    facts = json.loads(sprite.facts)
    side, columns = facts["tile"], facts["columns"]
    with Image.open(io.BytesIO(sprite.png)) as image:
        assert (image.mode, image.width) == ("RGB", side * columns)
        sheet = np.asarray(image)
    places = [divmod(i, columns) for i in range(len(facts["sample_ids"]))]
    return np.array([sheet[side * y : side * (y + 1), side * x : side * (x + 1)] for y, x in places])


def test_every_picture_lies_in_its_tile():
    images = np.zeros((7, 3, 6, 6))
    for i in range(7):
        images[i, i % 3] = 255 - 30 * i
    sprite = make_sprite(inputs(images))
    assert json.loads(sprite.facts) == {
        "version": 1,
        "tile": 6,
        "columns": 3,
        "sample_ids": [0, 10, 20, 30, 40, 50, 60],
    }
    np.testing.assert_array_equal(tiles(sprite), images.transpose(0, 2, 3, 1))


def test_a_single_channel_is_grey():
    images = np.random.default_rng(0).uniform(size=(2, 1, 5, 5))
    found = tiles(make_sprite(inputs(images)))
    assert (found == found[..., :1]).all()
    assert (found.min(), found.max()) == (0, 255)


@pytest.mark.parametrize("shape", [(4, 8), (8, 4), (3, 8)])
def test_a_picture_that_is_not_square_lies_in_the_middle(shape):
    found = tiles(make_sprite(inputs(np.concatenate([np.zeros((1, 1, *shape)), np.ones((1, 1, *shape))]))))
    assert found.shape == (2, 8, 8, 3)
    top, left = (8 - shape[0]) // 2, (8 - shape[1]) // 2
    inside = found[:, top : top + shape[0], left : left + shape[1]]
    assert (inside[0] == 0).all()
    assert (inside[1] == 255).all()
    assert (found == 128).sum() == found.size - inside.size


@pytest.mark.parametrize(("scale", "shift"), [(1.0, 0.0), (0.25, -3.0), (1000.0, 7.0)])
def test_normalised_images_are_shown_like_the_images(scale, shift):
    images = np.random.default_rng(0).integers(0, 256, size=(4, 3, 6, 6)).astype(np.uint8)
    images[0, 0, 0, :2] = 0, 255
    expected = tiles(make_sprite(inputs(images)))
    np.testing.assert_array_equal(expected, images.transpose(0, 2, 3, 1))
    found = tiles(make_sprite(inputs(scale * images.astype(np.float64) + shift)))
    assert np.abs(found.astype(int) - expected).max() <= 1


def test_what_is_not_finite_is_black_and_does_not_spoil_the_range():
    images = np.linspace(0, 1, 75).reshape(1, 3, 5, 5)
    images[0, 0, 0, :3] = np.nan, np.inf, -np.inf
    found = tiles(make_sprite(inputs(images)))[0]
    assert found[0, :3, 0].tolist() == [0, 0, 0]
    assert found.max() == 255


@pytest.mark.parametrize("value", [0.0, 5.0, np.nan])
def test_images_of_one_value_are_black(value):
    assert not tiles(make_sprite(inputs(np.full((3, 1, 4, 4), value)))).any()


def test_the_largest_sheet_has_1024_tiles():
    rng = np.random.default_rng(0)
    sprite = make_sprite(inputs(rng.uniform(size=(MOST_TILES, 3, TILE, TILE))))
    assert (json.loads(sprite.facts)["columns"], len(tiles(sprite))) == (32, 1024)
    assert len(sprite.png) < 1.05 * 3 * MOST_TILES * TILE**2


@pytest.mark.parametrize("shape", [(0, 3, 8, 8), (MOST_TILES + 1, 1, 4, 4), (2, 1, TILE + 1, 4)])
def test_too_many_or_too_large_images_are_refused(shape):
    with pytest.raises(ValueError, match="Expected from 1 to 1024 images of at most 48 pixels, got"):
        make_sprite(inputs(np.zeros(shape)))


@pytest.mark.parametrize("shape", [(2, 2, 8, 8), (2, 8, 8), (2, 8, 8, 3)])
def test_what_is_no_image_is_refused(shape):
    with pytest.raises(ValueError, match="Expected `images` to be of shape"):
        inputs(np.zeros(shape))


def test_every_image_needs_a_sample_id():
    with pytest.raises(ValueError, match="Expected 3 sample ids, one per image, got 2"):
        SampledInputs(np.zeros((3, 1, 4, 4)), np.arange(2))
