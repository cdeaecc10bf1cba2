"""Imports every table, so that migrations and tests see the whole."""

from ouvidor.accounts import models as accounts
from ouvidor.analysis import models as analysis
from ouvidor.conversations import models as conversations
from ouvidor.db import Base
from ouvidor.engines import limits
from ouvidor.feedback import models as feedback
from ouvidor.knowledge import models as knowledge
from ouvidor.monitoring import models as monitoring
from ouvidor.privacy import models as privacy
from ouvidor.prompts import models as prompts

METADATA = Base.metadata

__all__ = [
    "METADATA",
    "accounts",
    "analysis",
    "conversations",
    "feedback",
    "knowledge",
    "limits",
    "monitoring",
    "privacy",
    "prompts",
]
