"""The held-out photos as the version that serves takes them: it may be of another size."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vigie.registry.cache import CHAMPION
from vigie.registry.client import RegistryClient
from vigie.registry.fetch import document_of
from vigie.training.photos.photo_reader import read_photos

if TYPE_CHECKING:
    from vigie.models.model_input import Input
    from vigie.settings import Settings
    from vigie.training.dataset import Dataset
    from vigie.training.photos.photo_set import PhotoSet


def as_champion_takes(photos: PhotoSet, name: str, settings: Settings) -> Dataset:
    """The rows of these photos, decoded again where the champion is of another size.

    To enlarge small pixels would judge a champion of larger photos by what it never sees.
    """
    item = _photo_of_champion(photos.item, name, settings)
    if item is not None and (item.shape, item.resize) != (photos.item.shape, photos.item.resize):
        photos = read_photos(photos.files, item, photos.source, settings.data, lambda text: None)
    return photos.dataset(photos.digest())


def _photo_of_champion(own: Input, name: str, settings: Settings) -> Input | None:
    client = RegistryClient.of(settings)
    champion = client.version_of(name, CHAMPION)
    document = document_of(client, name, champion.version) if champion else None
    images = document.images if document else ()
    return next((item for item in images if item.name == own.name), None)
