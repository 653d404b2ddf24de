"""What pods wait for before they work: pulls of images, starts of containers, loads of models.

``types`` is what is stated, ``cache`` what a node keeps, ``link`` how its transfers go on over
time, ``site`` a node with both, ``shared`` caches of models beside the nodes, ``startups`` all of
it in a simulation.
"""
