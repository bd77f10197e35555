"""How Sphinx renders the pages of this folder and the docstrings: `make docs`."""

from sphinx.application import Sphinx

import equimodal
from equimodal import methods

project = "equimodal"
author = copyright = "equimodal developers"
release = version = equimodal.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
html_theme = "furo"
html_title = "equimodal"

myst_heading_anchors = 4
default_role = "code"
nitpicky = True
nitpick_ignore_regex = [(r"py:.*", r".*")]  # types of PyTorch, which are not rendered here

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_preserve_defaults = True
autodoc_default_options = {"members": True, "show-inheritance": True}
napoleon_numpy_docstring = False

_CLASS = """
```{{eval-rst}}
.. autoclass:: {module}.{name}
```
"""


def setup(app: Sphinx) -> None:
    """The page of the methods is written from the registry."""
    app.connect("source-read", _fill_methods)


def _fill_methods(_: Sphinx, page: str, source: list[str]) -> None:
    if page == "api/methods":
        source[0] += "".join(
            _CLASS.format(module=module, name=name)
            for name, module in sorted(methods.classes().items())
        )
