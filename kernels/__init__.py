"""Pure Numba functions on arrays and scalars: fit, score, pick, change, fragmentation.

``_jit`` holds the one decorator and the compile cache, ``warm`` compiles everything ahead.
"""
