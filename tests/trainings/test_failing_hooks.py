"""Whatever fails around the monitor, in whatever hook: nothing of it stays on the model, in this run or the next."""

from __future__ import annotations

import contextlib
import warnings

import lightning.pytorch as pl
import pytest
import torch
from small_trainings import Net, fit, hooks_of, loader, trainer_for
from torch._dynamo.testing import CompileCounter
from torch.nn.modules import module as torch_module

from topocallback import TopologyMonitor

pytestmark = pytest.mark.long

_HOOKS = (
    "on_sanity_check_start",
    "on_train_start",
    "on_train_batch_start",
    "on_validation_start",
    "on_validation_epoch_start",
    "on_validation_batch_start",
    "on_validation_batch_end",
    "on_validation_epoch_end",
    "on_validation_end",
    "on_train_epoch_end",
    "on_fit_end",
    "teardown",
)


class Fails(pl.Callback):
    """Raises in one hook, and in ``on_exception``, of which callbacks behind this one then hear nothing."""

    def __init__(self, hook: str, error: BaseException) -> None:
        setattr(self, hook, self._fail)
        self.error = error

    def _fail(self, *args, **kwargs):
        raise self.error

    def on_exception(self, trainer, pl_module, exception):
        raise RuntimeError("and once more")


class FailsInTheStep(Net):
    """In the middle of a validation step, with the layers' hooks on."""

    error: BaseException | None = None

    def forward(self, x):
        output = super().forward(x)
        if self.error is not None and not self.training:
            raise self.error
        return output


def is_clean(model: torch.nn.Module) -> bool:
    """Whether there is no hook of the package anywhere, and compiled code runs."""
    everywhere = (*torch_module._global_forward_pre_hooks.values(), *torch_module._global_forward_hooks.values())
    ours = [hook for hook in everywhere if type(getattr(hook, "__self__", hook)).__module__.startswith("topocallback")]
    return hooks_of(model) == 0 and not ours and torch._dynamo.eval_frame._stance.stance == "default"


def weights_of(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


def fail(folder, model, hook, error, *, first: bool, monitor=None) -> None:
    """A training that fails, and of whose failure the monitor is told nothing, if it comes second."""
    fails = [Fails(hook, error)] if hook else [Fails("state_dict_is_no_hook", error)]
    ours = [] if monitor is None else [monitor]
    trainer = trainer_for(folder, *(fails + ours if first else ours + fails), num_sanity_val_steps=1)
    with contextlib.suppress(RuntimeError, SystemExit, KeyboardInterrupt, GeneratorExit), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trainer.fit(model, loader(), loader())


@pytest.fixture
def compiled():
    """A model that counts how often compiled code is run, and compiled again."""
    torch.compiler.reset()
    yield lambda: torch.compile(Net(), backend=CompileCounter())
    torch.compiler.reset()


@pytest.mark.scenario("an exception in any hook of another callback, which raises in `on_exception` as well")
@pytest.mark.parametrize("first", [True, False], ids=["before the monitor", "behind the monitor"])
@pytest.mark.parametrize("hook", _HOOKS)
def test_nothing_stays_on_the_model_whichever_hook_fails(tmp_path, hook, first):
    model = Net()
    fail(tmp_path, model, hook, RuntimeError("out of luck"), first=first, monitor=TopologyMonitor(figures=False))
    assert is_clean(model)


@pytest.mark.scenario("an exception that nothing handles in a validation step")
@pytest.mark.parametrize("error", [RuntimeError("x"), KeyboardInterrupt(), SystemExit(3), GeneratorExit()])
def test_nothing_stays_on_the_model_whatever_is_raised_in_a_step(tmp_path, error):
    model = FailsInTheStep()
    model.error = error
    fail(tmp_path, model, None, error, first=True, monitor=TopologyMonitor(figures=False))
    assert is_clean(model)


@pytest.mark.scenario("a failed training of a compiled model")
@pytest.mark.parametrize("hook", ["on_validation_batch_start", "on_validation_batch_end", "on_validation_epoch_end"])
def test_a_compiled_model_runs_compiled_after_a_failure(tmp_path, compiled, hook):
    model = compiled()
    fail(tmp_path, model, hook, RuntimeError("out of luck"), first=True, monitor=TopologyMonitor(figures=False))
    assert is_clean(model)


@pytest.mark.scenario("the same model and monitor in a training after one that failed")
@pytest.mark.parametrize("hook", ["on_validation_batch_end", "on_validation_epoch_end"])
def test_the_next_training_is_recorded_and_trains_the_same(tmp_path, hook):
    trained = []
    for monitor in (None, TopologyMonitor(figures=False)):
        pl.seed_everything(1, verbose=False)
        model = Net()
        fail(tmp_path / "failed", model, hook, RuntimeError("out of luck"), first=True, monitor=monitor)
        trainer = fit(tmp_path / "next", *([] if monitor is None else [monitor]), model=model)
        assert is_clean(model)
        trained.append(weights_of(model))
    assert all(torch.equal(value, trained[1][name]) for name, value in trained[0].items())
    assert monitor.history.steps == (3, 7)
    assert trainer.log_dir is not None


@pytest.mark.scenario("steps of a failed training are logged where they were recorded")
def test_a_step_of_a_failed_training_is_not_logged_to_the_next_one(tmp_path):
    from small_trainings import steps_of

    monitor, model = TopologyMonitor(figures=False), Net()
    fail(tmp_path / "failed", model, "on_train_epoch_end", RuntimeError("x"), first=True, monitor=monitor)
    assert monitor.wait()
    trainer = fit(tmp_path / "next", monitor, model=model)
    assert steps_of(trainer.log_dir, "topology/noise_H1/stem") == (3, 7)
