"""When a certificate is renewed."""

from datetime import datetime

#: From this share of a certificate's life on it may be renewed.
RENEW_FROM_RATIO = 1 / 3
#: Stations that enrolled together renew apart: by up to this share of the life.
JITTER_RATIO = 1 / 6


def renewal_due(not_before: datetime, not_after: datetime, chance_ratio: float) -> datetime:
    """Return when a certificate ought to be renewed.

    Args:
        not_before: when its life begins.
        not_after: when its life ends.
        chance_ratio: from 0 to 1, the same each time for the same certificate.
    """
    share_ratio = RENEW_FROM_RATIO + JITTER_RATIO * chance_ratio
    return not_before + (not_after - not_before) * share_ratio
