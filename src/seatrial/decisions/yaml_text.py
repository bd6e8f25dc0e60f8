"""YAML read as text: no tags, no types guessed (`yes` stays `yes`, `007` stays `007`), no key twice."""

from typing import Any

import yaml


class _TextLoader(yaml.BaseLoader):
    """PyYAML's safest loader: mappings, lists, strings and null only; a key given twice is an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(None, None, "a key must be a word", key.start_mark)
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"key '{key.value}' is given twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)

    def construct_scalar(self, node: yaml.ScalarNode) -> Any:
        if node.style is None and node.value in ("null", "~"):
            return None
        return super().construct_scalar(node)


def read_yaml(text: str) -> Any:
    """Return the one document of `text`, every scalar a string, but a bare `null` None; raises `yaml.YAMLError`.

    >>> read_yaml("slice: {income: yes, code: 007}")
    {'slice': {'income': 'yes', 'code': '007'}}
    """
    return yaml.load(text, Loader=_TextLoader)
