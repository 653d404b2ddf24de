from __future__ import annotations

import sys
from pathlib import Path

# Benchmarks are scripts: they import each other by plain name.
sys.path.insert(0, str(Path(__file__).parents[2] / "bench"))
