"""How long what lives, and what an access token says."""

from dataclasses import dataclass
from datetime import datetime, timedelta

ACCESS_LIFETIME = timedelta(minutes=15)
REFRESH_LIFETIME = timedelta(days=30)
FAMILY_LIFETIME = timedelta(days=180)
#: Clocks of two machines may differ by this much.
SKEW = timedelta(seconds=30)
REFRESH_PREFIX = "kyndof_rt_"
KEY_PREFIX = "kyndof_ak_"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessClaims:
    """Whom an access token speaks for; its family says whether it still does."""

    token_id: str
    family_id: str
    organization_id: str
    user_id: str
    login: str
    issued_at: datetime
    expires_at: datetime
    scopes: tuple[str, ...] | None
