"""How fast jobs run that share a GPU, for people to look at.

``calibration`` reads a person's own parameters and job classes, ``command`` prints the speeds.
"""
