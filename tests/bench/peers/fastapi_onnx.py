"""FastAPI over ONNX Runtime, with the graph that Vigie serves."""

from fastapi import FastAPI
from homes import OnnxModel, Request

app = FastAPI()
model = OnnxModel()


@app.post("/predict")
async def predict(request: Request) -> dict[str, list[float]]:
    """One number per row."""
    return {"predictions": model.predict(request.instances)}
