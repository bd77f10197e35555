"""Models that fuse in every way the field does, around two small encoders of equal width."""

import torch
from torch import nn

from contract.heads import Shared
from equimodal import CosineHead
from equimodal.parts.quiet import evaluating

WIDTH, CLASSES = 6, 3
# After the warm-up their heads see no complete sample, whose loss may rise; and those whose loss is
# another one in each stage.
PARTED = {"remix", "remix-random", "remix-mixed", "di-mml", "di-mml-detached", "igm", "igm-fixed",
          "aug", "aug-plain", "amco-port", "amco-port-fixed"}  # fmt: skip


class Fused(nn.Module):
    """(N, 7), (N, 7) -> (N, CLASSES); a subclass says how features become logits."""

    def __init__(self):
        super().__init__()
        self.audio_net = nn.Sequential(nn.Linear(7, 8), nn.Tanh(), nn.Linear(8, WIDTH))
        self.video_net = nn.Sequential(nn.Linear(7, 8), nn.Tanh(), nn.Linear(8, WIDTH))
        self.fc = nn.Linear(WIDTH, CLASSES)

    def forward(self, audio, video):
        return self.fuse(self.audio_net(audio), self.video_net(video))


class Concatenation(Fused):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(2 * WIDTH, CLASSES)

    def fuse(self, a, v):
        return self.fc(torch.cat([a, v], 1))


class Cosines(Concatenation):
    def __init__(self):
        super().__init__()
        self.fc = CosineHead([WIDTH, WIDTH], CLASSES)


class Sharing(Concatenation):
    def __init__(self):
        super().__init__()
        self.fc = Shared(WIDTH, CLASSES)


class Between(Concatenation):
    """A concatenation, a layer, and the head."""

    def __init__(self, layer=None):
        super().__init__()
        self.between = layer or nn.Dropout(0.5)

    def fuse(self, a, v):
        return self.fc(self.between(torch.cat([a, v], 1)))


class FeatureSum(Fused):
    def fuse(self, a, v):
        return self.fc(a + v)


class LogitSum(Fused):
    def __init__(self):
        super().__init__()
        self.fc_v = nn.Linear(WIDTH, CLASSES)

    def fuse(self, a, v):
        return self.fc(a) + self.fc_v(v)


class Own(Fused):
    """Gated fusion of unimodal logits that are in the output, the fused ones under another name."""

    def __init__(self):
        super().__init__()
        self.fc_v = nn.Linear(WIDTH, CLASSES)
        self.gate = nn.Linear(2 * WIDTH, 2)

    def fuse(self, a, v):
        gate = self.gate(torch.cat([a, v], 1)).softmax(1)
        own = self.fc(a), self.fc_v(v)
        fused = gate[:, :1] * own[0] + gate[:, 1:] * own[1]
        return {"logits": fused, "audio_logits": own[0], "video_logits": own[1]}


class FiLM(Fused):
    """The sound scales and shifts the image's features."""

    def __init__(self):
        super().__init__()
        self.film = nn.Linear(WIDTH, 2 * WIDTH)

    def fuse(self, a, v):
        scale, shift = self.film(a).chunk(2, 1)
        return self.fc((1 + scale) * v + shift)


class Gated(Fused):
    def __init__(self):
        super().__init__()
        self.gate = nn.Linear(2 * WIDTH, WIDTH)

    def fuse(self, a, v):
        gate = torch.sigmoid(self.gate(torch.cat([a, v], 1)))
        return self.fc(gate * a + (1 - gate) * v)


class CrossAttention(Fused):
    """The features as two tokens that attend to each other."""

    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(WIDTH, 2, batch_first=True)

    def fuse(self, a, v):
        tokens = torch.stack([a, v], 1)
        return self.fc((tokens + self.attention(tokens, tokens, tokens)[0]).mean(1))


class JointTransformer(nn.Module):
    """No separable encoder: both modalities are tokens of one network from its first layer on."""

    def __init__(self):
        super().__init__()
        self.audio_embedding, self.video_embedding = nn.Linear(7, 8), nn.Linear(7, 8)
        self.block = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)
        self.fc = nn.Linear(8, CLASSES)

    def forward(self, audio, video):
        tokens = torch.stack([self.audio_embedding(audio), self.video_embedding(video)], 1)
        return self.fc(self.block(tokens).mean(1))


def batch(rows=24):
    """Two modalities with a pattern for each class, in float64."""
    draw = torch.Generator().manual_seed(0)
    labels = torch.arange(rows) % CLASSES
    patterns = torch.randn(2, CLASSES, 7, generator=draw, dtype=torch.float64)
    noise = torch.randn(2, rows, 7, generator=draw, dtype=torch.float64)
    audio, video = patterns[:, labels] + noise * torch.tensor([0.5, 1.5]).view(2, 1, 1)
    return audio, video, labels


def built(kind):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return kind().double()


class Rows:
    """Tensors of equal length as a data set of items; the last one holds the labels."""

    def __init__(self, **tensors):
        self.tensors = tensors

    def __len__(self):
        return len(self.tensors["labels"])

    def __getitem__(self, index):
        item = {name: x[index] for name, x in self.tensors.items()}
        return item, item.pop("labels")


def epoch(balancer, steps, **tensors):
    """The one batch so many times; of a method that lists items, the batches that these make."""
    if not balancer.setting.method.own_batches:
        yield from [tensors] * steps
        return
    for inputs, labels in balancer.batches(Rows(**tensors), batch_size=8):
        yield {**inputs, "labels": labels}


def losses_of(model, balancer):
    """The losses of a training of 24 steps on the one batch.

    Of a method that lists items, whose batches differ, the fused losses of the whole one before
    and after each epoch, and again the least of the latter: copies of few rows may overshoot."""
    parameters = [*model.parameters(), *balancer.parameters()]
    optimizer = torch.optim.SGD(parameters, lr=0.1, momentum=0.9)
    balancer.attach(optimizer)
    audio, video, labels = batch()
    listing = balancer.setting.method.own_batches

    def whole():
        with torch.no_grad(), evaluating(model):
            return [float(balancer.loss(model(audio, video), labels))] if listing else []

    losses = whole()
    for _ in range(6):
        for given in epoch(balancer, 4, audio=audio, video=video, labels=labels):
            total = 0.0
            for _ in balancer.passes():
                loss = balancer.loss(model(given["audio"], given["video"]), given["labels"])
                loss.backward()
                balancer.before_step()
                optimizer.step()
                optimizer.zero_grad()
                total += float(loss.detach())
            losses += [] if listing else [total]
        balancer.epoch_end()
        losses += whole()
    return [*losses, min(losses[1:])] if listing else losses
