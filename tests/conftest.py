from __future__ import annotations

import os

from hypothesis import Phase, settings

# Examples are the same in every run: a failure elsewhere is a failure here. Shrinking one can take
# minutes, so only `debug` does it.
_PHASES = (Phase.explicit, Phase.reuse, Phase.generate)
settings.register_profile("full", max_examples=200, deadline=None, derandomize=True, phases=_PHASES)
settings.register_profile("small", max_examples=15, deadline=None, derandomize=True, phases=_PHASES)
settings.register_profile("debug", max_examples=200, deadline=None, derandomize=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "full"))
