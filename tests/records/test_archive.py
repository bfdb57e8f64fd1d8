"""Where records lie: the names of folders and files."""

from pathlib import Path

from topocallback.records.archive import archive_folder, archive_path, comparison_path, run_directory


def test_files_have_the_names_that_the_documentation_tells(tmp_path):
    assert archive_folder("logs") == Path("logs/topology")
    assert archive_folder("logs", 2) == Path("logs/topology-v2")
    assert archive_path("logs/topology", 7) == Path("logs/topology/step=7.npz")
    assert comparison_path("out") == Path("out/comparison.npz")


def test_a_run_is_called_by_its_log_directory_and_one_started_anew_by_its_archive_too():
    assert run_directory("logs/seed=0/topology") == Path("logs/seed=0")
    assert run_directory("logs/seed=0/topology-v1") == Path("logs/seed=0/topology-v1")
