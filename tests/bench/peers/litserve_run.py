"""How both LitServe peers run: two workers behind two API servers."""

import os

import litserve


def serve(api: litserve.LitAPI) -> None:
    """Answers on the port of the benchmark until it is stopped."""
    server = litserve.LitServer(
        api, accelerator="cpu", workers_per_device=2, timeout=60, fast_queue=True
    )
    server.run(
        host="127.0.0.1",
        port=int(os.environ["BENCH_PORT"]),
        num_api_servers=2,
        log_level="warning",
        generate_client_file=False,
    )
