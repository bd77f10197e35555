"""A training that the Trainer resumes ends where one without a stop ends, bit for bit."""

import pytest
import torch

from equimodal import BalanceError
from loops.plain import STEPS, gap, plain, start
from products import by_stage

pytest.importorskip("transformers")

from transformers import TrainerCallback

from loops.huggingface_loop import trained, trainer

MIDDLE, END = STEPS + 1, 2 * STEPS  # in the middle of the second epoch, and at its last update


class StopAt(TrainerCallback):
    """Saves after an update, and ends the training there."""

    def __init__(self, update):
        self.update = update

    def on_step_end(self, args, state, control, **_):
        if state.global_step == self.update:
            control.should_save = control.should_training_stop = True


def stopped(name, folder, update):
    """A training that ended early; its checkpoint."""
    trained(name, folder, callbacks=[StopAt(update)])
    return folder / f"checkpoint-{update}"


@pytest.mark.parametrize("name", by_stage())
def test_a_stop_in_the_middle_of_an_epoch_leaves_no_trace(name, tmp_path):
    stopped(name, tmp_path, MIDDLE)

    assert gap(trained(name, tmp_path, resume=True), plain(name, steps="nominal")) == 0


@pytest.mark.parametrize("name", ["dus-rl", "relearn", "relearn-fixed"])
def test_a_stop_at_the_last_update_of_an_epoch_still_ends_the_epoch(name, tmp_path):
    """Saved by updates, a checkpoint is written before the end of its epoch."""
    checkpoint = stopped(name, tmp_path / "first", END)

    resumed = trained(name, tmp_path / "second", resume=str(checkpoint))
    assert gap(resumed, plain(name)) == 0


def test_a_checkpoint_of_a_whole_epoch_ends_that_epoch_once(tmp_path):
    assert gap(trained("relearn", tmp_path, save_strategy="epoch"), plain("relearn")) == 0
    checkpoint = tmp_path / f"checkpoint-{END}"

    resumed = trained("relearn", tmp_path / "other", resume=str(checkpoint))
    assert gap(resumed, plain("relearn")) == 0


def test_a_checkpoint_that_was_moved_is_named_in_the_arguments(tmp_path):
    checkpoint = stopped("amss", tmp_path, MIDDLE)
    moved = checkpoint.rename(tmp_path / "best")
    with pytest.raises(
        BalanceError, match=rf"checkpoint-{MIDDLE}/equimodal.pt and .*if it was moved"
    ):
        trained("amss", tmp_path / "other", resume=str(moved))

    resumed = trained(
        "amss", tmp_path / "third", resume=str(moved), resume_from_checkpoint=str(moved)
    )
    assert gap(resumed, plain("amss")) == 0


def test_the_same_update_of_another_training_is_not_taken(tmp_path):
    """Moved, and the folder that the new training writes to has one with the same number."""
    checkpoint = stopped("amss", tmp_path / "first", MIDDLE)
    moved = checkpoint.rename(tmp_path / "moved")
    stopped("amss", tmp_path / "second", MIDDLE)

    with pytest.raises(BalanceError, match=f"update {MIDDLE} holds no state of a balancer"):
        trained("amss", tmp_path / "second", resume=str(moved))


def test_a_checkpoint_without_the_callback_or_of_another_method_is_refused(tmp_path):
    checkpoint = stopped("joint", tmp_path, MIDDLE)
    with pytest.raises(BalanceError, match=r"written with method 'Joint'; this run has 'AMSS'"):
        trained("amss", tmp_path, resume=True)

    (checkpoint / "equimodal.pt").unlink()
    with pytest.raises(BalanceError, match=r"holds no state.*written with BalanceCallback"):
        trained("joint", tmp_path, resume=True)


def test_a_damaged_state_is_refused_by_name(tmp_path):
    checkpoint = stopped("joint", tmp_path, MIDDLE)
    whole = (checkpoint / "equimodal.pt").read_bytes()
    (checkpoint / "equimodal.pt").write_bytes(whole[: len(whole) // 2])

    with pytest.raises(BalanceError, match=r"equimodal.pt' is damaged.*resume from another"):
        trained("joint", tmp_path, resume=True)


def test_a_checkpoint_holds_tensors_and_plain_data_alone(tmp_path):
    checkpoint = stopped("relearn", tmp_path, MIDDLE)

    content = torch.load(checkpoint / "equimodal.pt", weights_only=True)
    assert content["balancer"]["step"] == MIDDLE
    assert content["balancer"]["epoch"] == 1
    assert content["due"] is False


def test_planned_epochs_are_the_trainers_unless_the_balancer_was_given_some(tmp_path):
    told, untold = start("joint", epochs=7), start("joint", epochs=None)
    for made in (told, untold):
        trainer(made, tmp_path, num_train_epochs=2)[0].train()

    assert (told.balancer.setting.epochs, untold.balancer.setting.epochs) == (7, 2)


def test_an_epoch_that_is_cut_short_has_no_end_but_its_decisions_are_kept(tmp_path):
    made = start("amss", epochs=None)
    trainer(made, tmp_path, max_steps=MIDDLE)[0].train()

    assert (made.balancer.step_index, made.balancer.epoch_index) == (MIDDLE, 1)
    steps = {r["step"] for r in made.balancer.decisions.drain()}
    assert steps == set(range(MIDDLE))


def test_a_callback_serves_one_training_after_another(tmp_path):
    made = start("amss", epochs=None, attached=False)
    built, _ = trainer(made, tmp_path, num_train_epochs=2)
    built.train()
    built.train()

    assert (made.balancer.epoch_index, len(made.balancer.setting.optimizers)) == (4, 1)
