"""The one place where the recording takes anything from the other tests or from the service."""

from __future__ import annotations

from support.packages import (
    housing_document,
    install,
    install_tensor_models,
    iris_document,
    write_package,
)
from support.service import LiveService
from support.waiting import wait_until
from vigie.models.document import PackageDocument
from vigie.models.profile import Profile, build_profile
from vigie.registry.cache import CHALLENGER, ModelCache, Refusal

__all__ = [
    "CHALLENGER",
    "LiveService",
    "ModelCache",
    "PackageDocument",
    "Profile",
    "Refusal",
    "build_profile",
    "housing_document",
    "install",
    "install_tensor_models",
    "iris_document",
    "wait_until",
    "write_package",
]
