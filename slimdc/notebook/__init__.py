"""How sets and reports show themselves in a notebook: HTML that needs nothing beside itself."""

__all__: list[str] = []
