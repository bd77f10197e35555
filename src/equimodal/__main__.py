"""`python -m equimodal` is the command line."""

import sys

from equimodal.cli import main

sys.exit(main())
