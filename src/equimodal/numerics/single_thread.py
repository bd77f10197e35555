"""Numbers that do not depend on the machine's cores: scikit-learn on one thread."""

from contextlib import AbstractContextManager
from functools import cache
from typing import Any


def single_thread() -> AbstractContextManager[Any]:
    """Inside, the numerical libraries that are loaded use one thread.

    Import what is limited before the first call: the libraries are looked up once, which takes
    20 ms.
    """
    return _libraries().limit(limits=1)  # type: ignore[no-any-return]


@cache
def _libraries() -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
