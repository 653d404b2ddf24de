"""The simulation: time, jobs that run at changing speed, and the passes that start them."""
