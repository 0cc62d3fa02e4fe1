"""LitServe with two workers over a TensorFlow concrete function."""

import os

import litserve
from homes import Home, Request, SavedModel


class Api(litserve.LitAPI):
    """The four steps of a request."""

    def setup(self, device: str) -> None:
        self._model = SavedModel()

    def decode_request(self, request: Request) -> list[Home]:
        return request.instances

    def predict(self, homes: list[Home]) -> list[float]:
        return self._model.predict(homes)

    def encode_response(self, output: list[float]) -> dict[str, list[float]]:
        return {"predictions": output}


if __name__ == "__main__":
    server = litserve.LitServer(
        Api(api_path="/predict"),
        accelerator="cpu",
        workers_per_device=2,
        timeout=60,
        fast_queue=True,
    )
    server.run(
        host="127.0.0.1",
        port=int(os.environ["BENCH_PORT"]),
        num_api_servers=2,
        log_level="warning",
        generate_client_file=False,
    )
