"""A run's page, or several runs': one HTML file that needs nothing else.

``run`` what is read of a run's folder · ``jobs`` its jobs, one row each · ``room`` what the
GPUs had free when · ``waiting`` who waited, and for what · ``grid`` GPUs × time · ``thin`` fewer
points that look the same · ``axis`` where an axis has its marks · ``plots`` what is drawn ·
``tables`` what is told in rows · ``page`` all of it as HTML · ``command`` ``bayplan report``.
"""

from bayplan.simulator.report.page import page
from bayplan.simulator.report.run import Run, read_run

__all__ = ["Run", "page", "read_run"]
