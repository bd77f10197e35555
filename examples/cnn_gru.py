"""A CNN over images and a GRU over sounds: AdamW, two micro-batches an update; no download.

Run it with: pip install equimodal && python examples/cnn_gru.py --method amss

Lines that end in `# +` are what balancing adds; `# was:` says what stands there without it. The
Balancer acts on the `update`, because AdamW takes factors on gradients out again; chance is 10%.
"""

import argparse
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from equimodal import Balancer, Encoder, LinearSplit, methods  # +
from equimodal.data import load


class CnnGru(nn.Module):
    """Images (N, 1, 8, 8) and sounds (N, 1, 16, 17), of 17 frames, -> logits (N, 10)."""

    def __init__(self) -> None:
        super().__init__()
        self.cnn = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        )  # fmt: skip
        self.gru = nn.GRU(16, 32, batch_first=True)
        self.dropout = nn.Dropout(0.1)
        self.head = nn.Linear(64, 10)

    def forward(self, image: Tensor, sound: Tensor) -> Tensor:
        """Concatenation of the pooled image and the last state of the sound."""
        frames, _ = self.gru(sound[:, 0].transpose(1, 2))
        return self.head(self.dropout(torch.cat([self.cnn(image), frames[:, -1]], 1)))


def main(argv: Sequence[str] | None = None) -> nn.Module:
    """Train, and print the accuracy on unseen samples."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--method", default="amss", help="see: equimodal methods")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--parts", type=int, default=2, help="micro-batches of an update")
    args = parser.parse_args(argv)

    torch.manual_seed(0)
    source, model = load("keypad"), CnnGru()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    encoders = {"image": "cnn", "sound": Encoder("gru", pool="last")}  # +
    method, readout = methods.create(args.method), LinearSplit("head")  # +
    balancer = Balancer(model, method, encoders, readout, on="update", optimizers=optimizer)  # +
    for _ in range(args.epochs):
        for number, (x, y, _) in enumerate(DataLoader(source.train, 25, shuffle=True), 1):
            output = model(x["image"], x["sound"])
            loss = balancer.loss(output, y)  # was: loss = nn.functional.cross_entropy(output, y)
            (loss / args.parts).backward()
            if number % args.parts == 0:
                balancer.before_step()  # +
                optimizer.step()
                optimizer.zero_grad()
        balancer.epoch_end()  # +

    model.eval()
    with torch.no_grad():
        guess = model(source.test.inputs["image"], source.test.inputs["sound"]).argmax(1)
    print(f"fused: {(guess == source.test.labels).float().mean():.1%}")
    return model


if __name__ == "__main__":
    main()
