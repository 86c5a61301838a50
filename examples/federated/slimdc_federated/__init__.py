"""A federated app: clients send condensed sets, slimmed to the bandwidth that is left."""

__all__: list[str] = []
