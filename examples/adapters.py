"""A frozen transformer with a mixture of low-rank adapters for each modality; no download.

Run it with: pip install equimodal && python examples/adapters.py --method amss

Lines that end in `# +` are what balancing adds; `# was:` says what stands there without it. The
trunk is common and frozen, so that it belongs to no modality; what is trained of one are its
embedding, its adapters and their gate. Data are of keypad; chance is 10%.
"""

import argparse
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from equimodal import Balancer, Encoder, LinearSplit, methods  # +
from equimodal.data import load


class Mixture(nn.Module):
    """Low-rank changes of a layer's output, mixed sample by sample. (N, T, W) -> (N, T, W)"""

    def __init__(self, width: int, experts: int = 3, rank: int = 4) -> None:
        super().__init__()
        self.down = nn.Linear(width, experts * rank, bias=False)
        self.up = nn.Linear(experts * rank, width, bias=False)
        self.gate = nn.Linear(width, experts)
        nn.init.zeros_(self.up.weight)  # as in LoRA: the trunk is unchanged at first

    def forward(self, tokens: Tensor) -> Tensor:
        """Each expert's share of the rank, times its weight in the gate."""
        weights = self.gate(tokens.mean(1)).softmax(1)
        ranks = self.down(tokens).unflatten(-1, (weights.shape[1], -1))
        return self.up((ranks * weights[:, None, :, None]).flatten(2))


class Adapted(nn.Module):
    """Images (N, 1, 8, 8) and sounds (N, 1, 16, 17) -> logits (N, 10)."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.image_tokens, self.sound_tokens = nn.Linear(8, width), nn.Linear(16, width)
        layer = nn.TransformerEncoderLayer(width, 4, 64, dropout=0.0, batch_first=True)
        self.trunk = layer.requires_grad_(False)
        self.image_adapter, self.sound_adapter = Mixture(width), Mixture(width)
        self.image_out, self.sound_out = nn.Linear(width, width), nn.Linear(width, width)
        self.head = nn.Linear(2 * width, 10)

    def forward(self, image: Tensor, sound: Tensor) -> Tensor:
        """Rows of the image and frames of the sound are tokens of one trunk."""
        rows, frames = self.image_tokens(image[:, 0]), self.sound_tokens(sound[:, 0].mT)
        rows = self.image_out((self.trunk(rows) + self.image_adapter(rows)).mean(1))
        frames = self.sound_out((self.trunk(frames) + self.sound_adapter(frames)).mean(1))
        return self.head(torch.cat([rows, frames], 1))


def main(argv: Sequence[str] | None = None) -> nn.Module:
    """Train, and print the accuracy on unseen samples."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--method", default="amss", help="see: equimodal methods")
    parser.add_argument("--epochs", type=int, default=6)
    args = parser.parse_args(argv)

    torch.manual_seed(0)
    source, model = load("keypad"), Adapted()
    images, sounds = source.train.inputs["image"], source.train.inputs["sound"]
    labels, trained = source.train.labels, [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(trained, lr=0.05, momentum=0.9)
    image = Encoder(r"image_.*", features="image_out")  # +
    parts = {"image": image, "sound": Encoder(r"sound_.*", features="sound_out")}  # +
    balancer = Balancer(model, methods.create(args.method), parts, LinearSplit("head"))  # +
    for _ in range(args.epochs):
        for rows in torch.randperm(len(labels)).split(50):
            output, y = model(images[rows], sounds[rows]), labels[rows]
            loss = balancer.loss(output, y)  # was: loss = nn.functional.cross_entropy(output, y)
            loss.backward()
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
