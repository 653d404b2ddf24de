"""What ``bayplan simulate`` and ``bayplan compare`` do.

``running`` is one run of a scenario, ``progress`` its bar, ``interrupts`` Ctrl-C, ``notes`` what is
said of it, ``files`` what is written of it beside tables; ``command`` is ``simulate``.
``variations`` are the scenarios of a comparison, ``compare`` their runs on processes, ``rows`` what
is written of them, ``compare_command`` is ``compare``.
"""
