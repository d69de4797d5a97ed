"""A process that swaps a station's configuration until it is killed."""

import hashlib
import itertools
import json
import sys
from pathlib import Path

from edge.infrastructure.configuration_files import ConfigurationFolder, Configured


def main() -> None:
    """Swap for ever; each document says its generation, so that a mixed one shows."""
    folder = ConfigurationFolder(Path(sys.argv[1]) / "configuration")
    kept = folder.current()
    for generation in itertools.count(kept.generation + 1 if kept else 1):
        document = json.dumps({"camera": {"exposure_us": generation}}).encode()
        folder.swap(
            Configured(
                station_id="sta_1",
                generation=generation,
                digest=hashlib.sha256(document).hexdigest(),
                document=document,
            )
        )
        print(generation, flush=True)


if __name__ == "__main__":
    main()
