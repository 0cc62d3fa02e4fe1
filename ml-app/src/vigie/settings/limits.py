"""The settings that bound what a request or a model may take."""

from __future__ import annotations

from pydantic import Field

from vigie.settings.group import Group


class LimitSettings(Group):
    """How large a request or a model may be, and how long each part of it may take."""

    max_body_bytes: int = Field(
        default=8 * 2**20, ge=1024, description="Largest request body, bytes."
    )
    max_photo_body_bytes: int = Field(
        default=64 * 2**20,
        ge=1024,
        description="Largest request body for a model that takes photos, bytes.",
    )
    max_body_bytes_in_progress: int = Field(
        default=128 * 2**20,
        ge=1024,
        description="Most bytes of request bodies that a worker holds at once, but for the first "
        "64 KiB of each; above it 503. One body alone is always taken.",
    )
    max_photos: int = Field(default=32, ge=1, description="Most photos in one request.")
    max_rows: int = Field(default=10_000, ge=1, description="Most rows in one request.")
    max_batch_rows: int = Field(
        default=256, ge=1, description="Most rows of several requests that share one model call."
    )
    request_timeout_ms: int = Field(
        default=30_000, ge=1, description="Longest wait of a prediction, milliseconds."
    )
    header_timeout_seconds: float = Field(
        default=5.0, gt=0, description="Longest wait for the headers of a request, seconds."
    )
    body_timeout_seconds: float = Field(
        default=10.0,
        gt=0,
        le=50,
        description="Longest wait for the body of a request, or for its next 64 KiB, seconds.",
    )
    write_timeout_seconds: float = Field(
        default=10.0,
        gt=0,
        description="Longest wait for a caller to take its answer, or the next 64 KiB of it, "
        "seconds.",
    )
    keepalive_seconds: int = Field(
        default=60, ge=1, description="How long a connection waits for its next request, seconds."
    )
    connection_seconds: float = Field(
        default=0,
        ge=0,
        description="Age at which an answer ends its connection, seconds, a quarter more or less; "
        "the caller's next one may reach another replica. 0 is no limit.",
    )
    drain_seconds: float = Field(
        default=1.0,
        ge=0,
        description="How long a worker that stops is not ready but still answers, seconds. Longer "
        "than a gateway takes to see it.",
    )
    graceful_timeout_seconds: int = Field(
        default=30, ge=0, description="Time that requests have to end when a worker stops, seconds."
    )
    max_package_bytes: int = Field(
        default=2 * 2**30, ge=1024, description="Largest model package that is downloaded, bytes."
    )
    max_model_memory_bytes: int = Field(
        default=8 * 2**30,
        ge=1024,
        description="Most memory that a version may take while it is tried, or imported in place, "
        "bytes; no more than the machine has.",
    )
