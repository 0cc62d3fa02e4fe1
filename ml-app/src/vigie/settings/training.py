"""The settings of training."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from vigie.settings.group import Group


class TrainingSettings(Group):
    """What training reads, keeps, signs and prepares in MLflow."""

    data: Path = Field(default=Path("var/data"), description="Folder of downloaded data.")
    housing_department: str = Field(
        default="64",
        pattern=r"^(\d{2}|2[AB]|97\d)$",
        description="French department whose sales `vigie train housing` downloads.",
    )
    weights: Path | None = Field(
        default=None,
        description="Weights of the bases of photos: a file, or a folder of files by Keras' names; "
        "without it Keras downloads them.",
    )
    held_out_rows: int = Field(
        default=1000,
        ge=0,
        description="Most held-out rows that training keeps in a package, so that later versions "
        "can be judged by them; 0 keeps none.",
    )
    signing_key: Path | None = Field(
        default=None, description="File of the private key with which training signs packages."
    )
    mlflow_reader: str | None = Field(
        default=None,
        description="Account of MLflow that `vigie bootstrap` makes and lets read every model and "
        "experiment; that of `model-sync`, where MLflow asks for accounts.",
    )
    mlflow_reader_password_file: Path | None = Field(
        default=None, description="File with the password of that account."
    )
