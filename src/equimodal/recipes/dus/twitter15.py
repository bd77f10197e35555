"""DUS, in our design, on Twitter-15 with the settings of papers by the same authors."""

from equimodal.recipes import dus
from equimodal.recipes.amss import twitter15

RECIPE = dus.recipe(twitter15.RECIPE, **dus.TWEETS)
