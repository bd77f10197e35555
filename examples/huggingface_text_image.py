"""Balanced training of a small BERT and a small ViT with the Hugging Face Trainer.

Run it with: pip install "equimodal[huggingface]" && python examples/huggingface_text_image.py

Both models are new, from their configuration; nothing is downloaded. The images are real: the
handwritten digits that come with scikit-learn. The text is made: the digit's English name, in which
every letter is replaced by a random one with probability 0.7.
"""

import argparse
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from transformers import BertConfig, BertModel, Trainer, TrainingArguments, ViTConfig, ViTModel

from equimodal import Balancer, Encoder, LinearSplit, data, methods
from equimodal.integrations.huggingface import BalanceCallback

NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
SMALL = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 4,
         "intermediate_size": 64}  # fmt: skip


class TextImage(nn.Module):
    """Two Hugging Face models, and one linear layer over the pooled outputs of both."""

    def __init__(self) -> None:
        super().__init__()
        self.text_model = BertModel(BertConfig(vocab_size=27, max_position_embeddings=8, **SMALL))
        self.vision_model = ViTModel(ViTConfig(image_size=8, patch_size=2, num_channels=1, **SMALL))
        self.classifier = nn.Linear(64, 10)

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, pixel_values: Tensor, labels: None = None
    ) -> dict[str, Tensor]:
        """Logits (N, 10) of texts (N, 5) and images (N, 1, 8, 8)."""
        text = self.text_model(input_ids, attention_mask).pooler_output
        image = self.vision_model(pixel_values).pooler_output
        return {"logits": self.classifier(torch.cat([text, image], 1))}


def item(image: Tensor, label: Tensor, draw: torch.Generator) -> dict[str, Tensor]:
    """A sample as the Trainer takes it: arguments of the model by name, and labels."""
    letters = torch.tensor([ord(letter) - 96 for letter in NAMES[label]])
    wrong = torch.rand(len(letters), generator=draw) < 0.7
    letters[wrong] = torch.randint(1, 27, (int(wrong.sum()),), generator=draw)
    text = nn.functional.pad(letters, (0, 5 - len(letters)))
    return {"input_ids": text, "attention_mask": text > 0, "pixel_values": image, "labels": label}


def main(argv: Sequence[str] | None = None) -> None:
    """Train, and print the accuracy on unseen digits."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--method", default="amss", help="see: equimodal methods")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--folder", default="results/huggingface", help="checkpoints and logs")
    parser.add_argument("--report-to", default="none", help='"tensorboard", for every decision')
    args = parser.parse_args(argv)

    torch.manual_seed(0)
    source, draw = data.load("keypad"), torch.Generator().manual_seed(1)
    train, test = (
        [item(image, label, draw) for image, label in zip(x.inputs["image"], x.labels, strict=True)]
        for x in (source.train, source.test)
    )
    model = TextImage()
    encoders = {"text": Encoder("text_model", output="pooler_output"),
                "image": Encoder("vision_model", output="pooler_output")}  # fmt: skip
    balancer = Balancer(model, methods.create(args.method), encoders, LinearSplit("classifier"),
                        on="update")  # because the Trainer's optimizer is AdamW  # fmt: skip
    callback = BalanceCallback(balancer)
    arguments = TrainingArguments(
        args.folder, num_train_epochs=args.epochs, per_device_train_batch_size=50,
        learning_rate=5e-3, max_grad_norm=0, per_device_eval_batch_size=500,
        save_strategy="epoch", save_total_limit=1, report_to=args.report_to,
        dataloader_pin_memory=torch.cuda.is_available(),
    )  # fmt: skip
    trainer = Trainer(
        model, arguments, train_dataset=train, eval_dataset=test, callbacks=[callback],
        compute_metrics=lambda p: {"accuracy": (p.predictions.argmax(1) == p.label_ids).mean()},
        compute_loss_func=callback.compute_loss)  # fmt: skip
    callback.log_to(trainer)
    trainer.train()
    print(f"fused: {100 * trainer.evaluate()['eval_accuracy']:.1f}%")


if __name__ == "__main__":
    main()
