"""A diagnosis as Python holds it."""

from __future__ import annotations

from typing import Any

SCHEMA, EARLIER = "equimodal.diagnosis/2", "equimodal.diagnosis/1"


class Diagnosis(dict[str, Any]):
    """The fields that docs/diagnosis-schema.md describes; ``print`` shows the text.

    Example::

        found = diagnose_folder("results/keypad")
        print(found)
        found["verdict"]["modalities"]["sound"]["word"]     # "under-trained"
    """

    def __str__(self) -> str:
        return "\n".join(self["text"])
