"""Explanations of arguments, read from docstrings."""

from equimodal.docstrings import argument_docs


def test_arguments_are_read_with_their_continuation_and_no_further():
    documented = "Line.\n\nArgs:\n    a: one\n        and on.\n    b: two.\n\nRaises:\n    c: no."

    assert argument_docs(documented) == {"a": "one and on.", "b": "two."}


def test_a_docstring_without_arguments_explains_none():
    assert argument_docs("Line.") == {}
