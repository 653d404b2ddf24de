"""Pure Numba functions on arrays and scalars: fit, score, pick, change, fragmentation.

``_jit`` holds the one decorator and the folders of compiled code, ``_cache`` keeps what is wrong
with them from callers, ``warm`` compiles everything ahead.
"""
