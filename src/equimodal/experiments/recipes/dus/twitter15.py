"""DUS, in our design, on Twitter-15 with the settings of papers by the same authors."""

from equimodal.experiments.recipes import dus
from equimodal.experiments.recipes.amss import twitter15

RECIPE = dus.recipe(twitter15.RECIPE, **dus.TWEETS)
