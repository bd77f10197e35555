"""DUS, in our design, on Sarcasm with the settings of papers by the same authors."""

from equimodal.experiments.recipes import dus
from equimodal.experiments.recipes.amss import sarcasm

RECIPE = dus.recipe(sarcasm.RECIPE, **dus.TWEETS)
