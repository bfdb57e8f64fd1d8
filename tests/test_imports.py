"""What importing the package costs: TensorBoard does it at its start, and must not wait for torch."""

import subprocess
import sys

import pytest

import topocallback


def modules_after(statement):
    """The modules that a fresh Python has after a statement."""
    script = f"import sys\n{statement}\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import topocallback", {"torch", "lightning", "matplotlib", "numpy", "tensorboard", "redzed_tda"}),
        ("import topocallback; dir(topocallback)", {"torch", "lightning", "matplotlib", "numpy"}),
        ("import topocallback.monitor.background", {"torch", "lightning", "matplotlib", "numpy"}),
        ("import topocallback.records.snapshot", {"torch", "lightning", "matplotlib"}),
        ("from topocallback import load_history", {"torch", "lightning", "matplotlib"}),
        ("import topocallback.analysis.analyse", {"torch", "lightning", "matplotlib", "tensorboard"}),
        ("from topocallback import PointClouds, analyse", {"torch", "lightning", "matplotlib", "tensorboard"}),
        ("import topocallback.tensorboard_tab.plugin", {"torch", "lightning", "matplotlib", "scipy"}),
        ("import topocallback.cli", {"torch", "lightning", "matplotlib", "numpy", "jsonargparse"}),
        ("import topocallback.views.report", {"torch", "lightning", "matplotlib", "tensorboard"}),
        ("import topocallback.views.logging", {"torch", "lightning", "matplotlib.pyplot"}),
        ("import topocallback.monitor.run", {"torch", "lightning", "matplotlib.pyplot"}),
    ],
)
def test_an_import_loads_no_more_than_it_needs(statement, absent):
    modules = modules_after(statement)
    assert "topocallback" in modules
    assert modules & absent == set()


@pytest.mark.parametrize("name", topocallback.__all__)
def test_every_public_name_is_there(name):
    found = getattr(topocallback, name)
    assert found.__name__ == name
    assert found.__module__.startswith("topocallback.")
    assert found.__doc__


def test_public_names_are_sorted_and_listed():
    assert sorted(set(topocallback.__all__)) == topocallback.__all__
    assert set(topocallback.__all__) <= set(dir(topocallback))


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'topocallback' has no attribute 'TopologyMonitr'"):
        _ = topocallback.TopologyMonitr


def test_an_unknown_name_cannot_be_imported():
    with pytest.raises(ImportError, match="no_such_name"):
        exec("from topocallback import no_such_name")
