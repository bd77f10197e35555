"""Who trains the runs of a plan: this process, processes of this machine, or tasks of Ray."""
