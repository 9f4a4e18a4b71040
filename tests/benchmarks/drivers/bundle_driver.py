"""Airflow's GCSDagBundle, told when to do what: `bundle_driver BUCKET PREFIX`, commands `first` and `next`.

Runs in an environment of its own (tests/benchmarks/requirements.txt).
"""

from __future__ import annotations

import sys

from airflow.providers.google.cloud.bundles.gcs import GCSDagBundle

from tests.benchmarks.drivers.follow import follow
from tests.benchmarks.drivers.meter import Meter


def main() -> None:
    meter = Meter()
    bucket, prefix = sys.argv[1:]
    bundle = GCSDagBundle(name="rival", bucket_name=bucket, prefix=prefix)
    follow(meter, {"first": bundle.initialize, "next": bundle.refresh})


if __name__ == "__main__":
    main()
