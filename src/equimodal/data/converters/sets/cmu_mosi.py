"""CMU-MOSI: Zadeh, Zellers, Pincus and Morency, 2016, https://arxiv.org/abs/1606.06259.

In the forms of the field: features as pickles (see affect.py), read without unpickling objects, or
MMSA's Raw clips with label.csv. The set `mosi` of this program is another form, bc-LSTM's.
"""

from equimodal.data.converters.layout import Layout
from equimodal.data.converters.sets.affect import MMSA, Affect
from equimodal.data.converters.table import Table

_SET = Affect("cmu-mosi", ("mosi_data.pkl", "mosi_data_noalign.pkl", "mosi_raw.pkl", *MMSA))
FACTS = _SET.facts


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
    return _SET.table(layout, form, file, labels)
