"""The live cluster: what is watched and what is promised become one state, without any I/O.

Everything here takes the time and returns answers; ``extender.service`` has the clock and the
API.
"""
