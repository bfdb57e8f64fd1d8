"""Autoencoders: their loss knows no labels, the batches may."""

import pytest
from examples_as_run import load, run
from own_clouds import of_largest_norm, raw, train_and_compare

autoencoder = load("autoencoder")
LAYERS = ("encoder.0", "encoder.2", "encoder.5", "decoder.0", "decoder.3", "decoder.5")


@pytest.mark.parametrize("unlabelled", [False, True])
def test_the_example_finds_labels_where_there_are_some(tmp_path, caplog, unlabelled):
    ran = run("autoencoder", tmp_path, caplog, epochs=1, images=800, unlabelled=unlabelled)
    assert [snapshot.layers for snapshot in ran.result.history] == [LAYERS] * 2
    labels = ran.result.history[-1].labels
    assert (labels is None) is unlabelled
    assert unlabelled or labels.tolist() == autoencoder.load_digits().target[600:800].tolist()
    [alert] = ran.warnings  # which is true of the first steps
    assert "Layer 'encoder.5' says nearly the same of all samples" in alert
    [told] = ran.told
    assert f"labels = {None if unlabelled else 'batch[1]'}; mask = None; points = samples" in told
    assert any("neighbours" in line for line in ran.printed) is not unlabelled
    assert ran.printed[-1].startswith("Report: ")


def test_the_restored_picture_is_a_point_as_a_whole(tmp_path):
    class Net(autoencoder.Autoencoder):  # that logs nothing
        def validation_step(self, batch, batch_idx):
            self(batch[0])

    own = {layer: of_largest_norm(layer) for layer in ("encoder.0", "encoder.2", "decoder.3")}
    own |= {layer: raw(layer) for layer in ("encoder.5", "decoder.0", "decoder.5")}
    loader = autoencoder.digit_loaders(100)[1]
    assert train_and_compare(tmp_path, Net, loader, own, layers="auto").warnings == []
