"""Cloud Storage, as the JSON API of the real one behaves."""

from localcloud.storage.app import routes
from localcloud.storage.policies import bucket_policy

__all__ = ["bucket_policy", "routes"]
