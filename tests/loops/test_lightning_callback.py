"""What the callback takes from the trainer, and what it refuses."""

import importlib.util
import sys
from types import ModuleType

import pytest
import torch
from lightning.pytorch.callbacks import EarlyStopping
from lightning.pytorch.loggers.logger import DummyLogger

from equimodal import BalanceError
from equimodal.integrations import lightning as integration
from equimodal.integrations.lightning import BalanceCallback
from loops.lightning_loop import Automatic, Manual, fit, quiet, trainer
from loops.plain import EPOCHS, STEPS, gap, loader, plain, start, weights

pytestmark = quiet


class Kept(DummyLogger):
    """A logger that keeps what it is given."""

    def __init__(self):
        super().__init__()
        self.lines = []

    def log_metrics(self, metrics, step):
        self.lines.append((step, metrics))

    @property
    def decisions(self):
        found = [(s, {k: v for k, v in m.items() if "balance/" in k}) for s, m in self.lines]
        return [line for line in found if line[1]]


class Validated(Automatic):
    """Logs a validation loss, which is the plain fused loss and falls by less and less."""

    def validation_step(self, batch, _):
        self.log("loss", self.balancer.loss(self.net(batch[0]), batch[1]))

    def val_dataloader(self):
        return loader()


def decisions(name, **options):
    """What the plain loop hands to a log."""
    lines = []
    made = start(name, log=lambda values, step: lines.append((step, values)), **options)
    for _ in range(EPOCHS):
        for inputs, target, _ in made.balancer.repeat(loader()):
            made.balancer.loss(made.model(inputs), target).backward()
            made.balancer.before_step()
            made.optimizer.step()
            made.optimizer.zero_grad()
        made.balancer.epoch_end()
    return lines


@pytest.mark.parametrize("name", ["amss", "dus", "relearn"])
def test_decisions_reach_every_logger_of_the_trainer(name):
    one, two = Kept(), Kept()
    made = fit(name, logger=[one, two])

    assert one.decisions == two.decisions == decisions(name) != []
    assert made.balancer.decisions.log is None


def test_decisions_go_to_the_users_own_log_where_there_is_one():
    mine, logger = [], Kept()
    fit("amss", logger=[logger], start_with={"log": lambda v, step: mine.append((step, v))})

    assert mine == decisions("amss") and logger.decisions == []


def test_the_planned_epochs_are_the_trainers_unless_the_user_gave_them():
    # A quarter of 8 epochs is 2, of 4 it is 1: the schedule of re-learning shows what was planned.
    for given, planned in ((None, EPOCHS), (8, 8)):
        made = fit("relearn-fixed", start_with={"epochs": given})
        assert gap(weights(made.model), plain("relearn-fixed", planned=planned)) == 0
        assert made.balancer.setting.epochs == given


def test_a_second_trainer_lends_its_own_epochs():
    made = start("amss", epochs=None, attached=False)
    lit, seen = Automatic(made), []
    made.balancer.decisions.log = lambda *_: seen.append(made.balancer.setting.epochs)
    for epochs in (1, 2):
        trainer(max_epochs=epochs).fit(lit, loader())

    assert set(seen) == {1, 2} and made.balancer.setting.epochs is None
    assert made.balancer.setting.optimizers == made.optimizers


@pytest.mark.parametrize("name", ["amss+", "dus", "relearn"])
def test_validation_and_its_sanity_check_leave_no_trace(name):
    made = fit(name, Validated, num_sanity_val_steps=2, val_check_interval=1)

    assert gap(weights(made.model), plain(name)) == 0


def test_an_epoch_after_which_training_stops_early_is_ended():
    never_better = EarlyStopping("loss", min_delta=100.0, patience=1)
    made = fit("relearn-fixed", Validated, trained_by=[never_better])

    assert made.balancer.epoch_index == 2
    assert gap(weights(made.model), plain("relearn-fixed", epochs=2)) == 0


def test_an_epoch_that_max_steps_cuts_is_not_ended_but_its_decisions_are_logged():
    logger = Kept()
    made = fit("amss", logger=[logger], max_steps=STEPS + 1, max_epochs=None)

    assert (made.balancer.epoch_index, made.balancer.step_index) == (1, STEPS + 1)
    updates = [step for step, found in logger.decisions if "balance/significance/a" in found]
    assert updates == list(range(STEPS + 1))


class Unnamed(Automatic):
    """Keeps its balancer elsewhere."""

    def __init__(self, made, schedule=None):
        super().__init__(made, schedule)
        del self.balancer


class Forgetful(Automatic):
    """Trains on its own loss."""

    def training_step(self, batch, _):
        return torch.nn.functional.cross_entropy(self.net(batch[0]).logits, batch[1])


class Bypassing(Automatic):
    """Steps the optimizer behind Lightning's back."""

    def __init__(self, made, schedule=None):
        super().__init__(made, schedule)
        self.automatic_optimization = False

    def training_step(self, batch, number):
        optimizer = self.optimizers(use_pl_optimizer=False)
        self.manual_backward(super().training_step(batch, number))
        optimizer.step()
        optimizer.zero_grad()


@pytest.mark.parametrize(
    ("module", "words"),
    [
        (Unnamed, "no balancer in Unnamed: write self.balancer = Balancer"),
        (Forgetful, r"return self.balancer.loss\(output, target\) from Forgetful.training_step"),
        (Bypassing, r"optimizer.step\(\) ran before before_step\(\)"),
    ],
)
def test_a_module_that_does_not_balance_is_refused(module, words):
    with pytest.raises(BalanceError, match=words):
        fit("amss", module)


def test_epochs_of_other_lengths_take_a_trainer_that_counts_anew_or_nominal_steps():
    with pytest.raises(BalanceError, match=r"SMV lists the rows.*reload_dataloaders_every_n_epoch"):
        fit("smv", reload_dataloaders_every_n_epochs=0)
    made = fit("smv", reload_dataloaders_every_n_epochs=0, start_with={"steps": "nominal"})
    assert made.balancer.step_index == EPOCHS * STEPS


def test_two_callbacks_are_refused():
    with pytest.raises(BalanceError, match="Two BalanceCallbacks would end every epoch twice"):
        fit("amss", trained_by=[BalanceCallback()])


def test_a_balancer_may_be_given_to_the_callback():
    made = start("amss", epochs=None, attached=False)
    one = trainer()
    one.callbacks[0].balancer = made.balancer
    one.fit(Manual(made), loader())

    assert made.balancer.step_index == EPOCHS * STEPS


def test_the_lightning_that_is_already_imported_is_taken(monkeypatch):
    other = ModuleType("pytorch_lightning")
    other.Callback = type("Callback", (), {})
    monkeypatch.setitem(sys.modules, "pytorch_lightning", other)
    monkeypatch.delitem(sys.modules, "lightning.pytorch")

    assert fresh().BalanceCallback.__bases__ == (other.Callback,)


def test_a_missing_lightning_is_named_with_what_to_install(monkeypatch):
    for name in ("lightning.pytorch", "pytorch_lightning"):
        monkeypatch.setitem(sys.modules, name, None)

    with pytest.raises(ImportError, match=r'pip install "equimodal\[lightning\]"'):
        fresh()


def fresh():
    """The module, executed again as another one."""
    found = importlib.util.spec_from_file_location("again", integration.__file__)
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module
