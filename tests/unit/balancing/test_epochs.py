"""What a method sees between two epochs: whole splits, without a trace on the training."""

import pytest
import torch

from contract import fusions
from contract.training import start
from equimodal import BalanceError, Balancer, Classification, LinearSplit, Method

ENCODERS = {"audio": "audio_net", "video": "video_net"}


class Looking(Method):
    """Keeps what ``look`` makes of the starts and the ends of epochs."""

    needs = frozenset({"unimodal_logits"})

    def __init__(self, look=lambda epoch: None):
        super().__init__()
        self.look, self.starts, self.ends = look, [], []

    def on_epoch_start(self, epoch):
        self.starts.append((epoch.epoch_index, epoch.index, self.look(epoch)))

    def on_epoch_end(self, epoch):
        self.ends.append((epoch.epoch_index, epoch.index, self.look(epoch)))


def forward(model, batch):
    return model(*batch[:2]), *batch[2:]


def made(look=lambda epoch: None, loader=None, **options):
    model = fusions.built(fusions.Concatenation)
    loader = [fusions.batch()] if loader is None else loader
    loaders = {"train": loader, "val": loader}
    balancer = Balancer(
        model, Looking(look), ENCODERS, LinearSplit("fc"), loaders=loaders, forward=forward,
        **options,
    )  # fmt: skip
    return model, balancer


def train(model, balancer, epochs=2, steps=3):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    audio, video, labels = fusions.batch()
    for _ in range(epochs):
        for _ in range(steps):
            balancer.loss(model(audio, video), labels).backward()
            balancer.before_step()
            optimizer.step()
            optimizer.zero_grad()
        balancer.epoch_end()
    return balancer.setting.method


def test_the_start_of_an_epoch_comes_once_before_its_first_update():
    method = train(*made(), epochs=3, steps=2)
    assert [s[:2] for s in method.starts] == [(0, 0), (1, 2), (2, 4)]
    assert [s[:2] for s in method.ends] == [(0, 2), (1, 4), (2, 6)]


def test_a_training_that_is_continued_within_an_epoch_does_not_begin_it_again():
    model, balancer = made()
    audio, video, labels = fusions.batch()
    balancer.loss(model(audio, video), labels).backward()
    balancer.before_step()
    _, other = made()
    other.load_state_dict(balancer.state_dict())
    method = train(other.setting.modalities.model, other, epochs=2)
    assert [s[0] for s in method.starts] == [1]


def test_a_checkpoint_of_before_epochs_had_a_start_is_read():
    _, balancer = made()
    state = balancer.state_dict()
    del state["begun"]
    balancer.load_state_dict(state)
    with pytest.raises(BalanceError, match="damaged"):
        balancer.load_state_dict({**state, "begun": "x"})


def test_losses_are_means_over_the_samples_of_every_modality_and_of_the_fused_logits():
    audio, video, labels = fusions.batch()
    uneven = [(audio[:20], video[:20], labels[:20]), (audio[20:], video[20:], labels[20:])]
    model, balancer = made(lambda epoch: epoch.losses("val"), uneven)
    method = train(model, balancer, epochs=1, steps=1)

    weight, bias = model.fc.weight, model.fc.bias / 2
    own = [net(x) @ weight[:, k : k + 6].T + bias for net, x, k in
           ((model.audio_net, audio, 0), (model.video_net, video, 6))]  # fmt: skip
    expected = [torch.nn.functional.cross_entropy(z, labels) for z in (*own, own[0] + own[1])]
    torch.testing.assert_close(method.ends[0][2], torch.stack(expected), rtol=0, atol=1e-12)


@pytest.mark.parametrize("ignored", [3, 4])
def test_losses_are_means_over_the_labels_that_count(ignored):
    audio, video, labels = fusions.batch()
    labels = labels.masked_fill(torch.arange(24) < ignored, -100)
    uneven = [(audio[:4], video[:4], labels[:4]), (audio[4:], video[4:], labels[4:])]
    task = Classification(ignore_index=-100)
    model, balancer = made(lambda epoch: epoch.losses("val"), uneven, task=task)
    found = train(model, balancer, epochs=1, steps=1).ends[0][2]

    kept, weight, bias = labels >= 0, model.fc.weight, model.fc.bias / 2
    own = [net(x) @ weight[:, k : k + 6].T + bias for net, x, k in
           ((model.audio_net, audio, 0), (model.video_net, video, 6))]  # fmt: skip
    expected = [
        torch.nn.functional.cross_entropy(z[kept], labels[kept]) for z in (*own, own[0] + own[1])
    ]
    torch.testing.assert_close(found, torch.stack(expected), rtol=0, atol=1e-12)


def test_a_modality_counts_where_it_is_present():
    audio, video, labels = fusions.batch()
    present = torch.ones(24, 2, dtype=torch.bool)
    present[::3, 0] = False
    model, balancer = made(lambda epoch: epoch.losses("val"), [(audio, video, labels, present)])
    method = train(model, balancer, epochs=1, steps=1)
    rows = present[:, 0]
    own = model.audio_net(audio[rows]) @ model.fc.weight[:, :6].T + model.fc.bias / 2
    expected = torch.nn.functional.cross_entropy(own, labels[rows])
    torch.testing.assert_close(method.ends[0][2][0], expected, rtol=0, atol=1e-12)


def test_a_look_at_a_split_leaves_the_training_as_it_was():
    plain = train(*made(), epochs=2)
    looking, balancer = made(lambda epoch: (epoch.losses("train"), epoch.features("val", 0.5)))
    torch.manual_seed(5)
    state = torch.get_rng_state()
    train(looking, balancer, epochs=2)
    assert torch.equal(torch.get_rng_state(), state)
    expected, _ = made()
    train(expected, _, epochs=2)
    for one, other in zip(looking.parameters(), expected.parameters(), strict=True):
        assert torch.equal(one, other)
    assert len(plain.starts) == 2


@pytest.mark.parametrize("listed", [True, False])
def test_a_share_reads_so_many_batches_and_others_each_epoch(listed):
    audio, video, labels = fusions.batch()
    batches = [(audio + k, video, torch.full_like(labels, k % 3)) for k in range(10)]

    class Counted:
        def __iter__(self):
            return iter(batches)

        def __len__(self):
            return len(batches)

    def rows(epoch):
        return epoch.features("train", share=0.25)[0]["audio"]

    method = train(*made(rows, batches if listed else Counted()), epochs=3, steps=1)
    found = [s[2] for s in method.starts]
    assert [len(f) for f in found] == [3 * 24] * 3
    assert not torch.equal(found[0][:24], found[1][:24]) or not torch.equal(found[1], found[2])


def test_a_loader_that_gives_nothing_is_refused():
    class Empty:
        def __iter__(self):
            return iter([])

    with pytest.raises(BalanceError, match="gave no batch"):
        train(*made(lambda epoch: epoch.losses("train"), Empty()))


@pytest.mark.parametrize("weight", [0.5, 4.0])
def test_unimodal_losses_have_the_weight_that_is_asked_for(weight):
    from equimodal import methods

    audio, video, labels = fusions.batch()
    found = []
    for method, options in [
        (methods.create("joint"), {"objective": "fused+unimodal", "unimodal_weight": weight}),
        (methods.create("joint+unimodal", unimodal_weight=weight), {}),
        (methods.create("joint"), {}),
        (methods.create("joint+unimodal"), {}),
    ]:
        model = fusions.built(fusions.Concatenation)
        balancer = Balancer(model, method, ENCODERS, LinearSplit("fc"), **options)
        found.append(balancer.loss(model(audio, video), labels))
    by_argument, by_setting, fused, one = found
    assert by_argument == by_setting
    torch.testing.assert_close(by_setting, fused + weight * (one - fused), rtol=0, atol=1e-12)


@pytest.mark.parametrize("weight", [0, -1, "x", float("nan")])
def test_a_weight_that_is_none_is_refused(weight):
    with pytest.raises(BalanceError, match="unimodal_weight"):
        start("joint", unimodal_weight=weight)
