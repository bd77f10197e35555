"""`python -m equimodal` is the command line."""

import sys

from equimodal.cli.main import main

sys.exit(main())
