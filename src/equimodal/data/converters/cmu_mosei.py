"""CMU-MOSEI: Zadeh, Liang, Vanbriesen, Poria, Tong, Cambria, Chen and Morency, ACL 2018.

https://aclanthology.org/P18-1208/. In the forms of the field: features as pickles (see affect.py),
read without unpickling objects, or MMSA's Raw clips with label.csv.
"""

from __future__ import annotations

from equimodal.data.converters.affect import LABELS, from_clips, from_pickle
from equimodal.data.converters.layout import Layout
from equimodal.data.converters.table import Table
from equimodal.data.information import Facts
from equimodal.data.settings import choice

_FILES = (
    "mosei_senti_data.pkl", "mosei_senti_data_noalign.pkl", "mosei_raw.pkl", "aligned_50.pkl",
    "unaligned_50.pkl", "Processed/aligned_50.pkl", "Processed/unaligned_50.pkl",
)  # fmt: skip
FACTS = Facts(
    licence="for research; the videos are from YouTube",
    origin=(
        "http://multicomp.cs.cmu.edu/resources/cmu-mosei-dataset/ ; pickles from the repositories "
        "yaohungt/Multimodal-Transformer, pliang279/MultiBench and thuiar/MMSA"
    ),
    files=("one of " + ", ".join(_FILES), "or label.csv and Raw/*/*.mp4"),
)


def table(layout: Layout, *, form: str = "features", file: str = "", labels: str = "sign") -> Table:
    """Opinion in an utterance: text, sound and face as sequences of features, or as clips.

    Args:
        layout: the folder that holds a pickle, or label.csv and Raw.
        form: "features" of a pickle, or "clips", MMSA's videos with their text.
        file: the pickle; by default the first that is there. It is read into memory as a whole.
        labels: "sign", negative or not (2 classes), as the field's toolkit has it; "nonzero", the
            same without the opinion 0; "seven", rounded from -3 to 3.

    Raises:
        DataError: a file is missing or damaged, or a pickle asks for more than arrays.
    """
    kind = choice("cmu-mosei.labels", labels, LABELS)
    if choice("cmu-mosei.form", form, ("features", "clips")) == "clips":
        return from_clips(layout, kind)
    return from_pickle(layout, layout.file(*([file] if file else _FILES)), kind)
