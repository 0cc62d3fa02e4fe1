"""The schema of Terraform's google provider, read out of a package of generated bindings.

`tools/provider-schema` runs this. The wheel of `cdktn-provider-google` carries a module per
resource, and each says which arguments there are, of what type, and which are required. What is
written has the form of `terraform providers schema -json`, without any text, for the resources
that `Iac/` uses. A computed list of objects is left out: nothing refers to one.
"""

from __future__ import annotations

import io
import json
import re
import sys
import tarfile
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROVIDER = "registry.terraform.io/hashicorp/google"
TYPES: Mapping[str, Any] = {
    "string": "string",
    "number": "number",
    "boolean": "bool",
    "any": "dynamic",
    "stringMap": ["map", "string"],
}
GETTERS: Mapping[str, Any] = {
    "String": "string",
    "Number": "number",
    "Boolean": "bool",
    "List": ["list", "string"],
    "StringMap": ["map", "string"],
}

BODY = r"\(struct\) \{(?:(?!\nfunction ).)*?const attrs = \{(.*?)\n?(?:    )?\};"
RESOURCE = r"synthesizeHclAttributes\(\) \{\n\s+const attrs = \{\n(.*?)\n        \};"
ENTRY = re.compile(
    r"(\w+): \{\n\s+value: (.*?),\n\s+isBlock: (true|false),\n\s+type: \"(\w+)\","
    r"\n\s+storageClassType: \"(\w+)\""
)
COMPUTED = (
    r"    // (\w+) - computed: true, optional: false.*?\n.*?\n.*?get(\w+)Attribute\('(\w+)'\)"
)


@dataclass(frozen=True)
class Module:
    """The generated code of one resource and the declarations of its types."""

    code: str
    declarations: str

    def optional(self, interface: str) -> dict[str, bool]:
        """Which properties of an interface may be left out."""
        body = re.search(
            rf"export interface {interface}(?: extends [\w.]+)? \{{\n(.*?)\n\}}",
            self.declarations, re.DOTALL,
        )  # fmt: skip
        assert body is not None, interface
        return {
            name: mark == "?" for name, mark in re.findall(r"readonly '?(\w+)'?(\??):", body[1])
        }

    def class_body(self, name: str) -> str:
        pattern = rf"\nclass {name} extends .*?(?=\nclass |\nfunction |\Z)"
        body = re.search(pattern, self.code, re.DOTALL)
        return body[0] if body else ""


def read_block(module: Module, body: str, interface: str, holder: str) -> dict[str, Any]:
    """A block of the schema.

    Args:
        module: Where it is described.
        body: The part of the code that lists its arguments.
        interface: The type of the same arguments, which says what is required.
        holder: The class that has what is computed as well.
    """
    optional = module.optional(interface)
    attributes: dict[str, Any] = {}
    blocks: dict[str, Any] = {}
    for name, value, is_block, kind, storage in ENTRY.findall(body):
        source = re.search(r"(?:struct\.|this\._)(\w+)", value)
        assert source is not None, value
        may_miss = optional[source[1]]
        if is_block == "true":
            blocks[name] = read_nested(module, value, kind, storage, may_miss)
        else:
            attributes[name] = {"type": _type(kind, storage)}
            attributes[name] |= {"optional": True} if may_miss else {"required": True}
    for name, getter, _ in re.findall(COMPUTED, module.class_body(holder)):
        if getter in GETTERS and name not in attributes:
            attributes[name] = {"type": GETTERS[getter], "computed": True}
    found: dict[str, Any] = {"attributes": dict(sorted(attributes.items()))}
    return found | ({"block_types": dict(sorted(blocks.items()))} if blocks else {})


def read_nested(
    module: Module, value: str, kind: str, storage: str, may_miss: bool
) -> dict[str, Any]:
    """A block within a block, with how often it may stand there."""
    (function,) = re.findall(r"(\w+)ToHclTerraform", value)
    interface = storage if kind == "struct" else storage.removesuffix("List")
    body = re.search(rf"function {function}ToHclTerraform{BODY}", module.code, re.DOTALL)
    assert body is not None, function
    found: dict[str, Any] = {
        "nesting_mode": "single" if kind == "struct" else kind,
        "block": read_block(module, body[1], interface, f"{interface}OutputReference"),
    }
    if kind != "struct":
        found |= {} if "listMapper" in value else {"max_items": 1}
        found |= {} if may_miss else {"min_items": 1}
    return found


def _type(kind: str, storage: str) -> Any:
    if kind in ("list", "set"):
        return [kind, TYPES[storage.removesuffix("List")]]
    return TYPES[storage]


def read_resource(module: Module, name: str) -> dict[str, Any]:
    """The schema of a resource or data source, from its class name in the bindings."""
    body = re.search(RESOURCE, module.code, re.DOTALL)
    assert body is not None, name
    return {"version": 0, "block": read_block(module, body[1], f"{name}Config", name)}


def read_package(wheel: Path, resources: Iterable[str], data: Iterable[str]) -> dict[str, Any]:
    """The schemas of these resources and data sources, and of the provider itself."""
    wanted = {f"resource/{name}": _folder(name) for name in resources}
    wanted |= {f"data/{name}": f"data-google-{_folder(name)}" for name in data}
    with zipfile.ZipFile(wheel) as package:
        (name,) = [n for n in package.namelist() if n.endswith(".jsii.tgz")]
        content = io.BytesIO(package.read(name))
    with tarfile.open(fileobj=content, mode="r:gz") as archive:
        modules = _modules(archive, {"provider", *wanted.values()})
    schemas: dict[str, dict[str, Any]] = {"resource": {}, "data": {}}
    for key, folder in sorted(wanted.items()):
        kind, _, name = key.partition("/")
        title = "".join(part.capitalize() for part in folder.split("-"))
        schemas[kind][name] = read_resource(modules[folder], title)
    provider = read_resource(modules["provider"], "GoogleProvider")
    for block in provider["block"]["block_types"].values():
        block["nesting_mode"] = "list"
    provider["block"]["attributes"].pop("alias", None)
    version = re.search(r"providerVersion: '([\d.]+)'", modules["provider"].code)
    assert version is not None
    found = {"provider": provider, "resource_schemas": schemas["resource"]}
    return {
        "format_version": "1.0",
        "package": wheel.name.rsplit("-py3", 1)[0],
        "provider_version": version[1],
        "provider_schemas": {PROVIDER: found | {"data_source_schemas": schemas["data"]}},
    }


def _folder(name: str) -> str:
    return name.removeprefix("google_").replace("_", "-")


def _modules(archive: tarfile.TarFile, folders: set[str]) -> dict[str, Module]:
    texts: dict[tuple[str, str], str] = {}
    for member in archive:
        found = re.fullmatch(r"package/lib/([\w-]+)/.*?\.(js|d\.ts)", member.name)
        if found and found[1] in folders:
            file = archive.extractfile(member)
            assert file is not None
            key = (found[1], found[2])
            texts[key] = texts.get(key, "") + file.read().decode()
    missing = sorted(folders - {folder for folder, _ in texts})
    assert not missing, f"not in the package: {missing}"
    return {folder: Module(texts[folder, "js"], texts[folder, "d.ts"]) for folder in folders}


def names(folder: Path, kind: str) -> list[str]:
    """The types of Google's resources, or `data` sources, that the files of a folder use."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in folder.glob("*.tf"))
    return sorted(set(re.findall(rf'^{kind} "(google_\w+)"', text, re.MULTILINE)))


if __name__ == "__main__":
    iac = Path(sys.argv[2])
    schema = read_package(Path(sys.argv[1]), names(iac, "resource"), names(iac, "data"))
    json.dump(schema, sys.stdout, separators=(",", ":"))
    sys.stdout.write("\n")
