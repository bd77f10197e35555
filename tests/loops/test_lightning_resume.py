"""A checkpoint of Lightning continues a balanced training to the bit."""

import lightning.pytorch as lightning
import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint

from equimodal import BalanceError
from loops.lightning_loop import SILENT, Automatic, Manual, fit, quiet, unpaired
from loops.plain import EPOCHS, STEPS, gap, halved, loader, network, plain, start, weights
from products import by_stage

pytestmark = [
    *quiet,
    pytest.mark.filterwarnings("ignore:.*callbacks used to create the checkpoint"),
]


class Validated(Automatic):
    """With a validation step, whose loss is the plain fused loss."""

    def validation_step(self, batch, _):
        self.log("loss", self.balancer.loss(self.net(batch[0]), batch[1]))

    def val_dataloader(self):
        return loader()


# When a checkpoint of epoch 2 of 4 is written.
AFTER, MIDDLE = {"every_n_epochs": 2}, {"every_n_train_steps": 2 * STEPS - 1}
LAST_BATCH = {"every_n_train_steps": 2 * STEPS}
VALIDATION = {"every_n_epochs": 2, "save_on_train_epoch_end": False}


def stopped(name, moment, folder, module=Automatic, **options):
    """The checkpoint of a training of 4 epochs that was stopped after 2."""
    save = ModelCheckpoint(folder, filename="{step}", save_top_k=-1, **moment)
    fit(
        name, module, given=unpaired, trained_by=[save], enable_checkpointing=True,
        start_with={"epochs": EPOCHS}, max_epochs=2, **options,
    )  # fmt: skip
    return min(folder.glob("step=*.ckpt"), key=lambda file: file.stat().st_mtime_ns)


def continued(name, file, module=Automatic, **options):
    """Weights of a training that goes on from the file, in a new process as it were.

    The model starts from other weights and the balancer from another seed: the file rules.
    """
    other = {"model": network(seed=7), "seed": 5}
    again = fit(
        name, module, given=unpaired, ckpt_path=file, weights_only=True, start_with=other, **options
    )
    method, updates = again.balancer.setting.method, again.balancer.step_index
    usual = EPOCHS * STEPS * method.repeats(2)
    assert again.balancer.epoch_index == EPOCHS
    assert updates > usual if method.lists_items else updates == usual
    return weights(again.model)


@pytest.mark.parametrize("name", by_stage())
@pytest.mark.parametrize("moment", [AFTER, MIDDLE], ids=["after an epoch", "in an epoch"])
def test_a_training_goes_on_from_a_checkpoint_as_if_it_had_not_stopped(name, moment, tmp_path):
    file = stopped(name, moment, tmp_path)

    assert gap(continued(name, file), plain(name, unpaired=True)) == 0


@pytest.mark.parametrize("name", ["amss+", "dus", "relearn"])
@pytest.mark.parametrize(
    ("moment", "module"),
    [(LAST_BATCH, Automatic), (LAST_BATCH, Validated), (VALIDATION, Validated)],
    ids=["last batch", "last batch before validation", "validation"],
)
def test_an_epoch_whose_end_is_due_ends_once(name, moment, module, tmp_path):
    file = stopped(name, moment, tmp_path, module)

    assert gap(continued(name, file, module), plain(name, unpaired=True)) == 0


def test_a_schedule_goes_on_where_it_stopped(tmp_path):
    file = stopped("amss", MIDDLE, tmp_path, schedule=halved)

    expected = plain("amss", unpaired=True, schedule=halved)
    assert gap(continued("amss", file, schedule=halved), expected) == 0


def test_manual_optimisation_goes_on_where_it_stopped(tmp_path):
    file = stopped("amss+", AFTER, tmp_path, Manual)

    assert gap(continued("amss+", file, Manual), plain("amss+", unpaired=True)) == 0


def test_a_checkpoint_holds_tensors_and_plain_data_beside_lightnings_own(tmp_path):
    state = torch.load(stopped("relearn", AFTER, tmp_path), weights_only=True)["equimodal"]

    assert state["balancer"]["epoch"] == 2 and state["balancer"]["constants"].keys() == {"a", "b"}


def test_a_checkpoint_of_another_method_is_refused(tmp_path):
    file = stopped("dus", AFTER, tmp_path)

    with pytest.raises(BalanceError, match="written with method 'DUS'; this run has 'AMSS'"):
        fit("amss", ckpt_path=file)


def test_a_checkpoint_without_a_balancer_is_refused(tmp_path):
    file = tmp_path / "plain.ckpt"
    alone = lightning.Trainer(**SILENT, max_epochs=1)
    alone.fit(Automatic(start("joint")), loader())
    alone.save_checkpoint(file)

    with pytest.raises(BalanceError, match=r"holds no balancer: .* load its weights alone"):
        fit("joint", ckpt_path=file)
