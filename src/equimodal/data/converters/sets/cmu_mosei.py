"""CMU-MOSEI: Zadeh, Liang, Vanbriesen, Poria, Tong, Cambria, Chen and Morency, ACL 2018.

https://aclanthology.org/P18-1208/. In the forms of the field: features as pickles (see affect.py),
read without unpickling objects, or MMSA's Raw clips with label.csv.
"""

from equimodal.data.converters.layout import Layout
from equimodal.data.converters.sets.affect import MMSA, Affect
from equimodal.data.converters.table import Table

_SET = Affect(
    "cmu-mosei",
    ("mosei_senti_data.pkl", "mosei_senti_data_noalign.pkl", "mosei_raw.pkl", *MMSA),
)
FACTS = _SET.facts


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
    return _SET.table(layout, form, file, labels)
