"""What can go wrong in a collector besides a request that is refused (`spanhouse_web.errors`).

SpanhouseError
├── SpoolInUse              another process holds the spool's directory
├── DeadLetterUnknown       no dead letter has this name, or several have
└── DeadLetterUncertain     a retry of the dead letter could store rows twice
"""

from spanhouse.errors import SpanhouseError


class SpoolInUse(SpanhouseError):
    """Another process holds the spool's directory."""


class DeadLetterUnknown(SpanhouseError):
    """No dead letter has this name, or several have."""


class DeadLetterUncertain(SpanhouseError):
    """A retry of the dead letter could store rows twice."""
