"""CMU-MOSI: Zadeh, Zellers, Pincus and Morency, 2016, https://arxiv.org/abs/1606.06259.

In the forms of the field: features as pickles (see affect.py), read without unpickling objects, or
MMSA's Raw clips with label.csv. The set `mosi` of this program is another form, bc-LSTM's.
"""

from __future__ import annotations

from equimodal.data.converters.affect import LABELS, from_clips, from_pickle
from equimodal.data.converters.layout import Layout
from equimodal.data.converters.table import Table
from equimodal.data.information import Facts
from equimodal.data.settings import choice

_FILES = (
    "mosi_data.pkl", "mosi_data_noalign.pkl", "mosi_raw.pkl", "aligned_50.pkl", "unaligned_50.pkl",
    "Processed/aligned_50.pkl", "Processed/unaligned_50.pkl",
)  # fmt: skip
FACTS = Facts(
    licence="for research; the videos are from YouTube",
    origin=(
        "http://multicomp.cs.cmu.edu/resources/cmu-mosi-dataset/ ; pickles from the repositories "
        "yaohungt/Multimodal-Transformer, pliang279/MultiBench and thuiar/MMSA"
    ),
    files=("one of " + ", ".join(_FILES), "or label.csv and Raw/*/*.mp4"),
)


def table(layout: Layout, *, form: str = "features", file: str = "", labels: str = "sign") -> Table:
    """Opinion in an utterance: text, sound and face as sequences of features, or as clips.

    Args:
        layout: the folder that holds a pickle, or label.csv and Raw.
        form: "features" of a pickle, or "clips", MMSA's videos with their text.
        file: the pickle; by default the first that is there.
        labels: "sign", negative or not (2 classes); "nonzero", the same without the opinion 0;
            "seven", rounded from -3 to 3.

    Raises:
        DataError: a file is missing or damaged, or a pickle asks for more than arrays.
    """
    kind = choice("cmu-mosi.labels", labels, LABELS)
    if choice("cmu-mosi.form", form, ("features", "clips")) == "clips":
        return from_clips(layout, kind)
    return from_pickle(layout, layout.file(*([file] if file else _FILES)), kind)
