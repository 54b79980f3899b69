"""The service's process: `python -m services.notifier`."""

from services.notifier.app import build
from shared.runtime.service import run

if __name__ == "__main__":
    run(build)
