"""The service's process: `python -m services.portal`."""

from services.portal.app import build
from shared.runtime.service import run

if __name__ == "__main__":
    run(build)
