"""What holds model.json together: the digest of all that it says, in the order it is said.

The order counts, as that of the modalities is the order in which their features are joined.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from equimodal.errors import BalanceError

DIGEST, FINGERPRINT = "digest", "fingerprint"
_DECIDING = (
    "task", "mean", "scale", "classes", "modalities", "encoders", "fusion", "table", "files",
    "prediction",
)  # fmt: skip
_AGAIN = (
    "use a copy of the folder as it was made, or write it again with `equimodal train` or "
    "`equimodal compare`"
)


def sealed(content: Mapping[str, Any]) -> dict[str, Any]:
    """The content with its digest, 32 hexadecimal digits, as the last value."""
    return {**content, DIGEST: _digest(content)}


def fingerprint(content: Mapping[str, Any]) -> str:
    """A name, 16 hexadecimal digits, for all that decides what the model predicts."""
    known = {key: content[key] for key in _DECIDING if key in content}
    text = json.dumps(known, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def check_seal(content: Mapping[str, Any], *, required: bool) -> None:
    """Raise the error where the content is not what was written.

    Args:
        content: what model.json says.
        required: whether it must have a digest. Folders of schema 1 have none: of them the
            fingerprint is checked, and that the keys stand as they were written.

    Raises:
        BalanceError: it says something else, or the same in another order.
    """
    if required or DIGEST in content:
        found, said = _digest(content), content.get(DIGEST, "none")
    else:
        found, said = fingerprint(content), content.get(FINGERPRINT, "none")
        if next(iter(content), "") != "schema":
            raise BalanceError(f"its keys were sorted, and their order counts; {_AGAIN}.")
    if found != said:
        raise BalanceError(
            f"it was edited or damaged: its content has the digest {found}, and it says {said}; "
            f"{_AGAIN}."
        )


def _digest(content: Mapping[str, Any]) -> str:
    rest = {key: value for key, value in content.items() if key != DIGEST}
    text = json.dumps(rest, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
