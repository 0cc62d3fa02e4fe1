"""The model for `mlflow models serve` and for MLServer: a DataFrame in, an array out.

MLflow's own TensorFlow flavour refuses text inputs when it serves, so a PythonModel calls the
SavedModel. MLflow copies this file beside the model, so it stands alone.
"""

import mlflow
import pandas as pd
import tensorflow as tf

TEXTS = ["property_type", "district"]


class Homes(mlflow.pyfunc.PythonModel):
    """Calls the concrete function of the SavedModel."""

    def load_context(self, context):
        self._model = tf.saved_model.load(context.artifacts["saved_model"])
        self._serve = self._model.serve.get_concrete_function(
            tf.TensorSpec([None, 6], tf.float32), tf.TensorSpec([None, 2], tf.string)
        )

    def predict(self, context, model_input: pd.DataFrame, params=None):
        numbers = model_input.drop(columns=TEXTS).to_numpy("float32")
        texts = model_input[TEXTS].to_numpy(dtype=object)
        answer = self._serve(tf.constant(numbers), tf.constant(texts, tf.string))
        return answer.numpy().reshape(-1)


mlflow.models.set_model(Homes())
