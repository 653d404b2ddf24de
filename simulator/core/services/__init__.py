"""Services beside jobs: replicas that follow their load, and the requests that they serve.

``replicas`` makes rows and classes of jobs of them, ``fleet`` lets replicas come and go through
the door of sources, ``crew`` is one service of it: ``scaling`` and ``forecast`` say how many,
``holding`` what they hold. ``flow`` is the queue of requests, ``responses`` latencies in a steady
state, ``tally`` and ``samples`` what is kept of both, ``outcome`` what is left at the end.
"""
