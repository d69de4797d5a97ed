"""Fixtures that every kind of test may use."""

from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.postgres", "tests.redis"]

# No test asserts a time: a loaded machine makes an example slow, not wrong.
settings.register_profile(
    "kyndof", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("kyndof")
