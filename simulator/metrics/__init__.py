"""What a simulation is judged by: metrics, their summary, intervals over seeds.

``catalogue`` the metrics, declared once · ``summary`` all of them, of one run · ``figures`` one row
a job, which they are made from · ``fairness`` rho and Jain's index · ``spread`` means and
percentiles · ``intervals`` Student's t · ``variants`` runs side by side, and which is best.
"""

from bayplan.simulator.metrics.catalogue import BY_KEY, METRICS, Metric, metric
from bayplan.simulator.metrics.intervals import Interval, interval
from bayplan.simulator.metrics.summary import Part, Summary, summarise
from bayplan.simulator.metrics.variants import Mark, Variant, complete, figure_of, lacking, marks

__all__ = [
    "BY_KEY",
    "METRICS",
    "Interval",
    "Mark",
    "Metric",
    "Part",
    "Summary",
    "Variant",
    "complete",
    "figure_of",
    "interval",
    "lacking",
    "marks",
    "metric",
    "summarise",
]
