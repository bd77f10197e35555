"""A trained model as a folder: written, read back, asked about new rows, judged, exported.

``model.json`` says what it is, ``weights.safetensors`` and ``scaling.safetensors`` hold its
numbers, ``README.md`` is its card. Nothing of it is a pickle.
"""
