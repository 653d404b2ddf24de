"""Public traces: what there is, and how it is downloaded.

``sources`` lists data sets with address, size, checksum and licence; ``download`` gets one file
over HTTP; ``sums`` keeps the checksums of a folder; ``command`` is ``bayplan traces fetch``.
"""

from bayplan.traces.fetch.command import fetch, list_sources

__all__ = ["fetch", "list_sources"]
