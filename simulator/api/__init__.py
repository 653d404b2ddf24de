"""What ``import bayplan`` gives to notebooks and programs.

``scenario`` is scenarios, ``run`` one simulation, ``comparison`` many side by side, ``picture``
what they draw. Tables are Polars frames, which hand themselves on as Arrow.
"""

from bayplan.simulator.api.comparison import Comparison, compare
from bayplan.simulator.api.picture import Picture
from bayplan.simulator.api.run import Run, simulate
from bayplan.simulator.api.scenario import Scenario

__all__ = ["Comparison", "Picture", "Run", "Scenario", "compare", "simulate"]
