from __future__ import annotations

import os

from hypothesis import Phase, settings

pytest_plugins = ["promises"]

# Examples are the same in every run: a failure elsewhere is a failure here. Shrinking one can take
# minutes, so only `debug` does it.
_PHASES = (Phase.explicit, Phase.reuse, Phase.generate)
for _name, _examples in (("full", 200), ("small", 15), ("thorough", 1100)):
    settings.register_profile(
        _name, max_examples=_examples, deadline=None, derandomize=True, phases=_PHASES
    )
settings.register_profile("debug", max_examples=200, deadline=None, derandomize=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "full"))
