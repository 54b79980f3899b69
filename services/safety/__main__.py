"""The service's process: `python -m services.safety`."""

from services.safety.app import build
from shared.runtime.service import run

if __name__ == "__main__":
    run(build)
