"""Our own evictor: lower pods leave for a gang that finds no room, all that must or nobody.

kube-scheduler asks an extender about victims of one pod and one node, and of a PodGroup that it
plans as a whole it asks not at all. So the whole gang's victims are looked for by the engine, and
leave by the eviction API, which keeps disruption budgets.

``candidates`` and ``looking`` find the gang, ``searching`` works out on a copy who leaves and who
still has to, ``keeping`` keeps what they leave, ``machine`` decides what is to be done next, and
``runner`` does it.
"""
