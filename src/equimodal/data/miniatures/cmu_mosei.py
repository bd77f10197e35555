"""CMU-MOSEI in miniature: MulT's file has the form of that of CMU-MOSI."""

from pathlib import Path

from equimodal.data.miniatures import cmu_mosi


def write(root: Path) -> None:
    """mosei_senti_data.pkl of MulT."""
    cmu_mosi.write(root)
    (root / "mosi_data.pkl").rename(root / "mosei_senti_data.pkl")
