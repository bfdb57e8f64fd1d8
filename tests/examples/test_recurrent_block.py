"""One block that runs several times in a forward pass, as often in every batch or not."""

from examples_as_run import load, run
from own_clouds import Learns, raw, train_and_compare

recurrent_block = load("recurrent_block")


def test_the_example_makes_a_cloud_of_each_turn(tmp_path, caplog):
    ran = run("recurrent_block", tmp_path, caplog, epochs=1, lists=800)
    layers = ("stem", *(f"block@{turn}" for turn in range(4)), "head")
    assert [snapshot.layers for snapshot in ran.result.history] == [layers] * 2
    assert ran.result.history[-1].labels.tolist() == recurrent_block.make_lists(200, 1).tensors[1].tolist()
    assert ran.warnings == []
    assert len(ran.told) == 1
    assert [line.split(":")[0].strip() for line in ran.printed[-7:]] == [*layers, "Report"]


def test_turns_that_some_batches_do_without_are_named_once_and_the_others_are_there(tmp_path, caplog):
    ran = run("recurrent_block", tmp_path, caplog, epochs=1, lists=800, varying=True)
    assert [snapshot.layers for snapshot in ran.result.history] == [("stem", "block@0", "block@1", "head")] * 2
    [message] = ran.warnings
    assert "layers 'block@2', 'block@3' were left out: it did not run for" in message
    assert set(ran.result.history[-1].problems) >= {"block@2", "block@3"}


class Net(recurrent_block.RecurrentNet, Learns):
    """Logs nothing, and takes as many turns as a batch needs."""

    def __init__(self):
        super().__init__(varying=True)

    def step(self, batch):
        return self(batch[0], batch[2])

    validation_step = Learns.validation_step
    training_step = Learns.training_step


def test_the_last_turn_of_each_batch_is_there_however_many_there_were(tmp_path):
    loader = recurrent_block.list_loader(200, 1)
    own = {"stem": raw("stem"), "block": raw("block", -1), "head": raw("head")}
    assert train_and_compare(tmp_path, Net, loader, own, calls="last").warnings == []


def test_without_being_told_which_layers_the_parts_of_the_block_are_taken(tmp_path):
    loader = recurrent_block.list_loader(200, 1)
    own = {layer: raw(layer) for layer in ("stem", "block.norm", "block.mlp.0", "block.mlp.2", "head")}
    watched = train_and_compare(tmp_path, Net, loader, own, layers="auto")
    [message] = watched.warnings
    assert "ran several times in one batch, and the first output is recorded. `calls='each'`" in message
