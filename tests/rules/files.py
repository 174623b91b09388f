"""Files of rules as people have them: ours, and those of the older importers in all their spellings."""

import json
from typing import Any

NEW_HOST = "01964b05-552a-7c4b-9184-6857e7f3dc5f"

#: The newer importer and the READMEs write `field`, `from`, `to`; the older one reads `fieldName` and the like.
REPLACEMENTS: dict[str, list[dict[str, Any]]] = {
    "short": [
        {"field": "hostId", "from": "host-1", "to": NEW_HOST},
        {"field": "id", "from": "user-1", "to": "user-9"},
    ],
    "long": [
        {"fieldName": "hostId", "fromValue": "host-1", "toValue": NEW_HOST},
        {"fieldName": "id", "fromValue": "user-1", "toValue": "user-9"},
    ],
    "snake": [
        {"field_name": "hostId", "from_value": "host-1", "to_value": NEW_HOST},
        {"field_name": "id", "from_value": "user-1", "to_value": "user-9"},
    ],
}
ENRICHMENTS: dict[str, list[dict[str, Any]]] = {
    "short": [{"field": "roleId", "action": "mapGenerate", "source": "roleId"}],
    "long": [{"fieldName": "roleId", "action": "map-and-generate", "sourceField": "roleId"}],
    "snake": [{"field_name": "roleId", "action": "MAP_GENERATE", "source_field": "roleId"}],
}
SPELLINGS = list(REPLACEMENTS)

#: Four faults in three rules.
BAD = [
    {"name": "One", "then": [{"do": "replace", "path": "a..b", "from": "x", "to": "y"}]},
    {"name": "Two", "when": [{"is": "matches", "path": "a", "pattern": "("}], "then": [{"do": "explode"}]},
    {"name": "Three", "them": [], "then": [{"do": "exclude"}]},
]
FAULTS = ("rule 1, action 1: path: ", "rule 2, condition 1: pattern: ", "rule 2, action 1: do: ", "rule 3: the key ")


def text(rules: Any) -> str:
    return json.dumps(rules)
