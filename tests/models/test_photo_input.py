from __future__ import annotations

import pytest

from support.colours_package import colours_document
from support.packages import housing_document
from vigie.errors import DataError
from vigie.models.document import PackageDocument
from vigie.models.photo_input import photo_input


def test_a_photo_alone_and_what_fills_the_rest() -> None:
    item, others = photo_input(PackageDocument.model_validate(colours_document()))
    assert (item.name, others) == ("photo", None)
    item, others = photo_input(PackageDocument.model_validate(colours_document(extra=True)))
    assert others is not None
    assert others.decode_columns({}, 2).columns["warmth"] == [0.0, 0.0]


def test_a_model_that_needs_more_is_refused() -> None:
    document = colours_document(extra=True)
    document["inputs"][1] |= {"required": True}
    with pytest.raises(DataError, match="needs warmth beside the photo"):
        photo_input(PackageDocument.model_validate(document))
    with pytest.raises(DataError, match="takes 0 photos a row, not one"):
        photo_input(PackageDocument.model_validate(housing_document()))
