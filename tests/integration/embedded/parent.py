"""A process that runs both servers, says where and who they are, and waits to be ended."""

import json
import os
import signal
import sys
from functools import partial
from pathlib import Path

from deploy.embedded.probes import kafka_answers, postgres_answers
from tests.servers import kafka_in, postgres_in, start


def main() -> None:
    folder = Path(sys.argv[1])
    kafka, postgres = kafka_in(folder), postgres_in(folder)
    children = [
        start(postgres.prepare(), partial(postgres_answers, postgres.dsn())),
        start(kafka.prepare(), partial(kafka_answers, kafka.bootstrap)),
    ]
    told = {
        "uid": os.geteuid(),
        "kafka": kafka.bootstrap,
        "postgres": postgres.dsn(),
        "pids": [child.pid for child in children],
    }
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()
    signal.sigwait({signal.SIGTERM})


if __name__ == "__main__":
    main()
