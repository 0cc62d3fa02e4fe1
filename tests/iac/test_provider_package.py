"""What is read out of the bindings: names, types, what is required, how often."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from pathlib import Path

import pytest

from support.provider_package import read_package
from support.terraform_schema import read_schema

SCHEMA = Path(__file__).with_name("provider-schema.json")

CODE = """
function shelfBookToTerraform(struct) {
}
function shelfBookToHclTerraform(struct) {
    const attrs = {
        page_count: {
            value: cdktf.numberToHclTerraform(struct.pageCount),
            isBlock: false,
            type: "simple",
            storageClassType: "number",
        },
    };
}
function shelfLampToHclTerraform(struct) {
    const attrs = {};
}
class ShelfBookOutputReference extends cdktf.ComplexObject {
    // isbn - computed: true, optional: false, required: false
    get isbn() {
        return this.getStringAttribute('isbn');
    }
}
function shelfOwnerToHclTerraform(struct) {
    const attrs = {
        tags: {
            value: cdktf.listMapperHcl(cdktf.stringToHclTerraform, false)(struct.tags),
            isBlock: false,
            type: "set",
            storageClassType: "stringList",
        },
    };
}
class Shelf extends cdktf.TerraformResource {
    // providerVersion: '1.2.3'
    // self_link - computed: true, optional: false, required: false
    get selfLink() {
        return this.getStringAttribute('self_link');
    }
    synthesizeHclAttributes() {
        const attrs = {
            name: {
                value: cdktf.stringToHclTerraform(this._name),
                isBlock: false,
                type: "simple",
                storageClassType: "string",
            },
            book: {
                value: cdktf.listMapperHcl(shelfBookToHclTerraform, true)(this._book.internalValue),
                isBlock: true,
                type: "list",
                storageClassType: "ShelfBookList",
            },
            lamp: {
                value: shelfLampToHclTerraform(this._lamp.internalValue),
                isBlock: true,
                type: "list",
                storageClassType: "ShelfLampList",
            },
            owner: {
                value: shelfOwnerToHclTerraform(this._owner.internalValue),
                isBlock: true,
                type: "list",
                storageClassType: "ShelfOwnerList",
            },
        };
    }
}
"""
DECLARATIONS = """
export interface ShelfConfig extends cdktf.TerraformMetaArguments {
    /** A text that is not taken over. */
    readonly name: string;
    readonly book?: ShelfBook[] | cdktf.IResolvable;
    readonly lamp?: ShelfLamp;
    readonly owner: ShelfOwner;
}
export interface ShelfLamp {
}
export interface ShelfBook {
    readonly pageCount?: number;
}
export interface ShelfOwner {
    readonly tags?: string[];
}
"""
EXPECTED = {
    "attributes": {
        "name": {"type": "string", "required": True},
        "self_link": {"type": "string", "computed": True},
    },
    "block_types": {
        "book": {
            "nesting_mode": "list",
            "block": {
                "attributes": {
                    "isbn": {"type": "string", "computed": True},
                    "page_count": {"type": "number", "optional": True},
                }
            },
        },
        "lamp": {"nesting_mode": "list", "max_items": 1, "block": {"attributes": {}}},
        "owner": {
            "nesting_mode": "list",
            "max_items": 1,
            "min_items": 1,
            "block": {"attributes": {"tags": {"type": ["set", "string"], "optional": True}}},
        },
    },
}


def package(folder: Path) -> Path:
    """A wheel with one resource, `google_shelf`, whose code is the provider's too."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        for name in ("shelf", "provider"):
            title = {"shelf": "Shelf", "provider": "GoogleProvider"}[name]
            for end, text in (("js", CODE), ("d.ts", DECLARATIONS)):
                content = text.replace("ShelfConfig", f"{title}Config").encode()
                entry = tarfile.TarInfo(f"package/lib/{name}/index.{end}")
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))
    wheel = folder / "bindings-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as file:
        file.writestr("bindings/_jsii/bindings.jsii.tgz", archive.getvalue())
    return wheel


def test_a_resource_is_read(tmp_path: Path) -> None:
    found = read_package(package(tmp_path), ["google_shelf"], [])
    assert (found["package"], found["provider_version"]) == ("bindings-1.0", "1.2.3")
    (schemas,) = found["provider_schemas"].values()
    assert schemas["resource_schemas"]["google_shelf"]["block"] == EXPECTED
    assert "not taken over" not in json.dumps(found)


def test_a_resource_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="compute-fire"):
        read_package(package(tmp_path), ["google_compute_fire"], [])


def test_the_schema_in_the_repository_was_read_whole() -> None:
    _, schemas = read_schema(SCHEMA)
    firewall = schemas["resource_schemas"]["google_compute_firewall"]["block"]
    assert firewall["attributes"]["source_ranges"] == {"type": ["set", "string"], "optional": True}
    assert firewall["block_types"]["allow"]["block"]["attributes"]["protocol"]["required"]
    instance = schemas["resource_schemas"]["google_compute_instance"]["block"]["block_types"]
    assert instance["boot_disk"]["min_items"] == instance["boot_disk"]["max_items"] == 1
