"""The part of kustomize that ``extender/deploy`` uses, so that tests need no program for it.

Resources, components, labels, images, ConfigMaps of files (without the hash in their names), and
patches: strategic merges (lists of objects by their keys) and ``$patch: delete``. A test holds it
to ``kubectl kustomize`` where that is there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml

Object = dict[str, Any]

DEPLOY = Path(__file__).parents[1] / "extender" / "deploy"
MERGE_KEYS = {
    "containers": "name",
    "initContainers": "name",
    "volumes": "name",
    "volumeMounts": "mountPath",
    "ports": "containerPort",
    "env": "name",
}
"""By which key a list's objects are merged; other lists are replaced."""
KNOWN = {
    "apiVersion", "kind", "resources", "components", "labels", "images", "configMapGenerator",
    "patches",
}  # fmt: skip


def render(folder: Path, onto: Iterable[Object] = ()) -> list[Object]:
    """Return the objects of a kustomization; of a component, with those that it comes to."""
    told = yaml.safe_load((folder / "kustomization.yaml").read_text())
    unknown = set(told) - KNOWN
    assert not unknown, f"{folder}: not known here: {unknown}"
    things = [*onto]
    things += [thing for name in told.get("resources", []) for thing in _resource(folder / name)]
    for name in told.get("components", []):
        things = render((folder / name).resolve(), things)
    for patch in told.get("patches", []):
        things = _patched(things, _patch(folder, patch))
    for config in told.get("configMapGenerator", []):
        things = _with_config_map(things, config, folder)
    for labels in told.get("labels", []):
        for thing in things:
            thing["metadata"].setdefault("labels", {}).update(labels["pairs"])
    for image in told.get("images", []):
        _tag(things, image)
    return things


def _resource(path: Path) -> list[Object]:
    if path.is_dir():
        return render(path.resolve())
    return [thing for thing in yaml.safe_load_all(path.read_text()) if thing]


def _patch(folder: Path, patch: Object) -> Object:
    text = (folder / patch["path"]).read_text() if "path" in patch else patch["patch"]
    return dict(yaml.safe_load(text))


def _patched(things: list[Object], patch: Object) -> list[Object]:
    (found,) = [thing for thing in things if _identity(thing) == _identity(patch)]
    if patch.get("$patch") == "delete":
        return [thing for thing in things if thing is not found]
    return [_merged(thing, patch) if thing is found else thing for thing in things]


def _identity(thing: Object) -> tuple[str, str, str]:
    metadata = thing["metadata"]
    return thing["kind"], metadata.get("namespace", ""), metadata["name"]


def _merged(base: Object, change: Object) -> Object:
    merged = deepcopy(base)
    for key, value in change.items():
        there = merged.get(key)
        if isinstance(value, dict) and isinstance(there, dict):
            merged[key] = _merged(there, value)
        elif isinstance(value, list) and isinstance(there, list) and key in MERGE_KEYS:
            merged[key] = _merged_list(there, value, MERGE_KEYS[key])
        else:
            merged[key] = deepcopy(value)
    return merged


def _merged_list(base: list[Object], change: list[Object], key: str) -> list[Object]:
    changes = {each[key]: each for each in change}
    old = {each[key] for each in base}
    new = [each for each in change if each[key] not in old]
    kept = [
        _merged(each, changes[each[key]]) if each[key] in changes else each
        for each in base
        if changes.get(each[key], {}).get("$patch") != "delete"
    ]
    return new + kept


def _with_config_map(things: list[Object], config: Object, folder: Path) -> list[Object]:
    made: Object = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": config["name"], "namespace": config["namespace"]},
        "data": {name: (folder / name).read_text() for name in config["files"]},
    }
    if behavior := config.get("behavior"):
        (old,) = [thing for thing in things if _identity(thing) == _identity(made)]
        made["metadata"] = old["metadata"]
        if behavior == "merge":
            made["data"] = {**old["data"], **made["data"]}
        return [made if thing is old else thing for thing in things]
    return [*things, made]


def _tag(things: list[Object], image: Object) -> None:
    for container in _containers(things):
        if container["image"] == image["name"]:
            container["image"] = f"{image['name']}:{image['newTag']}"


def _containers(things: list[Object]) -> Iterator[Object]:
    for thing in things:
        spec = thing.get("spec", {}).get("template", {}).get("spec", {})
        yield from spec.get("containers", [])
        yield from spec.get("initContainers", [])
