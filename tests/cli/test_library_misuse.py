"""Misuse of the library: each mistake is one error that says what was found and what to write."""

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from equimodal import (
    Ablation,
    AuxiliaryHeads,
    BalanceError,
    Balancer,
    Encoder,
    InputAblation,
    LinearSplit,
    Regression,
    methods,
)
from equimodal.data import MultimodalDataset

ENCODERS = {"audio": "audio_net", "video": "video_net"}
LABELS = torch.tensor([0, 1, 2, 0, 1, 2])


class Net(nn.Module):
    """Two encoders of 4 and 6 features and a linear head of 3 classes, or another head."""

    def __init__(self, head=None, order=("audio", "video")):
        super().__init__()
        self.audio_net = nn.Linear(3, 4)
        self.video_net = nn.Linear(5, 6)
        self.order = order
        self.fc = head or nn.Linear(10, 3)

    def forward(self, audio, video):
        features = {"audio": self.audio_net(audio), "video": self.video_net(video)}
        return self.fc(torch.cat([features[m] for m in self.order], 1))


class EqualNet(Net):
    """Encoders of equal width, so that only their order can be wrong."""

    def __init__(self, **options):
        super().__init__(head=nn.Linear(8, 3), **options)
        self.video_net = nn.Linear(5, 4)


def batch():
    torch.manual_seed(0)
    return torch.randn(6, 3), torch.randn(6, 5)


def balancer(method="amss", *, model=None, encoders=ENCODERS, readout=None, settings=None, **more):
    readout = readout or LinearSplit("fc")
    chosen = methods.create(method, **(settings or {}))
    net = Net() if model is None else model
    return Balancer(net, chosen, encoders, readout, **more)


def first_loss(target=LABELS, *, model=None, output=None, **options):
    """The first loss of a balancer made with these options."""
    model = model or Net()
    made = balancer(model=model, **options)
    logits = model(*batch())
    return made.loss(logits if output is None else output(logits), target)


def epoch_without_before_step():
    model = Net()
    made = balancer(model=model)
    made.loss(model(*batch()), LABELS).backward()
    made.epoch_end()


def loss_of_the_same_output_twice():
    model = Net()
    made = balancer(model=model)
    output = model(*batch())
    made.loss(output, LABELS)
    made.loss(output, LABELS)


def checkpoint_of(method, *, encoders=ENCODERS, **settings):
    return balancer(method, encoders=encoders, settings=settings).state_dict()


def empty_batches():
    empty = MultimodalDataset({"audio": torch.zeros(0, 3)}, torch.zeros(0, dtype=torch.long))
    next(balancer().batches(empty, batch_size=2))


def batches_of_none():
    data = MultimodalDataset(dict(zip(ENCODERS, batch(), strict=True)), LABELS)
    next(balancer().batches(data, batch_size=0))


def relearn_for(epochs, loaders):
    """Trains for four epochs; D&R is due after the first of them."""
    model = EqualNet()
    made = balancer(
        "relearn",
        model=model,
        loaders=loaders,
        forward=lambda net, given: (net(*given[0]), given[1]),
        epochs=epochs,
    )
    for _ in range(4):
        made.loss(model(*batch()), LABELS).backward()
        made.before_step()
        made.epoch_end()


def two_balancers():
    model = Net()
    first = balancer("amss", model=model)
    try:
        balancer("relearn", model=model, loaders={"train": [], "val": []}, epochs=9)
    finally:
        del first


def before_step_before_backward():
    model = Net()
    made = balancer(model=model)
    made.loss(model(*batch()), LABELS)
    made.before_step()


def step_before_before_step():
    model = Net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    made = balancer(model=model, optimizers=[optimizer])
    made.loss(model(*batch()), LABELS).backward()
    optimizer.step()


def parameters_replaced_afterwards():
    model = Net()
    made = balancer(model=model)
    model.audio_net.weight = nn.Parameter(model.audio_net.weight.detach().clone())
    made.loss(model(*batch()), LABELS).backward()
    made.before_step()


def features_without_gradient():
    """The old form of activation checkpointing runs the encoder without gradient."""
    model = Net()
    made = balancer("joint+unimodal", model=model)
    audio, video = batch()
    a = checkpoint(lambda x: model.audio_net(x) * 1, audio.requires_grad_(), use_reentrant=True)
    made.loss(model.fc(torch.cat([a, model.video_net(video)], 1)), LABELS)


def frozen_net():
    model = Net()
    model.audio_net.requires_grad_(False)
    model.video_net.requires_grad_(False)
    return model


def tied_net():
    """Both encoders are one module under two names."""
    model = EqualNet()
    model.audio_net = model.video_net
    return model


def other_number_of_modalities():
    three = nn.ModuleDict({m: nn.Linear(3, 4) for m in "abc"})
    three["fc"] = nn.Linear(12, 3)
    made = balancer("joint", model=three, encoders={m: m for m in "abc"})
    balancer("joint").load_state_dict(made.state_dict())


def generator_of_nothing():
    """An iterable that can be read once only, and was."""
    return (batch for batch in ())


MISUSE = {
    "encoder name with a typing error": (
        lambda: balancer(encoders=ENCODERS | {"audio": "audio_nett"}),
        ["encoders['audio'] = 'audio_nett' matches no parameter of Net", "'audio_net'"],
    ),
    "encoder that is no part of the model": (
        lambda: balancer(encoders=ENCODERS | {"audio": nn.Linear(3, 4)}),
        ["An encoder of type Linear is not part of the model", "audio_net"],
    ),
    "encoder pattern that is no regular expression": (
        lambda: balancer(encoders=ENCODERS | {"audio": "audio_net["}),
        ["encoders['audio'] = 'audio_net['", "no regular expression"],
    ),
    "encoders that overlap": (
        lambda: balancer(encoders={"audio": "audio_net", "video": r".*_net\..*"}),
        ["'audio_net.weight' belongs to both 'audio' and 'video'", "Name the separate encoders"],
    ),
    "one modality": (
        lambda: balancer(encoders={"audio": "audio_net"}),
        ["at least two modalities", "['audio']", "encoders={"],
    ),
    "readout missing": (
        lambda: Balancer(Net(), methods.create("amss"), ENCODERS),
        ["AMSS", "needs unimodal logits", "readout=LinearSplit(...)"],
    ),
    "readout missing for the unimodal objective": (
        lambda: Balancer(Net(), methods.create("joint"), ENCODERS, objective="fused+unimodal"),
        ["objective 'fused+unimodal' needs unimodal logits", "readout=LinearSplit(...)"],
    ),
    "linear split of a head with a typing error": (
        lambda: first_loss(readout=LinearSplit("fcc")),
        ["LinearSplit('fcc'): the model has no such module", "fc"],
    ),
    "linear split of a head that is not linear": (
        lambda: first_loss(
            model=Net(head=nn.Sequential(nn.Linear(10, 3), nn.ReLU())), readout=LinearSplit("fc")
        ),
        ["LinearSplit('fc') needs one nn.Linear; found Sequential", "Ablation('zero')"],
    ),
    "linear split of a head with other widths": (
        lambda: first_loss(
            model=Net(head=nn.Sequential(nn.Linear(10, 7), nn.Linear(7, 3))),
            readout=LinearSplit("fc.1"),
        ),
        ["takes 7 features", "{'audio': 4, 'video': 6}", "Ablation('zero')"],
    ),
    "linear split in another order than the head's": (
        lambda: first_loss(model=EqualNet(order=("video", "audio"))),
        ["['audio', 'video'] do not sum to the logits", "reorder encoders"],
    ),
    "ablation with an unknown fill": (
        lambda: Ablation("noise"),
        ["Ablation fill must be one of zero, mean; found 'noise'"],
    ),
    "auxiliary heads that lack a modality": (
        lambda: first_loss(readout=AuxiliaryHeads({"audio": 4}, 3)),
        ["has no head for ['video']", "['audio']"],
    ),
    "features of encoders that have no module": (
        lambda: first_loss(
            encoders={m: rf"{n}\..*" for m, n in ENCODERS.items()},
            readout=InputAblation(lambda modality, *args, **kwargs: (args, kwargs)),
        ),
        ["AMSS needs the features of ['audio', 'video']", "Name an encoder module"],
    ),
    "before_step forgotten": (
        epoch_without_before_step,
        ["before_step() was never called this epoch", "between backward() and optimizer.step()"],
    ),
    "before_step without a loss": (
        lambda: balancer().before_step(),
        ["before_step() was called without a loss()", "call balancer.loss(...)"],
    ),
    "model not called before the loss": (
        loss_of_the_same_output_twice,
        ["No forward pass through the encoder of 'audio'", "before every loss()"],
    ),
    "loss of an output without logits": (
        lambda: first_loss(output=lambda logits: {"scores": logits}),
        ["No logits in the model's output of type dict", "'logits'"],
    ),
    "labels out of range": (
        lambda: first_loss(LABELS + 1),
        ["Labels must lie in [0, 3)", "found labels from 1 to 3"],
    ),
    "labels below zero": (
        lambda: first_loss(LABELS - 1),
        ["Labels must lie in [0, 3)", "found labels from -1 to 1"],
    ),
    "labels of another length": (
        lambda: first_loss(LABELS[:4]),
        ["Logits must be (N, C) and targets (N,)", "(6, 3) and (4,)"],
    ),
    "targets that are no probabilities": (
        lambda: first_loss(2 * functional.one_hot(LABELS).float()),
        ["targets"],
    ),
    "one-hot targets": (
        lambda: first_loss(functional.one_hot(LABELS)),
        ["Logits must be (N, C) and targets (N,)", "(6, 3) and (6, 3)"],
    ),
    "labels by modality for a paired method": (
        lambda: first_loss({"audio": LABELS, "video": LABELS}),
        ["AMSS needs paired batches", "balancer.batches(...)"],
    ),
    "labels of other modalities": (
        lambda: first_loss({"audio": LABELS, "touch": LABELS}, method="dus"),
        ["Labels by modality must name ['audio', 'video']", "['audio', 'touch']"],
    ),
    "objective with a typing error": (
        lambda: balancer(objective="fuse"),
        ["objective must be one of", "fused+unimodal", "found 'fuse'"],
    ),
    "mask on something unknown": (
        lambda: balancer(on="weights"),
        ["on must be one of gradient, update; found 'weights'"],
    ),
    "mask on the update without optimizers": (
        lambda: first_loss(on="update"),
        ["on='update'", "found no optimizer", "Pass optimizers=[...]"],
    ),
    "loaders missing for relearn": (
        lambda: balancer("relearn", epochs=9),
        ["DiagnoseRelearn reads the train set", "found loaders for []", "Pass loaders={'train'"],
    ),
    "validation loader missing for relearn": (
        lambda: balancer("relearn", epochs=9, loaders={"train": []}),
        ["DiagnoseRelearn reads the val set", "found loaders for ['train']", "Pass loaders="],
    ),
    "loaders that can be read once only": (
        lambda: relearn_for(4, {"train": generator_of_nothing(), "val": generator_of_nothing()}),
        ["loaders['train'] must be iterable again and again", "not a generator"],
    ),
    "unknown method": (
        lambda: methods.create("ams"),
        ["Unknown method 'ams'", "did you mean 'amss'"],
    ),
    "unknown setting of a method": (
        lambda: methods.create("amss", tua=0.2),
        ["amss has no setting 'tua'", "did you mean 'tau'"],
    ),
    "setting out of range": (
        lambda: methods.create("amss", tau=0),
        ["AMSS tau must be a number > 0; found 0"],
    ),
    "checkpoint of another method": (
        lambda: balancer("amss").load_state_dict(checkpoint_of("joint")),
        ["written with", "Joint", "AMSS"],
    ),
    "checkpoint with other settings": (
        lambda: balancer("amss").load_state_dict(checkpoint_of("amss", tau=0.7)),
        ["written with", "0.7"],
    ),
    "checkpoint of other modalities": (
        lambda: balancer("joint").load_state_dict(
            checkpoint_of("joint", encoders={"sound": "audio_net", "video": "video_net"})
        ),
        ["written with", "'sound'", "'audio'"],
    ),
    "two balancers on one model": (
        two_balancers,
        ["Net already has a balancer (AMSS)", "methods.create('one~other')", "detach()"],
    ),
    "before_step before backward": (
        before_step_before_backward,
        ["before_step() found no gradient in any encoder", "after loss.backward()"],
    ),
    "optimizer.step before before_step": (
        step_before_before_step,
        ["optimizer.step() ran before before_step()", "between backward() and optimizer.step()"],
    ),
    "parameters replaced after the balancer was made": (
        parameters_replaced_afterwards,
        ["'audio_net.weight', were replaced", "make the balancer afterwards"],
    ),
    "unimodal losses that cannot reach an encoder": (
        features_without_gradient,
        ["The features of 'audio' carry no gradient", "use_reentrant=False"],
    ),
    "masks on encoders that are all frozen": (
        lambda: balancer(model=frozen_net()),
        ["all of them are frozen", "train one"],
    ),
    "masks on encoders that share all they have": (
        lambda: balancer(model=tied_net()),
        ["no layer with units of its own in the encoder of 'audio'", "shares 2 parameters"],
    ),
    "an unknown combination of calls": (
        lambda: Encoder("audio_net", calls="sum"),
        ["calls must be a number from 0, 'mean' or 'cat'; found 'sum'"],
    ),
    "a missing modality for unpaired rows": (
        lambda: unpaired_with_present(),
        ["present belongs to a paired batch", "labels by modality"],
    ),
    "checkpoint of another number of modalities": (
        other_number_of_modalities,
        ["written with modalities ['a', 'b', 'c']", "['audio', 'video']"],
    ),
    "a task the method has no meaning for": (
        lambda: balancer("arl", task=Regression()),
        ["ARL does not work for regression", "over classes"],
    ),
    "logging at no interval": (
        lambda: balancer(log_every=0),
        ["log_every must be a whole number >= 1; found 0"],
    ),
    "two methods for the same stage": (
        lambda: methods.create("amss~amss+"),
        ["AMSS and AMSS cannot be combined", "both change the same gradients"],
    ),
    "no data": (empty_batches, ["holds no sample"]),
    "batches of no sample": (batches_of_none, ["batch_size must be a whole number >= 1; found 0"]),
    "relearn without the number of epochs": (
        lambda: relearn_for(None, {"train": [(batch(), LABELS)], "val": [(batch(), LABELS)]}),
        ["DiagnoseRelearn acts at shares of the training", "pass epochs=... to Balancer"],
    ),
}


def unpaired_with_present():
    model = EqualNet()
    made = balancer("dus", model=model)
    made.loss(model(*batch()), dict.fromkeys(ENCODERS, LABELS), torch.ones(6, 2, dtype=torch.bool))


# The compiler looks at .grad of what it traces and hides the warning, unless warnings are errors.
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")
@pytest.mark.parametrize("mistake", MISUSE)
def test_misuse_is_an_error_that_says_what_to_write(mistake):
    action, words = MISUSE[mistake]

    with pytest.raises(BalanceError) as error:
        action()

    said = str(error.value)
    assert all(word in said for word in words), said
    assert "\n" not in said


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_an_epoch_of_losses_that_are_not_finite_is_told(bad):
    model = Net()
    made = balancer("joint", model=model)
    made.loss(model(*batch()) * bad, LABELS)
    made.before_step()

    with pytest.warns(UserWarning, match="NaN or infinite in 1 of 1 forward passes of epoch 0"):
        made.epoch_end()


def test_a_refused_checkpoint_leaves_the_balancer_as_it_was():
    made = balancer("joint")
    before = made.state_dict()

    with pytest.raises(BalanceError):
        made.load_state_dict(checkpoint_of("amss"))

    assert made.state_dict() == before


def clipped(*, first, norm):
    """Ten updates of a loop that clips before or after it balances, and their epoch's end."""
    model = Net()
    made, optimizer = balancer(model=model), torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(10):
        made.loss(model(*batch()), LABELS).backward()
        if first:
            nn.utils.clip_grad_norm_(model.parameters(), norm)
        made.before_step()
        if not first:
            nn.utils.clip_grad_norm_(model.parameters(), norm)
        optimizer.step()
        optimizer.zero_grad()
    made.epoch_end()


def test_clipping_before_balancing_is_told():
    with pytest.warns(
        UserWarning, match=r"all had the norm 0\.01 in before_step.*call before_step"
    ):
        clipped(first=True, norm=0.01)


@pytest.mark.parametrize(("first", "norm"), [(False, 0.01), (True, 100.0)])
def test_clipping_afterwards_or_that_changes_nothing_is_silent(first, norm):
    clipped(first=first, norm=norm)
