"""What a simulation puts out: files, tables for the terminal, pictures.

``folder`` a folder written whole or not at all · ``report`` the summary as JSON · ``parquet`` jobs,
time series, stints, nodes · ``trace`` events for trace viewers · ``text`` one run in 80 columns ·
``table`` runs side by side · ``notes`` what is said beside them · ``plot`` pictures of both ·
``numbers`` how a number is written.
"""

from bayplan.simulator.outputs.folder import FILES, write_outputs
from bayplan.simulator.outputs.report import SCHEMA, as_json

__all__ = ["FILES", "SCHEMA", "as_json", "write_outputs"]
