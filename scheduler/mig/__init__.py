"""MIG inside the engine: masks on the placement axis, what still fits, where it goes.

``tables`` holds everything by mask, computed once a product; ``rules`` are the placement policies.
"""
