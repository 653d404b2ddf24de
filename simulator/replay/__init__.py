"""The packing experiment: pods arrive one by one and stay; what does not fit is dropped.

``arrivals`` draws the orders (``orders`` reads given ones), ``pack`` is the loop over the engine's
two doors, ``metrics`` turns what happened into columns along the load axis, ``sweep`` runs
policies × seeds on processes, ``report`` writes JSON, ``table`` and ``plot`` show it.
"""
