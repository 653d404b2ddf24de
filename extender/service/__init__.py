"""What runs: the owner with a clock, the API and the calls of kube-scheduler around it."""
