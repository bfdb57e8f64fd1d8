"""Spatio-temporal graph networks on skeletons: blocks that give (N, C, T, V), and the adjacency beside it."""

from examples_as_run import load, run
from own_clouds import Seen, of_largest_norm, raw, train_and_compare
from torch.utils.data import DataLoader

skeleton_network = load("skeleton_network")
LAYERS = ("data_norm", "blocks.0", "blocks.1", "blocks.2", "head")


def test_the_example_watches_its_blocks(tmp_path, caplog):
    ran = run("skeleton_network", tmp_path, caplog, epochs=1, samples=600)
    assert [snapshot.layers for snapshot in ran.result.history] == [LAYERS] * 2
    assert ran.result.history[-1].labels.tolist() == [i % 4 for i in range(200)]
    [alert] = ran.warnings
    assert "have dead units" in alert
    [told] = ran.told
    assert "labels = batch[1]; mask = None; points = samples; pooling = max_norm over" in told
    assert [line.split(":")[0].strip() for line in ran.printed[-len(LAYERS) - 1 :]] == [*LAYERS, "Report"]


def test_a_point_has_the_channels_of_one_joint_in_one_frame(tmp_path):
    class Net(skeleton_network.SkeletonNet):  # that logs nothing
        def validation_step(self, batch, batch_idx):
            self(batch[0])

    def of_block(layer):
        def of_first(seen):
            x, _ = seen.outputs[layer][0]  # the adjacency is given on beside it
            return of_largest_norm(layer)(Seen(seen.batch, {layer: [x]}))

        return of_first

    own = {layer: of_block(layer) for layer in LAYERS[1:-1]}
    own |= {"data_norm": of_largest_norm("data_norm"), "head": raw("head")}
    loader = DataLoader(skeleton_network.make_skeletons(30), 8)
    watched = train_and_compare(tmp_path, Net, loader, own, layers="auto")
    assert watched.warnings == []
