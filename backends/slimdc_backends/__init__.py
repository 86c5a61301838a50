"""The backends that come with slimdc, each imported only when it is asked for."""
