"""`equimodal`, whose second process is killed after the second epoch."""

import os
import signal
import sys

from equimodal.cli.main import main
from equimodal.training import loop

judge = loop.predict
judged = []


def predict(*arguments):
    judged.append(arguments)
    if len(judged) == 3 and os.environ["RANK"] == "1":
        os.kill(os.getpid(), signal.SIGKILL)
    return judge(*arguments)


loop.predict = predict
sys.exit(main())
