"""Where the tests find the checkout, and the real data that lie beside it on some machines."""

import os
from pathlib import Path

ROOT = Path(__file__).parents[1]
REAL_DATA = Path(os.environ.get("EQUIMODAL_DATA", ROOT.parent / "shared" / "data")).absolute()
