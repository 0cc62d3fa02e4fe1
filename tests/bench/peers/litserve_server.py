"""LitServe with two workers over a TensorFlow concrete function."""

import litserve
from homes import Home, Request, SavedModel
from litserve_run import serve


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
    serve(Api(api_path="/predict"))
