"""What is predicted: one module a kind of target."""

from equimodal.balancing.task.class_checks import require_labels
from equimodal.balancing.task.classification import Classification
from equimodal.balancing.task.multi_label import MultiLabel
from equimodal.balancing.task.regression import Regression
from equimodal.balancing.task.several import Tasks
from equimodal.balancing.task.task import Task

__all__ = ["Classification", "MultiLabel", "Regression", "Task", "Tasks", "require_labels"]
