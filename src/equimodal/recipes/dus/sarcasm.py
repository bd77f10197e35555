"""DUS, in our design, on Sarcasm with the settings of papers by the same authors."""

from equimodal.recipes import dus
from equimodal.recipes.amss import sarcasm

RECIPE = dus.recipe(sarcasm.RECIPE, **dus.TWEETS)
