"""The service bayplan.v1: ``bayplan_v1.proto``, and what ``make proto`` generates of it."""
