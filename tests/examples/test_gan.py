"""GANs: manual optimisation, and a discriminator that runs on real and on made images in one validation step."""

import torch
from examples_as_run import load, run
from own_clouds import of_largest_norm, raw, train_and_compare

gan = load("gan")
DISCRIMINATOR = ("discriminator.0", "discriminator.2", "discriminator.5")
GENERATOR = ("generator.0", "generator.2", "generator.4", "generator.5", "generator.7")


def test_the_example_tells_real_images_from_made_ones(tmp_path, caplog):
    ran = run("gan", tmp_path, caplog, epochs=1, images=800)
    clouds = [f"discriminator.{i}@{call}" for i in (0, 2, 5) for call in (0, 1)]
    assert [list(snapshot.layers) for snapshot in ran.result.history] == [clouds] * 2
    assert ran.result.history[-1].labels.tolist() == gan.load_digits().target[600:800].tolist()
    assert ran.warnings == []
    assert len(ran.told) == 1
    assert any(line.strip().startswith("discriminator.0: real from made images") for line in ran.printed)
    assert ran.printed[-1].startswith("Report: ")


class Net(gan.GAN):
    """Logs nothing."""

    def validation_step(self, batch, batch_idx):
        codes = torch.Generator().manual_seed(batch_idx)
        self.discriminator(batch[0])
        self.discriminator(self.generator(torch.randn(len(batch[0]), self.code, generator=codes)))


def test_the_first_call_is_of_real_images_and_the_last_of_made_ones(tmp_path):
    loader = gan.digit_loaders(100)[1]
    for calls, number in (("first", 0), ("last", 1)):
        own = {layer: of_largest_norm(layer, number) for layer in DISCRIMINATOR[:2]}
        own |= {"discriminator.5": raw("discriminator.5", number)}
        own |= {layer: of_largest_norm(layer) for layer in GENERATOR[1:4]}
        own |= {layer: raw(layer) for layer in (GENERATOR[0], GENERATOR[4])}
        watched = train_and_compare(tmp_path / calls, Net, loader, own, layers="auto", calls=calls)
        assert ["ran several times" in message for message in watched.warnings] == [True] * (calls == "first")
