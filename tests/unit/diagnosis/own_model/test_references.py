"""References of a user's model: trained with its budget, whatever the loaders, and truly alone."""

import copy
from collections import namedtuple

import pytest
import torch
from torch import nn

import equimodal
from equimodal import BalanceError, LinearSplit
from equimodal.diagnosis.own_model.budget import budget_of, described
from equimodal.diagnosis.own_model.updates import row_count, updates
from unit.diagnosis.own_model.test_model import ENCODERS, LOADERS, batches, forward, made, sgd

Pair = namedtuple("Pair", "x y")


# -- updates ------------------------------------------------------------------------------------


@pytest.mark.parametrize("loaded", [1, 3, 5, 8, 20, 40])
@pytest.mark.parametrize("size", [6, 8, 64])
def test_updates_hold_the_same_rows_whatever_the_batches_of_the_loader(loaded, size):
    rows = torch.arange(20)
    loader = [(rows[i : i + loaded], {"n": rows[i : i + loaded]}) for i in range(0, 20, loaded)]
    found = [torch.cat([part[0] for part, _ in parts]) for parts in updates(loader, size)]
    assert [own.tolist() for own in found] == [own.tolist() for own in rows.split(size)]
    for parts in updates(loader, size):
        assert all(len(part[0]) == rows == len(part[1]["n"]) for part, rows in parts)


def test_batches_of_every_form_are_divided():
    names = [f"sample {i}" for i in range(4)]
    batch = {
        "pair": Pair(torch.arange(4), torch.eye(4)),
        "names": names,
        "scale": torch.tensor(2.0),
    }
    parts = [part for update in updates([batch], 3) for part, _ in update]
    assert [part["names"] for part in parts] == [names[:3], names[3:]]
    assert all(isinstance(part["pair"], Pair) for part in parts)
    assert parts[1]["pair"].y.tolist() == [[0, 0, 0, 1]]
    assert all(float(part["scale"]) == 2 for part in parts)
    assert batch["names"] == names


def test_a_single_row_is_left_out_where_batches_are_normalised():
    loader = [(torch.arange(7), torch.arange(7))]
    kept = [[rows for _, rows in parts] for parts in updates(loader, 3, single=False)]
    assert kept == [[3], [3]]


def test_rows_that_cannot_be_told_apart_are_refused_unless_batches_are_updates():
    time_first = (torch.zeros(9, 4, 2), torch.zeros(4))
    assert row_count(time_first) is None
    with pytest.raises(BalanceError, match="batch_size='loader'"):
        list(updates([time_first], 2))
    assert [parts[0][0] is time_first for parts in updates([time_first] * 2, None)] == [True] * 2


# -- the budget ---------------------------------------------------------------------------------


def test_an_optimizer_of_the_loop_is_taken_over_with_the_rate_that_it_began_with():
    model, head = nn.Linear(2, 2), nn.Linear(2, 2)
    own = torch.optim.AdamW(
        [{"params": head.parameters()}, {"params": model.parameters(), "lr": 0.3}],
        lr=0.1, weight_decay=0.5,
    )  # fmt: skip
    torch.optim.lr_scheduler.LambdaLR(own, lambda step: 0.0)
    budget = budget_of(2, 8, own, None, [0])
    made_ = budget.optimizer([*model.parameters()])
    assert isinstance(made_, torch.optim.AdamW)
    assert (made_.defaults["lr"], made_.defaults["weight_decay"]) == (0.3, 0.5)
    assert described(made_) == "AdamW (lr 0.3, weight_decay 0.5)"


def test_a_rate_that_fell_to_nothing_is_asked_for():
    model = nn.Linear(2, 2)
    own = torch.optim.SGD(model.parameters(), lr=0.1)
    own.param_groups[0]["lr"] = 0.0
    with pytest.raises(BalanceError, match="The rate of the given SGD is 0"):
        budget_of(1, 8, own, None, [0]).optimizer([*model.parameters()])


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ((1, 8, None, None), "needs the optimizer that the model was trained with"),
        ((1, None, sgd, None), "needs the samples of one update of your training"),
        ((1, 0, sgd, None), "batch_size must be a whole number >= 1"),
    ],
)
def test_a_budget_that_is_not_said_is_asked_for(given, words):
    with pytest.raises(BalanceError, match=words):
        budget_of(*given, [0])


def reference(loaders=LOADERS, model=None, encoders=ENCODERS, readout=None, **options):
    model, initial = model or made()
    options = {
        "untrained": initial, "train_alone_epochs": 2, "optimizer": sgd, "batch_size": 24,
        "train_alone_seeds": 2, **options,
    }  # fmt: skip
    return equimodal.diagnose(
        model, loaders, encoders, readout, forward=options.pop("forward", forward), **options
    )


def test_references_do_not_depend_on_the_batches_of_the_loaders():
    model = Starved()
    given = (model, copy.deepcopy(model.state_dict()))
    found = [
        reference({"train": batches(192, 0, size), "test": batches(96, 1, size)}, given)
        for size in (16, 192)
    ]
    words = [one["verdict"]["modalities"] for one in found]
    for m in ENCODERS:
        assert words[0][m]["word"] == words[1][m]["word"]
        for key in ("fused", "alone", "untrained"):
            ours, theirs = (w[m]["probe"][key]["value"] for w in words)
            assert ours == pytest.approx(theirs, abs=1e-9)
    assert found[0]["source"]["budget"] == found[1]["source"]["budget"]
    assert found[0]["source"]["budget"]["updates"] == 16


def test_the_schedule_gets_the_updates_of_each_training_and_is_stepped_after_every_one():
    given, rates = [], []

    def schedule(optimizer, count):
        given.append(count)
        return torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rates.append(step) or 1.0)

    reference(schedule=schedule, train_alone_seeds=1)
    assert given[:2] == [16, 16] and set(given) <= {16, 32, 64}
    assert rates[:17] == list(range(17))


def test_every_reference_is_trained_with_as_many_seeds_as_asked():
    found = reference(train_alone_seeds=3, seed=5)
    assert found["source"]["budget"]["seeds"] == [5, 6, 7] == found["source"]["seeds"]
    assert found["source"]["samples"] == [96] * 3
    assert any("one model: intervals speak of it alone" in note for note in found["notes"])
    cost = found["verdict"]["cost"]["accuracy"]
    once = reference(train_alone_seeds=1)["verdict"]["cost"]["accuracy"]
    assert cost["value"] == pytest.approx(once["value"])
    assert cost["low"] == pytest.approx(once["low"]), "a given model varies with no seed"


class Starved(nn.Module):
    """The audio tells all; the video is noise, of which an encoder can only learn by heart."""

    def __init__(self):
        super().__init__()
        self.audio_net, self.video_net = nn.Linear(4, 6), nn.Linear(5, 6)
        self.fc = nn.Linear(12, 3)

    def forward(self, audio, video):
        return self.fc(torch.cat([self.audio_net(audio), self.video_net(video)], 1))


def noise(rows, seed):
    return [(a, torch.randn(len(y), 5), y) for a, _, y in batches(rows, seed)]


def test_a_modality_that_tells_little_is_trained_for_longer_and_shown():
    torch.manual_seed(0)
    model = Starved()
    initial = copy.deepcopy(model.state_dict())
    loaders = {"train": noise(192, 0), "test": noise(96, 1)}
    found = reference(loaders, (model, initial))
    judged = found["verdict"]["modalities"]["video"]
    assert len(judged["probe"]["longer_alone"]) == 2
    assert judged["word"] in ("weak by itself", "no verdict")
    assert "alone for 2 times the steps" in str(found)
    if judged["word"] == "no verdict":
        assert "video" in found["settling"][0]["modalities"]


# -- alone --------------------------------------------------------------------------------------


class Reading(nn.Module):
    """The encoder of the video reads the features of the audio."""

    def __init__(self):
        super().__init__()
        self.audio_net, self.video_net = nn.Linear(4, 6), nn.Linear(11, 6)
        self.fc = nn.Linear(12, 3)

    def forward(self, audio, video):
        heard = self.audio_net(audio)
        return self.fc(torch.cat([heard, self.video_net(torch.cat([video, heard], 1))], 1))


def test_an_encoder_that_reads_another_modality_is_trained_with_that_one_blanked():
    torch.manual_seed(0)
    model = Reading()
    initial = copy.deepcopy(model.state_dict())
    loaders = {"train": noise(384, 0), "test": noise(192, 1)}
    probe = reference(loaders, (model, initial))["verdict"]["modalities"]["video"]["probe"]
    assert probe["untrained"]["value"] > 0.6, "beside the audio it tells what that tells"
    assert probe["alone"]["value"] < 0.5


def test_an_encoder_shared_by_two_modalities_is_refused():
    class Twin(nn.Module):
        def __init__(self):
            super().__init__()
            self.net, self.fc = nn.Linear(4, 6), nn.Linear(12, 3)

        def forward(self, audio, video):
            return self.fc(torch.cat([self.net(audio), self.net(video[:, :4])], 1))

    model = Twin()
    encoders = {
        "audio": equimodal.Encoder("net", calls=0), "video": equimodal.Encoder("net", calls=1)
    }  # fmt: skip
    with pytest.raises(BalanceError, match="shared with 'video'"):
        reference(model=(model, model.state_dict()), encoders=encoders)


def test_a_reference_that_diverges_says_with_which_optimizer():
    with pytest.raises(BalanceError, match=r"training of 'audio' alone, with SGD \(lr 1e\+20"):
        reference(optimizer=lambda weights: torch.optim.SGD(weights, lr=1e20))


# -- compiled models, and what is refused by name -----------------------------------------------


@pytest.mark.parametrize("how", ["wrapped", "in place"])
def test_compiled_models_are_diagnosed_as_the_module_inside(how):
    model, initial = made()
    plain = reference(model=(model, initial), readout=LinearSplit("fc"))
    if how == "wrapped":
        compiled = torch.compile(model, backend="eager")
        given = {f"_orig_mod.{name}": value for name, value in initial.items()}
    else:
        model.compile(backend="eager")
        compiled, given = model, initial
    compiled(*LOADERS["train"][0][:2])
    found = reference(model=(compiled, given), readout=LinearSplit("fc"))
    assert found["verdict"] == plain["verdict"]
    assert model._compiled_call_impl is None or how == "in place"


def test_multi_label_targets_are_refused_by_name():
    model, _ = made()
    loaders = {
        split: [(a, v, nn.functional.one_hot(y, 3).float()) for a, v, y in part]
        for split, part in LOADERS.items()
    }
    with pytest.raises(BalanceError, match="as of a multi-label task"):
        equimodal.diagnose(model, loaders, ENCODERS, forward=forward)
