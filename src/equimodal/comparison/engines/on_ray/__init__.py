"""Tasks of a Ray cluster; no other folder imports Ray.

Ray places every run by the share of CPUs and GPUs that it asks for, and repeats one whose worker or
node is lost; the run's folder, on storage that all machines share, says from which epoch on.
"""
