"""Three sensors that attend to each other, at rates of their own; nothing is downloaded.

Run it with: pip install equimodal && python examples/three_sensors.py --method amss

Lines that end in `# +` are what balancing adds; `# was:` says what stands there without it. The
signals are made: each of four movements is a wave of its own in every sensor, under noise that
grows from sensor to sensor; chance is 25%.
"""

import argparse
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from equimodal import Ablation, Balancer, methods  # +

SENSORS = {"acceleration": (3, 60), "rotation": (3, 30), "pressure": (1, 15)}


def encoder(channels: int, width: int = 24) -> nn.Module:
    """Signals (N, channels, T) -> features (N, width, T / 4), rounded up."""
    return nn.Sequential(
        nn.Conv1d(channels, width, 5, stride=2, padding=2), nn.ReLU(),
        nn.Conv1d(width, width, 3, stride=2, padding=1), nn.ReLU(),
    )  # fmt: skip


class CrossAttention(nn.Module):
    """Signals of every sensor (N, channels, T) -> logits (N, 4)."""

    def __init__(self, width: int = 24) -> None:
        super().__init__()
        self.encoders = nn.ModuleDict({m: encoder(c, width) for m, (c, _) in SENSORS.items()})
        self.attention = nn.MultiheadAttention(width, 4, batch_first=True)
        self.classifier = nn.Linear(3 * width, 4)

    def forward(self, signals: dict[str, Tensor]) -> Tensor:
        """Every sensor asks all others; the answers are pooled over time and joined."""
        steps = {m: net(signals[m]).transpose(1, 2) for m, net in self.encoders.items()}
        answers = []
        for m, own in steps.items():
            others = torch.cat([z for n, z in steps.items() if n != m], 1)
            answers.append((own + self.attention(own, others, others)[0]).mean(1))
        return self.classifier(torch.cat(answers, 1))


def movements(count: int, seed: int) -> tuple[dict[str, Tensor], Tensor]:
    """Signals by sensor and labels of so many movements. {m: (N, channels, T)}, (N,)"""
    draw, labels = torch.Generator().manual_seed(seed), torch.arange(count) % 4
    signals = {}
    for noise, (m, (channels, length)) in enumerate(SENSORS.items(), start=1):
        time = torch.linspace(0, 1, length)
        phase = torch.rand(count, channels, 1, generator=draw)
        wave = torch.sin(6.28 * ((1 + labels[:, None, None]) * time + phase))
        signals[m] = wave + noise / 2 * torch.randn(count, channels, length, generator=draw)
    return signals, labels


def main(argv: Sequence[str] | None = None) -> nn.Module:
    """Train, and print the accuracy on unseen movements."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--method", default="amss", help="see: equimodal methods")
    parser.add_argument("--epochs", type=int, default=10)
    args = parser.parse_args(argv)

    torch.manual_seed(0)
    (signals, labels), model = movements(800, seed=1), CrossAttention()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    method, parts = methods.create(args.method), {m: f"encoders.{m}" for m in SENSORS}  # +
    balancer = Balancer(model, method, parts, Ablation("mean"))  # +
    for _ in range(args.epochs):
        for rows in torch.randperm(len(labels)).split(50):
            output, y = model({m: x[rows] for m, x in signals.items()}), labels[rows]
            loss = balancer.loss(output, y)  # was: loss = nn.functional.cross_entropy(output, y)
            loss.backward()
            balancer.before_step()  # +
            optimizer.step()
            optimizer.zero_grad()
        balancer.epoch_end()  # +

    model.eval()
    (signals, labels) = movements(400, seed=2)
    with torch.no_grad():
        guess = model(signals).argmax(1)
    print(f"fused: {(guess == labels).float().mean():.1%}")
    return model


if __name__ == "__main__":
    main()
