"""A CLIP-like dual encoder: a tower and a projection for each of image and text; no download.

Run it with: pip install equimodal && python examples/clip_dual_encoder.py --method amss

Lines that end in `# +` are what balancing adds; `# was:` says what stands there without it. Images
are of keypad, texts are the digits' names, most letters of which are exchanged; chance is 10%.
"""

import argparse
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from equimodal import Balancer, Encoder, LinearSplit, methods  # +
from equimodal.data import load

NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


class Dual(nn.Module):
    """Images (N, 1, 8, 8) and texts (N, 5) -> logits (N, 10) of two normalised embeddings."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.vision = nn.Sequential(nn.Conv2d(1, width, 3), nn.ReLU(), nn.Flatten())
        self.vision_projection = nn.Linear(36 * width, width, bias=False)
        self.text = nn.Sequential(
            nn.Embedding(27, width),
            nn.TransformerEncoderLayer(width, 4, 64, dropout=0.0, batch_first=True),
        )
        self.text_projection = nn.Linear(width, width, bias=False)
        self.scale = nn.Parameter(torch.tensor(3.0))
        self.classifier = nn.Linear(2 * width, 10)

    def forward(self, image: Tensor, text: Tensor) -> Tensor:
        """Logits by the temperature that CLIP learns too."""
        image = self.vision_projection(self.vision(image))
        text = self.text_projection(self.text(text).mean(1))
        unit = [nn.functional.normalize(z, dim=1) for z in (image, text)]
        return self.classifier(self.scale * torch.cat(unit, 1))


def spelled(labels: Tensor, seed: int) -> Tensor:
    """Names of digits as letters 1 to 26, padded by 0, each wrong with probability 0.7. (N, 5)"""
    draw = torch.Generator().manual_seed(seed)
    texts = [[ord(letter) - 96 for letter in NAMES[label].ljust(5, "`")] for label in labels]
    letters = torch.tensor(texts)
    wrong = (torch.rand(letters.shape, generator=draw) < 0.7) & (letters > 0)
    return torch.where(wrong, torch.randint(1, 27, letters.shape, generator=draw), letters)


def main(argv: Sequence[str] | None = None) -> nn.Module:
    """Train, and print the accuracy on unseen samples."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--method", default="amss", help="see: equimodal methods")
    parser.add_argument("--epochs", type=int, default=4)
    args = parser.parse_args(argv)

    torch.manual_seed(0)
    source, model = load("keypad"), Dual()
    images, labels = source.train.inputs["image"], source.train.labels
    texts = spelled(labels, seed=1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    image = Encoder(["vision", "vision_projection"], features="vision_projection")  # +
    text = Encoder(["text", "text_projection"], features="text_projection")  # +
    parts, readout = {"image": image, "text": text}, LinearSplit("classifier")  # +
    balancer = Balancer(model, methods.create(args.method), parts, readout)  # +
    for _ in range(args.epochs):
        for rows in torch.randperm(len(labels)).split(50):
            output, y = model(images[rows], texts[rows]), labels[rows]
            loss = balancer.loss(output, y)  # was: loss = nn.functional.cross_entropy(output, y)
            loss.backward()
            balancer.before_step()  # +
            optimizer.step()
            optimizer.zero_grad()
        balancer.epoch_end()  # +

    model.eval()
    with torch.no_grad():
        guess = model(source.test.inputs["image"], spelled(source.test.labels, seed=2)).argmax(1)
    print(f"fused: {(guess == source.test.labels).float().mean():.1%}")
    return model


if __name__ == "__main__":
    main()
