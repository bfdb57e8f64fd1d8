"""How much memory there is, as Linux tells it: of the machine, and of the groups that a process is in."""

import pytest

from topocallback.memory import available_memory, size_in_words


@pytest.fixture
def root(tmp_path):
    def write(files):
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    write({"proc/meminfo": "MemTotal:       99 kB\nMemAvailable:   8000 kB\n"})
    write.path = tmp_path
    return write


def group(folder, limit, used, inactive=0):
    return {
        f"{folder}/memory.max": f"{limit}\n",
        f"{folder}/memory.current": f"{used}\n",
        f"{folder}/memory.stat": f"anon 3\ninactive_file {inactive}\n",
    }


def test_without_groups_it_is_what_the_machine_has(root):
    assert available_memory(root({})) == 8_192_000


def test_a_container_leaves_what_its_limit_leaves_and_what_it_can_give_back(root):
    files = {"proc/self/cgroup": "0::/\n", **group("sys/fs/cgroup", 1_000_000, 700_000, inactive=50_000)}
    assert available_memory(root(files)) == 350_000


def test_the_least_of_all_groups_around_a_process_counts(root):
    files = {
        "proc/self/cgroup": "0::/jobs/7/step\n",
        **group("sys/fs/cgroup/jobs", 3_000_000, 0),
        **group("sys/fs/cgroup/jobs/7", 2_000_000, 1_500_000),
        **group("sys/fs/cgroup/jobs/7/step", "max", 100),
    }
    assert available_memory(root(files)) == 500_000


def test_groups_of_the_first_version_are_read_as_well(root):
    folder = "sys/fs/cgroup/memory/box"
    files = {
        "proc/self/cgroup": "9:name=systemd:/\n4:memory:/box\n0::/\n",
        f"{folder}/memory.limit_in_bytes": "900000",
        f"{folder}/memory.usage_in_bytes": "500000",
        f"{folder}/memory.stat": "total_inactive_file 100000\n",
    }
    assert available_memory(root(files)) == 500_000


def test_a_group_above_its_limit_leaves_nothing(root):
    assert available_memory(root({"proc/self/cgroup": "0::/\n", **group("sys/fs/cgroup", 10, 20)})) == 0


@pytest.mark.parametrize("text", ["", "MemAvailable: many kB\n", "MemFree: 10 kB\n"])
def test_what_cannot_be_read_is_not_known(root, text):
    assert available_memory(root({"proc/meminfo": text})) is None


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_outside_of_linux_it_is_not_known(root, monkeypatch, platform):
    monkeypatch.setattr("sys.platform", platform)
    assert available_memory(root({})) is None


@pytest.mark.parametrize(("count", "said"), [(0, "0 bytes"), (9_960, "10 kB"), (3e15, "3000 TB")])
def test_sizes_are_said_with_a_unit(count, said):
    assert size_in_words(count) in (said, said.replace("10 kB", "10.0 kB"))
