"""Diagnosis of a user's own model: right, without a trace, and honest about what it cannot say."""

import copy

import pytest
import torch
from torch import nn

import equimodal
from equimodal import Ablation, BalanceError, Balancer, Joint, LinearSplit
from equimodal.diagnosis.own_model.fisher import fisher_traces
from equimodal.diagnosis.own_model.purity import purity_gap
from equimodal.diagnosis.own_model.weights import restored

ENCODERS = {"audio": "audio_net", "video": "video_net"}


class Net(nn.Module):
    """Two encoders, one of which normalises over the batch, and a linear or a bent head."""

    def __init__(self, bent=False):
        super().__init__()
        self.audio_net = nn.Sequential(nn.Linear(4, 6), nn.ReLU())
        self.video_net = nn.Sequential(nn.Linear(5, 6), nn.BatchNorm1d(6), nn.Dropout(0.5))
        self.fc = (
            nn.Sequential(nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 3))
            if bent
            else nn.Linear(12, 3)
        )

    def forward(self, audio, video):
        return self.fc(torch.cat([self.audio_net(audio), self.video_net(video)], 1))


def batches(rows, seed, size=32):
    """Three classes; the sound shows them well, the video a little."""
    draw = torch.Generator().manual_seed(seed)
    labels = torch.randint(3, (rows,), generator=draw)
    audio = 2 * torch.eye(3, 4)[labels] + 0.5 * torch.randn(rows, 4, generator=draw)
    video = torch.eye(3, 5)[labels] + torch.randn(rows, 5, generator=draw)
    return list(zip(audio.split(size), video.split(size), labels.split(size), strict=True))


LOADERS = {"train": batches(192, 0), "test": batches(96, 1)}


def forward(model, batch):
    return model(batch[0], batch[1]), batch[2]


def made(bent=False, seed=0, steps=30):
    """A trained model and its initial weights."""
    torch.manual_seed(seed)
    model = Net(bent)
    initial = copy.deepcopy(model.state_dict())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for step in range(steps):
        output, labels = forward(model, LOADERS["train"][step % 6])
        nn.functional.cross_entropy(output, labels).backward()
        optimizer.step()
        optimizer.zero_grad()
    return model, initial


@pytest.fixture(scope="module")
def trained_once():
    return made()


def sgd(weights):
    return torch.optim.SGD(weights, lr=0.01, momentum=0.9)


def diagnose(model, readout=None, **options):
    if options.get("train_alone_epochs"):
        options = {"batch_size": 32, "train_alone_seeds": 1, **options}
    return equimodal.diagnose(model, LOADERS, ENCODERS, readout, forward=forward, **options)


@pytest.fixture(scope="module")
def referenced(trained_once):
    model, initial = trained_once
    return diagnose(
        model, LinearSplit("fc"), untrained=initial, train_alone_epochs=3, optimizer=sgd,
        train_alone_seeds=3,
    )  # fmt: skip


def test_with_copies_trained_alone_every_modality_gets_a_word(referenced):
    assert referenced["verdict"]["state"] is not None
    assert referenced["missing"] == []
    assert set(referenced["verdict"]["cost"]["ahead"]) == {
        "ensemble",
        referenced["verdict"]["cost"]["best_alone"],
    }
    assert referenced["source"]["kind"] == "model"
    for judged in referenced["verdict"]["modalities"].values():
        assert all(judged["probe"][k] is not None for k in ("fused", "alone", "untrained", "lost"))
    for family in ("gradients", "fisher_trace", "purity", "drop", "discrepancy_ratio", "shapley"):
        assert family in referenced["measures"], family


def test_without_references_it_says_what_it_cannot_and_how_to_get_there(trained_once):
    found = diagnose(trained_once[0])
    assert found["verdict"]["state"] == "no verdict"
    assert [e["row"] for e in found["missing"]] == ["alone:audio", "alone:video"]
    assert "untrained=initial_weights, train_alone_epochs=20, batch_size=32" in str(found)
    assert found["measures"]["shapley"]["accuracy"]["audio"]["value"] > 0.3


def test_groups_that_a_user_names_are_the_units_from_twenty_on(trained_once):
    plain = diagnose(trained_once[0])
    few, many = (
        diagnose(trained_once[0], groups=[i % count for i in range(96)]) for count in (2, 24)
    )
    assert [f["source"]["groups"] for f in (plain, few, many)] == [[None], [2], [24]]
    assert "for these 2 groups: intervals take the 96 test samples as units" in str(few)
    assert "intervals take the 24 groups of the 96 test samples of a seed as units" in str(many)
    costs = [found["verdict"]["cost"]["accuracy"] for found in (plain, few, many)]
    assert costs[0] == costs[1]
    assert costs[0]["value"] == costs[2]["value"] and costs[0]["low"] != costs[2]["low"]


@pytest.mark.parametrize("groups", [[0] * 95, [0.5] * 96, torch.zeros(96, 1)])
def test_groups_that_are_no_number_a_sample_are_refused(groups, trained_once):
    with pytest.raises(BalanceError, match="a whole number for each of the 96 samples"):
        diagnose(trained_once[0], groups=groups)


def test_the_model_is_left_as_it_was():
    model, initial = made()
    model.train()
    model.video_net.eval()
    forward(model, LOADERS["train"][0])[0].sum().backward()
    weights = copy.deepcopy(model.state_dict())
    gradients = {n: p.grad.clone() for n, p in model.named_parameters()}
    modes = [m.training for m in model.modules()]
    stream = torch.get_rng_state()
    diagnose(model, LinearSplit("fc"), untrained=initial, train_alone_epochs=1, optimizer=sgd)
    assert all(torch.equal(v, model.state_dict()[k]) for k, v in weights.items())
    assert all(torch.equal(g, model.get_parameter(n).grad) for n, g in gradients.items())
    assert [m.training for m in model.modules()] == modes
    assert torch.equal(torch.get_rng_state(), stream)
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())


def test_a_failure_inside_leaves_the_weights_too():
    model, _ = made()
    weights = copy.deepcopy(model.state_dict())
    with pytest.raises(RuntimeError, match="stop"), restored(model):
        nn.init.zeros_(model.fc.weight)
        raise RuntimeError("stop")
    assert all(torch.equal(v, model.state_dict()[k]) for k, v in weights.items())


def test_a_model_with_a_balancer_can_be_diagnosed(trained_once):
    balancer = Balancer(trained_once[0], Joint(), ENCODERS)
    assert diagnose(trained_once[0])["measures"]["drop"]
    balancer.detach()


def test_the_head_run_again_gives_what_the_parts_of_a_linear_head_give(trained_once):
    by_parts = diagnose(trained_once[0], LinearSplit("fc"))["measures"]
    again = diagnose(trained_once[0], Ablation("mean"))["measures"]
    for family in ("shapley", "drop"):
        for key in ("accuracy",) if family == "shapley" else by_parts[family]:
            assert again[family][key] == by_parts[family][key]
    inside = [m["accuracy_inside"]["ablation"] for m in (by_parts, again)]
    assert inside[0] == inside[1]


def test_any_head_can_be_diagnosed():
    model, initial = made(bent=True)
    found = diagnose(model, untrained=initial, train_alone_epochs=1, optimizer=sgd)
    total = sum(v["value"] for v in found["measures"]["shapley"]["accuracy"].values())
    blind = found["verdict"]["cost"]["accuracy"]["value"] - total
    labels = torch.cat([b[2] for b in LOADERS["test"]])
    assert any(abs(float((labels == c).double().mean()) - blind) < 1e-9 for c in range(3))


def test_encoders_trained_alone_by_the_user_serve_as_references(trained_once):
    other, _ = made(seed=5)
    given = {"audio": other.audio_net, "video": other.video_net.state_dict()}
    found = diagnose(trained_once[0], LinearSplit("fc"), alone=given)
    assert found["verdict"]["state"] is not None
    assert any("came without heads" in note for note in found["notes"])
    assert "ensemble" not in found["verdict"]["cost"]["ahead"]
    own = diagnose(other, LinearSplit("fc"))["verdict"]["modalities"]["audio"]["probe"]["fused"]
    assert found["verdict"]["modalities"]["audio"]["probe"]["alone"]["value"] == own["value"]


# -- mistakes -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"train_alone_epochs": 2}, "pass untrained=initial"),
        ({"train_alone_epochs": 2, "untrained": {}}, "needs the optimizer that the model was"),
        ({"train_alone_epochs": -1}, "train_alone_epochs must be a whole number >= 0"),
        ({"untrained": {"fc.weight": torch.zeros(1)}}, "untrained does not fit Net"),
        (
            {"train_alone_epochs": 2, "untrained": {}, "optimizer": sgd, "batch_size": None},
            "needs the samples of one update",
        ),
        ({"alone": {"audio": nn.Linear(9, 9)}}, r"alone\['audio'\] does not fit Sequential"),
        ({"alone": {"smell": nn.Linear(9, 9)}}, "alone names 'smell'"),
    ],
)
def test_references_that_do_not_fit_are_refused(options, words, trained_once):
    with pytest.raises(BalanceError, match=words):
        diagnose(trained_once[0], **options)


@pytest.mark.parametrize(
    ("loaders", "words"),
    [
        ({"train": LOADERS["train"]}, r"'train' and 'test'; found \['train'\]"),
        ({**LOADERS, "test": []}, "'test' gave no batch"),
        ({**LOADERS, "test": [(torch.full((3, 4), torch.nan), torch.ones(3, 5), torch.arange(3))]},
         "'test' the logits are not finite"),
        ({**LOADERS, "test": [(torch.ones(3, 4), torch.ones(3, 5), torch.rand(3, 3))]},
         "one integer label a sample"),
    ],
)  # fmt: skip
def test_loaders_that_cannot_be_judged_are_refused(loaders, words, trained_once):
    with pytest.raises(BalanceError, match=words):
        equimodal.diagnose(trained_once[0], loaders, ENCODERS, forward=forward)


class Shuffled:
    """Another order every time; a DataLoader draws from the global stream, which is put back."""

    draw = torch.Generator().manual_seed(0)

    def __iter__(self):
        rows = torch.randperm(96, generator=self.draw)
        audio, video, labels = (
            torch.cat(part)[rows] for part in zip(*LOADERS["test"], strict=True)
        )
        yield audio, video, labels


def test_a_judged_loader_that_shuffles_is_refused(trained_once):
    with pytest.raises(BalanceError, match="shuffle=False"):
        equimodal.diagnose(
            trained_once[0], {**LOADERS, "test": Shuffled()}, ENCODERS, forward=forward
        )


def test_one_modality_and_encoders_without_a_module_are_refused(trained_once):
    model = trained_once[0]
    with pytest.raises(BalanceError, match="at least two modalities"):
        equimodal.diagnose(model, LOADERS, {"audio": "audio_net"}, forward=forward)
    with pytest.raises(BalanceError, match="gave no features"):
        equimodal.diagnose(
            model, LOADERS, {"audio": r"audio_net\.0\..*", "video": "video_net"}, forward=forward
        )


def test_missing_modalities_are_refused(trained_once):
    def with_presence(model, batch):
        return *forward(model, batch), torch.tensor([[True, False]] * len(batch[2]))

    with pytest.raises(BalanceError, match="have all modalities"):
        equimodal.diagnose(trained_once[0], LOADERS, ENCODERS, forward=with_presence)


# -- Fisher and purity --------------------------------------------------------------------------


def test_the_fisher_trace_is_the_mean_squared_gradient_of_single_samples():
    torch.manual_seed(0)
    nets = {"a": nn.Linear(3, 2), "b": nn.Linear(4, 2)}
    inputs, labels = {"a": torch.randn(5, 3), "b": torch.randn(5, 4)}, torch.tensor([0, 1, 0, 1, 1])

    def losses(rows):
        logits = nets["a"](inputs["a"][rows]) + nets["b"](inputs["b"][rows])
        return nn.functional.cross_entropy(logits, labels[rows], reduction="none")

    found = fisher_traces(losses(slice(None)), {m: list(n.parameters()) for m, n in nets.items()})
    for i, net in enumerate(nets.values()):
        total = 0.0
        for row in range(5):
            net.zero_grad()
            losses(slice(row, row + 1)).sum().backward()
            total += sum(float((p.grad**2).sum()) for p in net.parameters())
        assert float(found[i]) == pytest.approx(total / 5, rel=1e-5)


def test_separable_features_have_no_purity_gap_and_collapsed_ones_no_purity():
    labels = torch.arange(40) % 2
    features = labels[:, None] * torch.ones(40, 3) + 0.01 * torch.rand(40, 3)
    found = purity_gap(features, labels, features[:20], labels[:20])
    assert found == {"train": 1, "validation": 1, "gap": 0}
    assert purity_gap(torch.ones(40, 3), labels, features, labels) is None
