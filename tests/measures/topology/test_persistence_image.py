"""The distance between persistence images, against persim's, and what lies beyond any range."""

import numpy as np
import pytest
from diagram_tools import INEXACT, INF, diagrams, random_diagram
from hypothesis import given, settings
from persim import PersistenceImager

from topocallback.measures import LayerFacts, PersistenceImage
from topocallback.measures.topology.diagrams import finite_bars


def distance(first, second, **options):
    return PersistenceImage(**options).of_diagrams(first, second)


def prepared(*items, **options):
    return [PersistenceImage(**options).prepare_diagram(np.reshape(bars, (-1, 2))) for bars in items]


def by_persim(first, second, bandwidth, pixel):
    """On ranges that hold all bars with what is around them, whose ends are multiples of the pixel's width."""
    bars = np.concatenate([first, second])
    ranges = []
    for places in (bars[:, 0], bars[:, 1] - bars[:, 0]):
        low, high = places.min() - 7 * bandwidth, places.max() + 7 * bandwidth
        ranges.append((np.floor(low / pixel) * pixel, np.ceil(high / pixel) * pixel))
    imager = PersistenceImager(
        birth_range=ranges[0],
        pers_range=ranges[1],
        pixel_size=pixel,
        weight="persistence",
        weight_params={"n": 1.0},
        kernel_params={"sigma": bandwidth**2 * np.eye(2)},
    )
    images = [imager.transform(np.array(each), skew=True) for each in (first, second)]
    return np.linalg.norm(images[0] - images[1])


@pytest.mark.parametrize("dim", [0, 1])
@pytest.mark.parametrize("options", [{"bandwidth": 0.5, "pixel": 0.5}, {"bandwidth": 1.5, "pixel": 0.7}])
def test_of_real_diagrams_it_is_the_distance_of_persims_images(real_diagrams, dim, options):
    pair = [finite_bars(real_diagrams[dim][layer]) for layer in (2, 10)]
    found = distance(*pair, **options)
    assert found == pytest.approx(by_persim(*pair, **options), rel=1e-6)
    assert found > 0.1


@pytest.mark.parametrize("seed", range(4))
def test_of_any_diagrams_it_is_the_distance_of_persims_images(seed):
    pair = [random_diagram(10 + seed, seed), random_diagram(3, seed + 1)]
    # persim widens its ranges where rounding makes them no multiple of a pixel: there are none of a power of two.
    options = {"bandwidth": 0.05, "pixel": 0.0625}
    assert distance(pair[0], pair[0].copy(), **options) == 0
    assert distance(*pair, **options) == pytest.approx(by_persim(*pair, **options), rel=1e-6)


def test_no_bar_is_cut_off_however_long():
    near = random_diagram(5)
    for far in (1.0, 10.0, 40.0):
        assert distance([*near, (0, far)], near) == pytest.approx(distance([(0, far)], []), rel=1e-9)
        assert distance([(0, far)], []) == pytest.approx(far * distance([(0, 1)], []), rel=1e-6)


def test_all_the_weight_of_a_bar_is_in_its_image():
    (image,) = prepared([(0, 0.3), (0.1, 1.7)])
    assert image.pixels.sum() == pytest.approx(0.3 + 1.6, rel=1e-8)


def test_the_grid_is_the_same_for_all_diagrams():
    first, second = prepared([(0.31, 0.5)], [(3.31, 3.5)])
    assert (second.corner - first.corner).tolist() == [60, 0]  # 3 / 0.05
    np.testing.assert_allclose(first.pixels, second.pixels, atol=1e-12)


@pytest.mark.parametrize("option", ["bandwidth", "pixel"])
def test_every_option_counts(option):
    pair = random_diagram(30), random_diagram(20, seed=1)
    assert distance(*pair, **{option: 0.1}) != pytest.approx(distance(*pair), rel=1e-2)


@pytest.mark.parametrize("value", [0, -1, INF, "wide"])
@pytest.mark.parametrize("option", ["bandwidth", "pixel"])
def test_options_out_of_their_range_are_refused(option, value):
    with pytest.raises(ValueError, match=f"Expected `{option}` of persistence_image to be above 0 and finite, got"):
        PersistenceImage(**{option: value})


def test_an_image_that_would_be_too_large_is_refused_with_what_makes_it_smaller():
    message = (
        r"at most 1000 pixels along an axis for persistence_image, got 200\d\d for bars from 1 to 1e\+03: "
        r"raise `pixel`=0.05 or scale the clouds"
    )
    with pytest.raises(ValueError, match=message):
        distance([(0, 1), (0, 1001)], [])
    assert distance([(0, 1), (0, 1001)], [], pixel=2.0) > 500
    with pytest.raises(ValueError, match="at most 1000 pixels"):
        distance([(0, 1)], [], pixel=1e-300)


# -- Size and likeness -----------------------------------------------------------------------------------------------


@given(first=diagrams(4), second=diagrams(4))
@settings(max_examples=40)
def test_the_likeness_is_the_inner_product_that_the_distance_comes_from(first, second):
    measure = PersistenceImage(bandwidth=0.5, pixel=0.5)
    ours, theirs = prepared(first, second, bandwidth=0.5, pixel=0.5)
    alike = measure.likeness([ours, theirs])
    np.testing.assert_array_equal(alike, alike.T)
    assert measure.size(ours) == pytest.approx(np.sqrt(alike[0, 0]), rel=INEXACT)
    squared = alike[0, 0] + alike[1, 1] - 2 * alike[0, 1]
    assert measure.between(ours, theirs) ** 2 == pytest.approx(squared, rel=1e-6, abs=1e-9 * (1 + alike.max()))
    np.testing.assert_allclose(measure.likeness([ours], [theirs]), alike[:1, 1:], rtol=1e-9, atol=1e-12)


def test_an_empty_diagram_is_like_nothing():
    empty, other = prepared([], [(0, 1)])
    assert PersistenceImage().likeness([empty, other, empty], [empty]).tolist() == [[0.0]] * 3
    assert PersistenceImage().likeness([empty, empty]).tolist() == [[0.0, 0.0]] * 2
    assert PersistenceImage().likeness([], []).shape == (0, 0)


def test_it_is_taken_from_diagrams_alone():
    facts = [LayerFacts.of_diagrams([[(0, 1)], [(1, 1 + length)]], (0, 1)) for length in (0.2, 0.3)]
    measure = PersistenceImage(homology_dim=1)
    assert measure.from_diagrams
    assert measure.between(*map(measure.prepare, facts)) == distance([(1, 1.2)], [(1, 1.3)]) > 0
