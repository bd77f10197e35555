"""The losses under a method."""

OBJECTIVES = ("fused", "fused+unimodal")
