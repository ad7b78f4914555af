"""Hypothesis profiles: ``make test`` uses the small one, ``make fuzz`` the long one."""

import os

from hypothesis import HealthCheck, settings

_common = {"deadline": None, "suppress_health_check": list(HealthCheck)}
# In CI the same examples each time, so that a change fails for what it does; elsewhere new ones.
settings.register_profile("test", max_examples=40, derandomize="CI" in os.environ, **_common)
settings.register_profile(
    "fuzz", max_examples=int(os.environ.get("FUZZ_EXAMPLES", "3000")), **_common
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "test"))
